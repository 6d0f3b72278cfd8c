package jsonpath

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/internal/json"
)

// ErrSyntax is wrapped by what Compile returns for text that is no path.
var ErrSyntax = errors.New("invalid JSONPath")

// ErrTooMuch is what Get returns when a path would visit too much of a document.
var ErrTooMuch = errors.New("JSONPath visits too many values")

// maxVisits bounds how many values one Get visits: $..*..*..* grows with the power of its parts.
const maxVisits = 1_000_000

// A Path is compiled. It may be used from many goroutines.
type Path struct {
	relative bool // begins with @
	steps    []step
	definite bool
	function bool // ends in a function
	plain    json.Path
}

// Compile reads a path. One that begins with neither $ nor @ is taken as if $. stood before it, as Jayway does.
func Compile(source string) (*Path, error) {
	return compile(source, 0)
}

// Definite reports whether the path leads to one value: it has no wildcard, scan, slice, union or filter. Other paths give lists.
func (p *Path) Definite() bool { return p.definite }

// Plain returns the path as names and indexes, if it is nothing else.
func (p *Path) Plain() (json.Path, bool) {
	return p.plain, p.plain != nil
}

// Get returns the value at the path in doc, or all values at it as []any if it is not definite. found is false if a part that must be there
// is missing; a path that is not definite is found with no values, too. The value may be part of doc.
func (p *Path) Get(doc any) (value any, found bool, err error) {
	return p.GetWithin(doc, new(maxVisits))
}

// GetWithin is Get that visits at most as many values as visits says, and takes those that it visited from it.
func (p *Path) GetWithin(doc any, visits *int) (value any, found bool, err error) {
	w := walker{root: doc, left: min(*visits, maxVisits)}
	before := w.left
	value, found, err = w.get(p, doc)
	*visits -= before - w.left
	return value, found, err
}

// finish derives what evaluation asks of the steps again and again.
func (p *Path) finish() {
	p.definite = true
	for i := range p.steps {
		s := &p.steps[i]
		s.leaf = i == len(p.steps)-1
		s.certain = p.definite
		p.definite = p.definite && s.definite()
	}
	p.plain = plain(p.steps)
	p.function = len(p.steps) > 0 && p.steps[len(p.steps)-1].kind == function
	if p.function && p.steps[0].kind == scan {
		p.invert()
	}
}

// plain returns steps as names and indexes, nil if there are others.
func plain(steps []step) json.Path {
	out := make(json.Path, len(steps))
	for i, s := range steps {
		switch {
		case s.kind == property && len(s.names) == 1:
			out[i] = json.Step{Name: s.names[0]}
		case s.kind == index && len(s.indexes) == 1 && s.indexes[0] >= 0:
			out[i] = json.Step{Index: s.indexes[0], Array: true}
		default:
			return nil
		}
	}
	return out
}

// invert makes f($..a) of $..a.f(): Jayway applies a function behind a scan to all results together.
func (p *Path) invert() {
	for i := range p.steps {
		if p.steps[i].kind != function {
			continue
		}
		all := &Path{steps: p.steps[:i:i]}
		all.finish()
		if p.steps[i].names[0] == "length" {
			all.every()
		}
		rest := slices.Clone(p.steps[i:])
		rest[0].params = []param{{path: all}}
		p.steps = rest
		p.finish()
		return
	}
}

// every makes the path lead to everything in what it led to. Jayway: length() of a path counts what is there.
func (p *Path) every() {
	p.steps = append(slices.Clone(p.steps), step{kind: wildcard})
	p.finish()
}

func syntax(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSyntax, fmt.Sprintf(format, args...))
}
