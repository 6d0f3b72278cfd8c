//go:build !lambda.norpc

package sallyport

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/wsapp"
)

func TestCommand(t *testing.T) {
	app := &wsapp.App{Name: "hello"}
	wsapp.On(app, wsapp.DefaultKey, func(context.Context, string) error { return nil })
	for _, tt := range []struct {
		name  string
		args  []string
		want  string // of the output and the error
		usage bool
	}{
		{"none", nil, "run      [--port N]", false},
		{"help", []string{"help"}, "describe [--svg]", false},
		{"unknown", []string{"fly"}, "run      [--port N]", true},
		{"run_argument", []string{"run", "fast"}, `not "fast"`, true},
		{"run_option", []string{"run", "--prot", "1"}, "`run --help` lists the options", true},
		{"run_port", []string{"run", "--port", "70000"}, "--port is 0 to 65535", true},
		{"run_options", []string{"run", "--help"}, "folder for the data", false},
		{"of_the_app", []string{"describe"}, "$default", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			err := command(t.Context(), app, tt.args, &out)
			text := out.String()
			if err != nil {
				text += err.Error()
			}
			if _, usage := errors.AsType[usageError](err); usage != tt.usage || !strings.Contains(text, tt.want) {
				t.Errorf("%v, usage %v, want %q, %v\n%s", err, usage, tt.want, tt.usage, text)
			}
		})
	}
}
