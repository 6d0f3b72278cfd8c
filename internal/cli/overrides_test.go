package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOverrides(t *testing.T) {
	for _, tt := range []struct {
		name            string
		args, overrides []string
		rest            []string
		want            map[string]string
	}{
		{"none", []string{"a=b"}, nil, []string{"a=b"}, map[string]string{}},
		{"one", []string{"app"}, []string{"K=V"}, []string{"app"}, map[string]string{"K": "V"}},
		{"several", []string{"L=W", "./app=1", "M=x=y"}, []string{"K=V"}, []string{"./app=1"}, map[string]string{"K": "V", "L": "W", "M": "x=y"}},
		{"long", []string{"ParameterKey=L,ParameterValue=a,b"}, []string{"ParameterKey=K,ParameterValue="}, nil, map[string]string{"K": "", "L": "a,b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rest, all := moreOverrides(tt.args, tt.overrides)
			got, err := parseOverrides(all)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if diff := cmp.Diff(tt.rest, rest); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := parseOverrides([]string{"K"}); err == nil {
		t.Error("a parameter without value is taken")
	}
}
