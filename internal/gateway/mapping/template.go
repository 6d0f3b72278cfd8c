package mapping

import (
	"sync"

	"github.com/sallyport/sallyport/internal/jsonpath"
	"github.com/sallyport/sallyport/internal/vtl"
)

// A Template was read. It may be rendered from many goroutines.
type Template struct {
	vtl   *vtl.Template
	paths jsonpath.Cache
	idle  sync.Pool // of *scope
}

// Parse reads a mapping template. The error is a *vtl.Error.
func Parse(source string) (*Template, error) {
	t, err := vtl.Parse(source)
	if err != nil {
		return nil, err
	}
	return &Template{vtl: t}, nil
}

// Literal returns what a template without references and directives renders.
func (t *Template) Literal() (string, bool) { return t.vtl.Literal() }

// Loops reports whether the time of a render depends on the data.
func (t *Template) Loops() bool { return t.vtl.Loops() }

// UsesContext reports whether the template needs Call.Context.
func (t *Template) UsesContext() bool { return t.vtl.Uses("context") }

// Render appends what the template makes of body ($input) and call to dst. The error is a *vtl.Error.
func (t *Template) Render(dst, body []byte, call *Call) ([]byte, error) {
	s, _ := t.idle.Get().(*scope)
	if s == nil {
		s = &scope{}
	}
	s.call = call
	s.input = input{body: body, call: call, paths: &t.paths}
	s.context = requestContext{call}
	out, err := t.vtl.Render(dst, s)
	*s = scope{}
	t.idle.Put(s)
	return out, err
}

// A scope is what a render begins with.
type scope struct {
	call    *Call
	input   input
	context requestContext
	util    util
}

// Variable implements vtl.Variables.
func (s *scope) Variable(name string) any {
	switch name {
	case "input":
		return &s.input
	case "context":
		return &s.context
	case "util":
		return &s.util
	case "stageVariables":
		return s.call.variables()
	}
	return nil
}
