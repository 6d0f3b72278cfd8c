package integration

import (
	"fmt"

	"github.com/sallyport/sallyport/internal/gateway/mapping"
)

// A Template is a mapping template that was read.
type Template interface {
	// Render appends what the template makes of body ($input) and r to dst. Nobody changes what it returns.
	Render(dst, body []byte, r *Request) ([]byte, error)
}

// literal is a template without references and directives.
type literal []byte

func (l literal) Render(dst, _ []byte, _ *Request) ([]byte, error) {
	if dst == nil {
		return l[:len(l):len(l)], nil
	}
	return append(dst, l...), nil
}

// mapped is a template that makes something of a request.
type mapped struct{ *mapping.Template }

// Render implements Template. The templates of one call share what they assign to the overrides.
func (t mapped) Render(dst, body []byte, r *Request) ([]byte, error) {
	call, ok := r.Overrides.State.(*mapping.Call)
	if !ok {
		call = &mapping.Call{Context: r.Context, Header: parametersOf(r.Headers), Query: parametersOf(r.Query), Variables: r.Variables}
		r.Overrides.State = call
	}
	call.Status = r.Status
	out, err := t.Template.Render(dst, body, call)
	if err != nil {
		return nil, err
	}
	assigned := call.Overrides()
	r.Overrides.Header, r.Overrides.Query, r.Overrides.Path = assigned.Header, assigned.Query, assigned.Path
	r.Overrides.Status, _ = call.StatusOverride()
	return out, nil
}

func parametersOf(fields []Field) []mapping.Parameter {
	if len(fields) == 0 {
		return nil
	}
	out := make([]mapping.Parameter, len(fields))
	for i, f := range fields {
		out[i] = mapping.Parameter(f)
	}
	return out
}

// invalid is a template that could not be read.
type invalid struct{ err error }

func (i invalid) Render([]byte, []byte, *Request) ([]byte, error) { return nil, i.err }

// readTemplates reads all templates of a map. AWS: a template that is wrong fails when it is used.
func readTemplates(sources map[string]string) map[string]Template {
	out := make(map[string]Template, len(sources))
	for key, source := range sources {
		t, err := mapping.Parse(source)
		if err != nil {
			out[key] = invalid{fmt.Errorf("read template %q: %w", key, err)}
		} else if text, ok := t.Literal(); ok {
			out[key] = append(literal{}, text...)
		} else {
			out[key] = mapped{t}
		}
	}
	return out
}

// loop reports whether how long one of the templates takes depends on the message.
func loop(templates map[string]Template) bool {
	for _, t := range templates {
		if m, ok := t.(mapped); ok && m.Loops() {
			return true
		}
	}
	return false
}
