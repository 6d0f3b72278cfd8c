package urls

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// allowCORS adds the headers that let a browser's page use the answer, and answers a preflight request: then it returns true. A URL
// without settings leaves all to the function.
func allowCORS(w http.ResponseWriter, r *http.Request, c *shape.Cors) (answered bool) {
	origin := r.Header.Get("Origin")
	if c == nil || origin == "" {
		return false
	}
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	h := w.Header()
	if slices.Contains(c.AllowOrigins, "*") || slices.Contains(c.AllowOrigins, origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		if slices.Contains(c.AllowOrigins, "*") && !(c.AllowCredentials != nil && *c.AllowCredentials) {
			h.Set("Access-Control-Allow-Origin", "*")
		}
		h.Add("Vary", "Origin")
		if c.AllowCredentials != nil && *c.AllowCredentials {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		setList(h, "Access-Control-Expose-Headers", c.ExposeHeaders)
		if preflight {
			setList(h, "Access-Control-Allow-Methods", c.AllowMethods)
			setList(h, "Access-Control-Allow-Headers", c.AllowHeaders)
			if c.MaxAge != nil {
				h.Set("Access-Control-Max-Age", strconv.FormatInt(*c.MaxAge, 10))
			}
		}
	}
	if preflight {
		w.WriteHeader(http.StatusOK)
	}
	return preflight
}

func setList(h http.Header, name string, values []string) {
	if len(values) > 0 {
		h.Set(name, strings.Join(values, ","))
	}
}

// granted reports whether a header is one of CORS that the URL's settings have set.
func granted(h http.Header, name string) bool {
	return strings.HasPrefix(strings.ToLower(name), "access-control-") && h.Get("Access-Control-Allow-Origin") != ""
}
