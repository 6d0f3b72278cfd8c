package mapping

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/jsonpath"
	"github.com/sallyport/sallyport/internal/vtl"
)

// AWS: templates find this where there is no body.
const emptyBody = "{}"

// input is $input.
type input struct {
	body  []byte
	call  *Call
	paths *jsonpath.Cache

	scans  int // of the body as it is
	parsed bool
	doc    any   // the body, once parsed
	err    error // why it could not be
}

var _ vtl.Printer = (*input)(nil)

// Property implements vtl.Object.
func (in *input) Property(m *vtl.Meter, name string) any {
	if name != "body" {
		return nil
	}
	if len(in.body) == 0 {
		return emptyBody
	}
	_ = m.Spend(len(in.body) / 16)
	return string(in.body)
}

// AppendPath implements vtl.Printer. AWS: the body is a text, which has no members.
func (in *input) AppendPath(m *vtl.Meter, dst []byte, names []string) ([]byte, bool) {
	switch {
	case names[0] != "body" || len(names) > 1:
		return dst, true
	case len(in.body) == 0:
		return append(dst, emptyBody...), true
	}
	_ = m.Spend(len(in.body) / 64)
	return append(dst, in.body...), true
}

// Call implements vtl.Object.
func (in *input) Call(m *vtl.Meter, method string, args []any) (any, error) {
	switch {
	case method == "params" && len(args) == 0:
		return in.params(m)
	case len(args) != 1:
		return nil, nil
	}
	arg, err := vtl.String(m, args[0])
	if err != nil {
		return nil, err
	}
	switch method {
	case "json":
		v, found, err := in.get(m, arg)
		if err != nil {
			return nil, err
		}
		if !found {
			return `""`, nil
		}
		return string(json.AppendValue(nil, v)), nil
	case "path":
		v, _, err := in.get(m, arg)
		if err != nil {
			return nil, err
		}
		return vtl.FromJSON(v), nil
	case "params":
		return in.param(arg), nil
	}
	return nil, nil
}

// get returns the value at a path in the body.
func (in *input) get(m *vtl.Meter, source string) (any, bool, error) {
	if err := m.Spend(20 + len(in.body)/16); err != nil { // what is found is copied or printed
		return nil, false, err
	}
	path, err := in.paths.Compile(source)
	if err != nil {
		return nil, false, fmt.Errorf("path %q: %w", source, err)
	}
	if v, found, known := in.scan(path); known {
		return v, found, nil
	}
	if !in.parsed {
		in.parsed = true
		in.doc, in.err = json.ParseLenient(in.body)
		if len(in.body) == 0 {
			in.doc = &json.Object{}
		}
	}
	if in.err != nil {
		return nil, false, fmt.Errorf("could not process payload: %w", in.err)
	}
	left := m.Left()
	v, found, err := path.GetWithin(in.doc, &left)
	if err == nil {
		err = m.Spend(m.Left() - left)
	}
	return v, found, err
}

// Bounds of what is scanned: a body is parsed when it is long, or when much is asked of it.
const (
	maxScans   = 8
	maxScanned = 8 << 10
)

// scan finds a plain value in a body that is JSON without parsing it. It reports whether it knows.
func (in *input) scan(path *jsonpath.Path) (v any, found, known bool) {
	steps, ok := path.Plain()
	if !ok || in.parsed || in.scans >= maxScans || len(in.body) > maxScanned {
		return nil, false, false
	}
	in.scans++
	var span [1]json.Span
	if !json.NewPicker(steps).Pick(in.body, span[:]) {
		return nil, false, false
	}
	raw := span[0].Of(in.body)
	if raw == nil {
		return nil, false, true
	}
	switch raw[0] {
	case '{', '[':
		return nil, false, false
	case '"':
		return string(json.AppendUnquoted(nil, raw[1:len(raw)-1])), true, true
	case 't', 'f':
		return raw[0] == 't', true, true
	case 'n':
		return nil, true, true
	}
	return json.Number(raw), true, true
}

// params is $input.params(): all parameters.
func (in *input) params(m *vtl.Meter) (any, error) {
	all := &vtl.Map{}
	all.Put("path", toMap(in.call.Path))
	all.Put("querystring", toMap(in.call.Query))
	all.Put("header", toMap(in.call.Header))
	return all, m.Spend(3 + len(in.call.Path) + len(in.call.Query) + len(in.call.Header))
}

// param is $input.params('name'): the first of path, query string and header. AWS: of several values the last.
func (in *input) param(name string) any {
	same := func(a, b string) bool { return a == b }
	for _, from := range []struct {
		parameters []Parameter
		same       func(a, b string) bool
	}{{in.call.Path, same}, {in.call.Query, same}, {in.call.Header, strings.EqualFold}} {
		for _, p := range from.parameters {
			if n := len(p.Values); n > 0 && from.same(p.Name, name) {
				return p.Values[n-1]
			}
		}
	}
	return nil
}
