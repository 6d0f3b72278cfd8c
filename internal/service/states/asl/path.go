package asl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Path is a compiled JSONPath. It begins at a document: the root step itself is not kept.
type Path struct {
	text     string
	steps    []step
	definite bool // at most one value can be there
}

type stepKind uint8

const (
	stepName stepKind = iota
	stepNames
	stepIndex
	stepIndexes
	stepSlice
	stepWild
	stepDeep // everything below, before the next step
	stepFilter
)

type step struct {
	kind     stepKind
	names    []string
	indexes  []int
	from, to *int
	filter   *filter
}

// ErrNoPath says that a definite path leads nowhere; its text is Jayway's.
type ErrNoPath struct{ Detail string }

func (e *ErrNoPath) Error() string { return e.Detail }

var errPath = errors.New("invalid path")

// ParsePath compiles a path whose root is $.
func ParsePath(text string) (*Path, error) {
	if !strings.HasPrefix(text, "$") {
		return nil, errPath
	}
	p := &pathParser{text: text, pos: 1}
	steps, err := p.steps(0)
	if err != nil {
		return nil, err
	}
	if p.pos != len(text) {
		return nil, errPath
	}
	return newPath(text, steps), nil
}

func newPath(text string, steps []step) *Path {
	path := &Path{text: text, steps: steps, definite: true}
	for _, s := range steps {
		if s.kind != stepName && s.kind != stepIndex {
			path.definite = false
		}
	}
	return path
}

// IsReference tells whether the path names one place: only members and indexes.
func (p *Path) IsReference() bool { return p.definite }

func (p *Path) String() string { return p.text }

// Get returns what the path leads to in doc: one value, or a list if the path is indefinite.
func (p *Path) Get(doc any) (any, error) {
	if !p.definite {
		found := []any{}
		p.walk(doc, p.steps, doc, &found)
		return found, nil
	}
	at := "$"
	for i, s := range p.steps {
		last := i == len(p.steps)-1
		switch s.kind {
		case stepName:
			o, ok := doc.(*Object)
			if !ok {
				if doc == nil || i == 0 {
					return nil, &ErrNoPath{"Missing property in path " + at}
				}
				return nil, &ErrNoPath{fmt.Sprintf("Expected to find an object with property ['%s'] in path %s but found '%s'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.", s.names[0], at, javaClass(doc))}
			}
			at += "['" + s.names[0] + "']"
			v, ok := o.Get(s.names[0])
			if !ok {
				if last {
					return nil, &ErrNoPath{"No results for path: " + at}
				}
				return nil, &ErrNoPath{"Missing property in path " + at}
			}
			doc = v
		case stepIndex:
			list, ok := doc.([]any)
			if !ok {
				return nil, &ErrNoPath{fmt.Sprintf("Filter: [%d] can only be applied to arrays. Current context is: %s", s.indexes[0], javaText(doc))}
			}
			n := s.indexes[0]
			if n < 0 {
				n += len(list)
			}
			at += "[" + strconv.Itoa(s.indexes[0]) + "]"
			if n < 0 || n >= len(list) {
				return nil, &ErrNoPath{"No results for path: " + at}
			}
			doc = list[n]
		}
	}
	return doc, nil
}

func javaClass(v any) string {
	switch v.(type) {
	case string:
		return "java.lang.String"
	case bool:
		return "java.lang.Boolean"
	case []any:
		return "java.util.ArrayList"
	case nil:
		return "null"
	}
	return "java.lang.Integer"
}

// walk collects what steps lead to from doc.
func (p *Path) walk(doc any, steps []step, root any, found *[]any) {
	if len(steps) == 0 {
		*found = append(*found, doc)
		return
	}
	s, rest := steps[0], steps[1:]
	each := func(f func(v any)) {
		switch doc := doc.(type) {
		case []any:
			for _, v := range doc {
				f(v)
			}
		case *Object:
			for _, name := range doc.Names() {
				f(doc.members[name])
			}
		}
	}
	switch s.kind {
	case stepName, stepNames:
		if o, ok := doc.(*Object); ok {
			for _, name := range s.names {
				if v, ok := o.Get(name); ok {
					p.walk(v, rest, root, found)
				}
			}
		}
	case stepIndex, stepIndexes, stepSlice:
		if list, ok := doc.([]any); ok {
			for _, n := range s.pick(len(list)) {
				p.walk(list[n], rest, root, found)
			}
		}
	case stepWild:
		each(func(v any) { p.walk(v, rest, root, found) })
	case stepDeep:
		p.walk(doc, rest, root, found)
		each(func(v any) { p.walk(v, steps, root, found) })
	case stepFilter:
		if o, ok := doc.(*Object); ok {
			if s.filter.holds(o, root) {
				p.walk(o, rest, root, found)
			}
			return
		}
		each(func(v any) {
			if s.filter.holds(v, root) {
				p.walk(v, rest, root, found)
			}
		})
	}
}

// pick returns the indexes of a list of length n that the step means.
func (s *step) pick(n int) []int {
	var list []int
	if s.kind == stepSlice {
		from, to := 0, n
		if s.from != nil {
			from = *s.from
			if from < 0 {
				from = max(0, from+n)
			}
		}
		if s.to != nil {
			to = *s.to
			if to < 0 {
				to += n
			}
			to = min(to, n)
		}
		for i := from; i < to; i++ {
			list = append(list, i)
		}
		return list
	}
	for _, i := range s.indexes {
		if i < 0 {
			i += n
		}
		if i >= 0 && i < n {
			list = append(list, i)
		}
	}
	return list
}

