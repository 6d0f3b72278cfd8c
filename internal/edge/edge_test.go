package edge

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHandler(t *testing.T) {
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) })
	}
	h := Handler(Config{Connections: named("connections"), AWS: named("aws"), Proxy: named("proxy"), Own: named("own")})
	for _, tt := range []struct {
		name, method, url, auth, want string
	}{
		{name: "host form", method: "POST", url: "https://abcdefghij.execute-api.us-east-1.amazonaws.com/prod/@connections/x", want: "connections"},
		{name: "plain request to a host", method: "GET", url: "https://abcdefghij.execute-api.us-east-1.amazonaws.com/prod", want: "connections"},
		{name: "path form", method: "POST", url: "http://localhost:4566/abcdefghij/prod/@connections/x", want: "connections"},
		{name: "escaped", method: "POST", url: "http://localhost:4566/prod/%40connections/x%3D", want: "connections"},
		{name: "plain request to a path", method: "GET", url: "http://localhost:4566/abcdefghij/prod", want: "connections"},
		{name: "signed call", method: "GET", url: "http://localhost:4566/v2/apis", auth: "AWS4-HMAC-SHA256 …", want: "aws"},
		{name: "signed object in a bucket", method: "GET", url: "http://localhost:4566/abcdefghij/prod", auth: "AWS4-HMAC-SHA256 …", want: "aws"},
		{name: "own path", method: "GET", url: "http://localhost:4566/_sallyport/health", want: "own"},
		{name: "tunnel", method: "CONNECT", url: "http://example.com:443", want: "proxy"},
		{name: "root", method: "POST", url: "http://localhost:4566/", want: "aws"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.url, nil)
			if tt.auth != "" {
				r.Header.Set("Authorization", tt.auth)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := w.Body.String(); got != tt.want {
				t.Errorf("%s %s went to %q, want %q", tt.method, tt.url, got, tt.want)
			}
		})
	}
}
