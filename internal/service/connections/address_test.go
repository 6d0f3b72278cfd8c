package connections

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func request(method, host, target string) (*http.Request, bool) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, false
	}
	r := httptest.NewRequest(method, "/", nil)
	r.URL, r.Host, r.RequestURI = u, host, target
	return r, true
}

// at is an address at the default endpoint.
func at(api, region, stage, connection string) address {
	return address{api: api, region: region, stage: stage, connection: connection}
}

func TestParse(t *testing.T) {
	const aws, local = "abc.execute-api.eu-west-1.amazonaws.com", "localhost:4566"
	for _, tt := range []struct {
		name, host, target string
		want               address
		ok                 bool
	}{
		{"DP-276 host", aws, "/prod/@connections/L0SM9cOFIAMCIdw=", at("abc", "eu-west-1", "prod", "L0SM9cOFIAMCIdw="), true},
		{"DP-277 escaped", aws, "/prod/%40connections/L0SM9cOFIAMCIdw%3D", at("abc", "eu-west-1", "prod", "L0SM9cOFIAMCIdw="), true},
		{"endpoint_with_slash", aws, "/prod//@connections/x", at("abc", "eu-west-1", "prod", "x"), true},
		{"local_endpoint_with_slash", local, "/abc/prod//@connections/x", at("abc", "", "prod", "x"), true},
		{"slashes_alone", aws, "//@connections/x", address{}, false},
		{"other_suffix", "abc.execute-api.localhost:4566", "/prod/@connections/x", at("abc", "", "prod", "x"), true},
		{"local_stage", local, "/prod/@connections/x", at("", "", "prod", "x"), true},
		{"local_api", local, "/abc/prod/@connections/x", at("abc", "", "prod", "x"), true},
		{"query", local, "/abc/prod/@connections/x?a=/b", at("abc", "", "prod", "x"), true},
		{"host_stage", aws, "/prod", at("abc", "eu-west-1", "prod", ""), true},
		{"local_stage_alone", local, "/prod", address{}, false},
		{"local_api_and_stage", local, "/abc/prod/", at("abc", "", "prod", ""), true},
		{"no_stage", aws, "/@connections/x", address{}, false},
		{"too_deep", aws, "/abc/prod/@connections/x", address{}, false},
		{"too_deep_local", local, "/a/b/c/@connections/x", address{}, false},
		{"empty", local, "/", address{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := request("POST", tt.host, tt.target)
			got, ok := parse(r, false)
			if ok != tt.ok {
				t.Fatalf("parse = %+v, %v", got, ok)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(address{})); ok && diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseCustomDomain(t *testing.T) {
	for _, tt := range []struct {
		name, target     string
		path, connection string
	}{
		{"DP-292 key", "/chat/@connections/x=", "chat", "x="},
		{"DP-277 escaped", "/chat/%40connections/x%3D", "chat", "x="},
		{"root", "/@connections/x", "", "x"},
		{"deep_key", "/a/b/@connections/x", "a/b", "x"},
		{"plain", "/chat/", "chat", ""},
		{"plain_root", "/", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := request("POST", "ws.example.com", tt.target)
			got, ok := parse(r, true)
			if want := (address{custom: true, path: tt.path, connection: tt.connection}); !ok || got != want {
				t.Errorf("got %+v, %v, want %+v", got, ok, want)
			}
		})
	}
}

// FuzzParse asserts that what is found was there: no part is empty where it must not be, and none has a slash that the path had not escaped.
func FuzzParse(f *testing.F) {
	f.Add("abc.execute-api.eu-west-1.amazonaws.com", "/prod/%40connections/L0SM9cOFIAMCIdw%3D")
	f.Add("localhost", "//@connections//")
	f.Fuzz(func(t *testing.T, host, target string) {
		r, ok := request("POST", host, target)
		if !ok {
			return
		}
		a, ok := parse(r, false)
		if !ok {
			return
		}
		if a.stage == "" || a.api == "" && a.connection == "" {
			t.Fatalf("%q %q gives %+v", host, target, a)
		}
		if !strings.Contains(strings.ToUpper(target), "%2F") && strings.Contains(a.stage+a.connection, "/") {
			t.Fatalf("%q %q gives %+v", host, target, a)
		}
	})
}