// Set returns doc with v at the place of a reference path, making the objects on the way. doc itself stays as it is.
func (p *Path) Set(doc, v any) (any, error) { return setSteps(doc, p.steps, v) }

func setSteps(doc any, steps []step, v any) (any, error) {
	if len(steps) == 0 {
		return v, nil
	}
	s := steps[0]
	if s.kind == stepIndex {
		list, ok := doc.([]any)
		n := s.indexes[0]
		if !ok || n < 0 || n >= len(list) {
			return nil, errPath
		}
		part, err := setSteps(list[n], steps[1:], v)
		if err != nil {
			return nil, err
		}
		c := append([]any(nil), list...)
		c[n] = part
		return c, nil
	}
	o, ok := doc.(*Object)
	if !ok {
		if doc != nil {
			return nil, errPath
		}
		o = &Object{}
	}
	before, _ := o.Get(s.names[0])
	part, err := setSteps(before, steps[1:], v)
	if err != nil {
		return nil, err
	}
	c := o.Clone()
	c.Set(s.names[0], part)
	return c, nil
}

// pathParser reads steps.
type pathParser struct {
	text string
	pos  int
}

// steps reads steps until none follows. In a filter, end says where operators begin.
func (p *pathParser) steps(depth int) ([]step, error) {
	if depth > 20 {
		return nil, errPath
	}
	var steps []step
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case '.':
			p.pos++
			if p.pos < len(p.text) && p.text[p.pos] == '.' {
				p.pos++
				steps = append(steps, step{kind: stepDeep})
				if p.pos < len(p.text) && p.text[p.pos] == '[' {
					continue
				}
			}
			s, err := p.name()
			if err != nil {
				return nil, err
			}
			steps = append(steps, s)
		case '[':
			s, err := p.bracket(depth)
			if err != nil {
				return nil, err
			}
			steps = append(steps, s)
		default:
			return steps, nil
		}
	}
	return steps, nil
}

// name reads the name after a dot, or *.
func (p *pathParser) name() (step, error) {
	if p.pos < len(p.text) && p.text[p.pos] == '*' {
		p.pos++
		return step{kind: stepWild}, nil
	}
	from := p.pos
	for p.pos < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[p.pos:])
		if strings.ContainsRune(".[]()=<>!&|,' \t\n\"*", r) {
			break
		}
		p.pos += n
	}
	if p.pos == from {
		return step{}, errPath
	}
	return step{kind: stepName, names: []string{p.text[from:p.pos]}}, nil
}

func (p *pathParser) space() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t' || p.text[p.pos] == '\n') {
		p.pos++
	}
}

func (p *pathParser) take(c byte) bool {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// bracket reads [...].
func (p *pathParser) bracket(depth int) (step, error) {
	p.pos++
	p.space()
	if p.pos >= len(p.text) {
		return step{}, errPath
	}
	switch c := p.text[p.pos]; {
	case c == '*':
		p.pos++
		if !p.take(']') {
			return step{}, errPath
		}
		return step{kind: stepWild}, nil
	case c == '\'' || c == '"':
		return p.quotedNames()
	case c == '?':
		p.pos++
		if !p.take('(') {
			return step{}, errPath
		}
		f, err := p.filterOr(depth + 1)
		if err != nil || !p.take(')') || !p.take(']') {
			return step{}, errPath
		}
		return step{kind: stepFilter, filter: f}, nil
	}
	return p.numbers()
}

func (p *pathParser) quotedNames() (step, error) {
	var names []string
	for {
		p.space()
		s, err := p.quoted()
		if err != nil {
			return step{}, err
		}
		names = append(names, s)
		if p.take(']') {
			break
		}
		if !p.take(',') {
			return step{}, errPath
		}
	}
	if len(names) == 1 {
		return step{kind: stepName, names: names}, nil
	}
	return step{kind: stepNames, names: names}, nil
}

// quoted reads a string in either kind of quotes.
func (p *pathParser) quoted() (string, error) {
	if p.pos >= len(p.text) {
		return "", errPath
	}
	quote := p.text[p.pos]
	if quote != '\'' && quote != '"' {
		return "", errPath
	}
	var b strings.Builder
	for p.pos++; p.pos < len(p.text); p.pos++ {
		c := p.text[p.pos]
		if c == quote {
			p.pos++
			return b.String(), nil
		}
		if c == '\\' && p.pos+1 < len(p.text) {
			p.pos++
			c = p.text[p.pos]
		}
		b.WriteByte(c)
	}
	return "", errPath
}

// numbers reads an index, a list of them or a slice.
func (p *pathParser) numbers() (step, error) {
	end := strings.IndexByte(p.text[p.pos:], ']')
	if end < 0 {
		return step{}, errPath
	}
	body := p.text[p.pos : p.pos+end]
	p.pos += end + 1
	if from, to, ok := strings.Cut(body, ":"); ok {
		s := step{kind: stepSlice}
		for _, part := range []struct {
			text string
			to   **int
		}{{from, &s.from}, {to, &s.to}} {
			text := strings.TrimSpace(part.text)
			if text == "" {
				continue
			}
			n, err := strconv.Atoi(text)
			if err != nil {
				return step{}, errPath
			}
			*part.to = &n
		}
		return s, nil
	}
	s := step{kind: stepIndex}
	for text := range strings.SplitSeq(body, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return step{}, errPath
		}
		s.indexes = append(s.indexes, n)
	}
	if len(s.indexes) > 1 {
		s.kind = stepIndexes
	}
	return s, nil
}
