package wire

import (
	"net/url"
	"slices"
	"strings"
)

// Routes finds the operation of a REST request by method and path.
type Routes struct {
	byMethod map[string][]route
}

type route struct {
	operation string
	segments  []segment
	query     url.Values // parameters that the template itself names
	greedy    bool       // the last parameter takes slashes
}

type segment struct {
	literal string // or, for a parameter, ""
	param   string
}

// Add adds an operation with a URI template of AWS's model, "/v2/apis/{apiId}/routes".
func (r *Routes) Add(operation, method, template string) {
	path, query, _ := strings.Cut(template, "?")
	rt := route{operation: operation}
	rt.query, _ = url.ParseQuery(query)
	for _, part := range splitPath(path) {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			var plus bool
			name, plus = strings.CutSuffix(name, "+")
			rt.greedy = rt.greedy || plus
			rt.segments = append(rt.segments, segment{param: name})
			continue
		}
		rt.segments = append(rt.segments, segment{literal: part})
	}
	// AWS: some clients leave the slashes of an ARN in the path as they are.
	if n := len(rt.segments); n > 0 && strings.Contains(strings.ToLower(rt.segments[n-1].param), "arn") {
		rt.greedy = true
	}
	if r.byMethod == nil {
		r.byMethod = map[string][]route{}
	}
	list := append(r.byMethod[method], rt)
	slices.SortStableFunc(list, compareRoutes)
	r.byMethod[method] = list
}

// compareRoutes puts the more particular route first: literals before parameters, templates with a query before those without, greedy ones last.
func compareRoutes(a, b route) int {
	for i := range min(len(a.segments), len(b.segments)) {
		al, bl := a.segments[i].param == "", b.segments[i].param == ""
		if al != bl {
			if al {
				return -1
			}
			return 1
		}
	}
	if a.greedy != b.greedy {
		if b.greedy {
			return -1
		}
		return 1
	}
	return len(b.query) - len(a.query)
}

// Find returns the operation for an escaped path, and its parameters, decoded. ok is false if there is none.
func (r *Routes) Find(method, escapedPath string, query url.Values) (operation string, params map[string]string, ok bool) {
	parts := splitPath(escapedPath)
	for i := range r.byMethod[method] {
		rt := &r.byMethod[method][i]
		if params, ok := rt.match(parts, query); ok {
			return rt.operation, params, true
		}
	}
	return "", nil, false
}

func (rt *route) match(parts []string, query url.Values) (map[string]string, bool) {
	n := len(rt.segments)
	if len(parts) != n && !(rt.greedy && len(parts) > n && n > 0) {
		return nil, false
	}
	for name, values := range rt.query {
		if !slices.Equal(query[name], values) {
			return nil, false
		}
	}
	params := map[string]string{}
	for i, s := range rt.segments {
		part := parts[i]
		if i == n-1 && rt.greedy {
			part = strings.Join(parts[i:], "/")
		}
		decoded, err := url.PathUnescape(part)
		if err != nil {
			return nil, false
		}
		if s.param == "" {
			if decoded != s.literal {
				return nil, false
			}
			continue
		}
		params[s.param] = decoded
	}
	return params, true
}

// splitPath returns what stands between the slashes; one slash at the end does not count.
func splitPath(path string) []string {
	path = strings.TrimPrefix(path, "/")
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}
