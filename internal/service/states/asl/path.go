package asl

import (
	"errors"
	"slices"
	"strings"

	tree "github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/jsonpath"
)

// A Path is a compiled JSONPath, Jayway's, that begins at a document.
type Path struct {
	text string
	path *jsonpath.Path
}

// ErrNoPath says that a definite path leads nowhere; its text is Jayway's.
type ErrNoPath struct{ Detail string }

func (e *ErrNoPath) Error() string { return e.Detail }

var errPath = errors.New("invalid path")

// ParsePath compiles a path whose root is $. AWS: unlike Jayway it takes no path without a root.
func ParsePath(text string) (*Path, error) {
	if !strings.HasPrefix(text, "$") {
		return nil, errPath
	}
	p, err := jsonpath.Compile(text)
	if err != nil {
		return nil, err
	}
	return &Path{text: text, path: p}, nil
}

// IsReference tells whether the path names one place: only members and indexes.
func (p *Path) IsReference() bool {
	_, plain := p.path.Plain()
	return plain
}

func (p *Path) String() string { return p.text }

// Get returns what the path leads to in doc: one value, or a list if the path is indefinite.
func (p *Path) Get(doc any) (any, error) {
	v, found, err := p.path.Get(doc)
	switch {
	case err != nil:
		return nil, err
	case !found && !p.path.Definite():
		return []any{}, nil // AWS: unlike Jayway a path to many values finds none where its beginning is missing
	case !found:
		return nil, &ErrNoPath{p.path.Missing(doc)}
	}
	return v, nil
}

// Set returns doc with v at the place of a reference path, making the objects on the way. doc itself stays as it is.
func (p *Path) Set(doc, v any) (any, error) {
	steps, _ := p.path.Plain()
	return setSteps(doc, steps, v)
}

func setSteps(doc any, steps tree.Path, v any) (any, error) {
	if len(steps) == 0 {
		return v, nil
	}
	s := steps[0]
	if s.Array {
		list, ok := doc.([]any)
		if !ok || s.Index >= len(list) {
			return nil, errPath
		}
		part, err := setSteps(list[s.Index], steps[1:], v)
		if err != nil {
			return nil, err
		}
		c := slices.Clone(list)
		c[s.Index] = part
		return c, nil
	}
	o, ok := doc.(*Object)
	if !ok && doc != nil {
		return nil, errPath
	}
	before, _ := o.Get(s.Name)
	part, err := setSteps(before, steps[1:], v)
	if err != nil {
		return nil, err
	}
	c := o.Clone()
	c.Set(s.Name, part)
	return c, nil
}
