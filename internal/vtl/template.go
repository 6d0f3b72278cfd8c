package vtl

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds. AWS: templates have at most 300 KB and loops 1000 rounds.
const (
	MaxSource     = 300 << 10
	maxIterations = 1000     // of one #foreach
	maxSteps      = 5e6      // of one render, some tenths of a second
	maxOutput     = 10 << 20 // bytes, also of one string
	maxNested     = 200      // directives, parentheses, definitions in each other
	maxDeep       = 1000     // values in each other
)

// An Error says what is wrong with a template and where. It is the only kind that Parse and Render return.
type Error struct {
	Line, Column int // counted from one
	Message      string
	Cause        error // may be nil
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

func (e *Error) Unwrap() error { return e.Cause }

// Variables gives a template the values that it does not set itself.
type Variables interface {
	// Variable returns the value under name, nil if there is none.
	Variable(name string) any
}

// A Template was read. It may be rendered from many goroutines.
type Template struct {
	source   string
	nodes    []node
	names    []string // of variables, by slot
	loops    bool
	patterns patterns
	idle     sync.Pool // of *state
}

// Parse reads a template.
func Parse(source string) (*Template, error) {
	t := &Template{source: source}
	p := &parser{t: t, s: source, slots: map[string]int{}}
	if len(source) > MaxSource {
		return nil, p.errorf(0, "the template is longer than %d bytes", MaxSource)
	}
	nodes, end, err := p.block()
	if err != nil {
		return nil, err
	}
	if end.word != "" {
		return nil, p.errorf(end.pos, "#%s without a directive that it belongs to", end.word)
	}
	t.nodes = nodes
	return t, nil
}

// Literal returns what a template without references and directives renders.
func (t *Template) Literal() (string, bool) {
	switch len(t.nodes) {
	case 0:
		return "", true
	case 1:
		text, ok := t.nodes[0].(text)
		return string(text), ok
	}
	return "", false
}

// Loops reports whether the template has loops: how long a render takes then depends on the data.
func (t *Template) Loops() bool { return t.loops }

// Uses reports whether the template names a variable.
func (t *Template) Uses(variable string) bool {
	for _, name := range t.names {
		if name == variable {
			return true
		}
	}
	return false
}

// Render appends what the template makes of vars to dst.
func (t *Template) Render(dst []byte, vars Variables) ([]byte, error) {
	s, _ := t.idle.Get().(*state)
	if s == nil {
		s = &state{t: t, vars: make([]any, len(t.names))}
	}
	s.env, s.out, s.start, s.meter.left = vars, dst, len(dst), maxSteps
	err := s.render(t.nodes)
	out := s.out
	clear(s.vars)
	clear(s.args[:cap(s.args)])
	*s = state{t: t, vars: s.vars, args: s.args[:0]}
	t.idle.Put(s)
	if err != nil && !errors.Is(err, errStop) && !errors.Is(err, errBreak) {
		return nil, t.at(0, err)
	}
	return out, nil
}

// at makes an *Error of err, unless it is one or no error at all.
func (t *Template) at(pos int, err error) error {
	switch err {
	case nil, errStop, errBreak:
		return err
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return position(t.source, pos, err.Error(), err)
}

func position(source string, pos int, message string, cause error) *Error {
	before := source[:min(pos, len(source))]
	line := strings.LastIndexByte(before, '\n')
	return &Error{Line: strings.Count(before, "\n") + 1, Column: len(before) - line, Message: message, Cause: cause}
}

// A Meter counts the steps of a render.
type Meter struct{ left int }

// ErrTooMuch is the cause when a render takes too many steps or produces too much.
var ErrTooMuch = errors.New("the template does too much")

// Spend takes n steps. Objects call it for work that depends on their size.
func (m *Meter) Spend(n int) error {
	m.left -= n
	if m.left < 0 {
		return ErrTooMuch
	}
	return nil
}

// Left returns how many steps may still be taken.
func (m *Meter) Left() int { return m.left }

// Ends of rendering that are no failures.
var (
	errStop  = errors.New("#stop")
	errBreak = errors.New("#break")
)

// A state is one render.
type state struct {
	t     *Template
	env   Variables
	out   []byte
	start int   // of what this render wrote in out
	vars  []any // by slot; nil is not set
	args  []any // of the method calls under way
	loop  *loop // the innermost
	depth int   // of definitions in each other
	meter Meter
}

func (s *state) render(nodes []node) error {
	for _, n := range nodes {
		if err := n.render(s); err != nil {
			return err
		}
	}
	return nil
}

// full reports that there is more output than there may be.
func (s *state) full() error {
	if len(s.out)-s.start > maxOutput {
		return ErrTooMuch
	}
	return nil
}

// variable returns the value in a slot, nil if there is none.
func (s *state) variable(slot int) any {
	if v := s.vars[slot]; v != nil {
		return v
	}
	name := s.t.names[slot]
	if s.loop != nil {
		switch name {
		case "foreach":
			return s.loop
		case "velocityCount":
			return int64(s.loop.index + 1)
		case "velocityHasNext":
			return s.loop.hasNext()
		}
	}
	if s.env == nil {
		return nil
	}
	v := s.env.Variable(name)
	s.vars[slot] = v
	return v
}

// patterns are the regular expressions of a template, compiled once, up to a number.
type patterns struct {
	known atomic.Pointer[map[string]*pattern]
}

// NewMeter returns a Meter of n steps, for work outside of a render.
func NewMeter(n int) *Meter { return &Meter{left: n} }
