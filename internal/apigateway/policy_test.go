package apigateway

import (
	"strings"
	"testing"
	"time"
)

func TestPolicyOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		tags map[string]string
		want Policy
		err  string
	}{
		{name: "none"},
		{name: "others", tags: map[string]string{"team": "chat", "sallyport": "x"}},
		{
			name: "all",
			tags: map[string]string{
				"sallyport:idle-timeout": "1h30m", "sallyport:connection-lifetime": "none", "sallyport:frame-size": "512KiB",
				"sallyport:message-size": "16MiB", "sallyport:binary": "true", "sallyport:integration-timeout": "5m", "team": "chat",
			},
			want: Policy{Idle: 90 * time.Minute, Lifetime: -1, Frame: 512 << 10, Message: 16 << 20, Binary: true, Integration: 5 * time.Minute},
		},
		{name: "bytes", tags: map[string]string{"sallyport:message-size": "1000000"}, want: Policy{Message: 1000000}},
		{name: "shorter", tags: map[string]string{"sallyport:idle-timeout": "30s"}, want: Policy{Idle: 30 * time.Second}},
		{name: "unknown", tags: map[string]string{"sallyport:idle": "1h"}, err: "Tag sallyport:idle is not known; of those that begin with sallyport: there are binary, connection-lifetime,"},
		{name: "no_duration", tags: map[string]string{"sallyport:idle-timeout": "3600"}, err: "a duration like 90s"},
		{name: "too_short", tags: map[string]string{"sallyport:idle-timeout": "1ms"}, err: "1ms is less than 1s"},
		{name: "endless_integration", tags: map[string]string{"sallyport:integration-timeout": "none"}, err: "a duration like 90s"},
		{name: "long_integration", tags: map[string]string{"sallyport:integration-timeout": "2h"}, err: "more than 1h"},
		{name: "size", tags: map[string]string{"sallyport:frame-size": "1GB"}, err: "at most 64 MiB"},
		{name: "too_large", tags: map[string]string{"sallyport:frame-size": "65MiB"}, err: "at most 64 MiB"},
		{name: "overflow", tags: map[string]string{"sallyport:frame-size": "9223372036854775807MiB"}, err: "at most 64 MiB"},
		{name: "negative", tags: map[string]string{"sallyport:frame-size": "-1"}, err: "at most 64 MiB"},
		{name: "maybe", tags: map[string]string{"sallyport:binary": "maybe"}, err: "true or false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := PolicyOf(tt.tags)
			if tt.err == "" && (err != nil || got != tt.want) {
				t.Errorf("got %+v %v, want %+v", got, err, tt.want)
			}
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("got %v, want an error with %q", err, tt.err)
			}
		})
	}
}

func FuzzPolicyOf(f *testing.F) {
	f.Add("idle-timeout", "1h")
	f.Add("frame-size", "16MiB")
	f.Add("binary", "true")
	f.Fuzz(func(t *testing.T, name, value string) {
		p, err := PolicyOf(map[string]string{PolicyPrefix + name: value})
		if err != nil && p != (Policy{}) {
			t.Errorf("%v, and yet %+v", err, p)
		}
		if p.Frame < 0 || p.Frame > maxPolicySize || p.Message < 0 || p.Message > maxPolicySize || p.Integration < 0 || p.Integration > maxPolicyIntegration {
			t.Errorf("%s=%s gives %+v", name, value, p)
		}
	})
}
