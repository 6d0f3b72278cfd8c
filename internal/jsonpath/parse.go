package jsonpath

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
)

// Bounds of what is read as a path.
const (
	maxSource = 16 << 10
	maxNested = 32 // filters and parameters in each other
)

type kind uint8

const (
	property kind = iota
	index
	slice
	wildcard
	scan
	filter
	function
)

// A step is one part of a path.
type step struct {
	kind    kind
	names   []string    // of property; of function
	indexes []int       // of index
	from    *int        // of slice; nil is open
	to      *int        // of slice; nil is open
	test    []condition // of filter: all must hold
	call    call        // of function
	params  []param     // of function
	leaf    bool        // it is the last step
	certain bool        // all steps before it are definite
}

func (s *step) definite() bool {
	switch s.kind {
	case property:
		return len(s.names) == 1 || s.leaf // several as the last step are one object
	case index:
		return len(s.indexes) == 1
	case function:
		return true
	}
	return false
}

// A param is a parameter of a function: a path into the document, or a value.
type param struct {
	path  *Path
	value any
}

// A parser reads a path.
type parser struct {
	s      string
	pos    int
	nested int
}

func compile(source string, nested int) (*Path, error) {
	s := strings.TrimSpace(source)
	switch {
	case s == "":
		return nil, syntax("it is empty")
	case len(s) > maxSource:
		return nil, syntax("it is longer than %d bytes", maxSource)
	case nested > maxNested:
		return nil, syntax("it is nested too deep")
	case s[0] != '$' && s[0] != '@':
		s = "$." + s
	}
	p := parser{s: s, pos: 1, nested: nested}
	path := &Path{relative: s[0] == '@'}
	if c := p.peek(); p.pos < len(s) && c != '.' && c != '[' {
		return nil, syntax("%q at byte %d: . or [ expected", c, p.pos)
	}
	for p.pos < len(p.s) {
		steps, err := p.step()
		if err != nil {
			return nil, err
		}
		path.steps = append(path.steps, steps...)
	}
	path.finish()
	return path, nil
}

func (p *parser) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

func (p *parser) space() {
	for p.pos < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.pos]) >= 0 {
		p.pos++
	}
}

// step reads the next step, with the scan before it.
func (p *parser) step() ([]step, error) {
	var steps []step
	if p.peek() == '.' {
		p.pos++
		if p.peek() == '.' {
			p.pos++
			steps = append(steps, step{kind: scan})
		}
		if p.pos >= len(p.s) || p.peek() == '.' {
			return nil, syntax("a name is missing at byte %d", p.pos)
		}
	}
	var s step
	var err error
	switch p.peek() {
	case '[':
		p.pos++
		s, err = p.bracket()
	case '*':
		p.pos++
		s = step{kind: wildcard}
	default:
		s, err = p.name()
	}
	return append(steps, s), err
}

// name reads a name after a dot, or a function.
func (p *parser) name() (step, error) {
	n := strings.IndexAny(p.s[p.pos:], ".[( ")
	if n < 0 {
		n = len(p.s) - p.pos
	}
	name := p.s[p.pos : p.pos+n]
	p.pos += n
	switch {
	case name == "":
		return step{}, syntax("a name is missing at byte %d", p.pos)
	case p.peek() == ' ':
		return step{}, syntax("write names with blanks in brackets: ['my name']")
	case p.peek() == '(':
		p.pos++
		return p.function(name)
	}
	return step{kind: property, names: []string{name}}, nil
}

// bracket reads what stands after [, with the ] behind it.
func (p *parser) bracket() (step, error) {
	p.space()
	switch c := p.peek(); {
	case c == '*':
		p.pos++
		return step{kind: wildcard}, p.close()
	case c == '\'' || c == '"':
		s := step{kind: property}
		for {
			p.space()
			if c := p.peek(); c != '\'' && c != '"' {
				return s, syntax("a name is missing at byte %d", p.pos)
			}
			name, err := p.quoted()
			if err != nil {
				return s, err
			}
			s.names = append(s.names, name)
			p.space()
			if p.peek() != ',' {
				return s, p.close()
			}
			p.pos++
		}
	case c == '?':
		return p.filters()
	}
	end := strings.IndexByte(p.s[p.pos:], ']')
	if end < 0 {
		return step{}, syntax("] is missing")
	}
	text := p.s[p.pos : p.pos+end]
	p.pos += end + 1
	if strings.Contains(text, ":") {
		return readSlice(text)
	}
	return readIndexes(text)
}

func (p *parser) close() error {
	p.space()
	if p.peek() != ']' {
		return syntax("] is missing at byte %d", p.pos)
	}
	p.pos++
	return nil
}

func readIndexes(text string) (step, error) {
	s := step{kind: index}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return s, syntax("[%s] has no index", text)
		}
		s.indexes = append(s.indexes, n)
	}
	return s, nil
}

// readSlice reads from:to. Jayway ignores what follows a second colon.
func readSlice(text string) (step, error) {
	s := step{kind: slice}
	for i, part := range strings.Split(text, ":") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil {
			return s, syntax("[%s] has no indexes", text)
		}
		switch i {
		case 0:
			s.from = &n
		case 1:
			s.to = &n
		}
	}
	if s.from == nil && s.to == nil {
		return s, syntax("[%s] has no indexes", text)
	}
	return s, nil
}

// quoted reads a string in quotes of either kind.
func (p *parser) quoted() (string, error) {
	quote := p.s[p.pos]
	start := p.pos + 1
	for i := start; i < len(p.s); i++ {
		switch p.s[i] {
		case '\\':
			i++
		case quote:
			p.pos = i + 1
			return unescape(p.s[start:i]), nil
		}
	}
	return "", syntax("a string is not closed")
}

// unescape resolves the escapes of JSON, and those of other characters to the characters.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return string(json.AppendUnquoted(nil, []byte(s)))
}

// function reads the parameters of a function and the ) behind them.
func (p *parser) function(name string) (step, error) {
	s := step{kind: function, names: []string{name}, call: calls[name]}
	if s.call == nil {
		return s, syntax("there is no function %s()", name)
	}
	for {
		p.space()
		start := p.pos
		end, err := p.argument()
		if err != nil {
			return s, err
		}
		text := strings.TrimSpace(p.s[start:end])
		p.pos = end + 1
		if text != "" {
			a, err := p.param(text, name)
			if err != nil {
				return s, err
			}
			s.params = append(s.params, a)
		}
		if p.s[end] == ')' {
			return s, nil
		}
		if text == "" {
			return s, syntax("a parameter of %s() is empty", name)
		}
	}
}

// argument returns where the parameter ends that begins here.
func (p *parser) argument() (int, error) {
	depth := 0
	for i := p.pos; i < len(p.s); i++ {
		switch c := p.s[i]; c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth == 0 && c == ')' {
				return i, nil
			}
			depth--
		case ',':
			if depth == 0 {
				return i, nil
			}
		case '"', '\'':
			q := parser{s: p.s, pos: i}
			if _, err := q.quoted(); err != nil {
				return 0, err
			}
			i = q.pos - 1
		}
	}
	return 0, syntax("the parameters of a function are not closed")
}

func (p *parser) param(text, function string) (param, error) {
	if text[0] == '$' || text[0] == '@' {
		path, err := compile(text, p.nested+1)
		if err == nil && function == "length" && !path.function && len(path.steps) > 0 {
			path.every()
		}
		return param{path: path}, err
	}
	v, err := json.ParseLenient([]byte(text))
	if err != nil {
		return param{}, syntax("parameter %s: %v", text, err)
	}
	return param{value: v}, nil
}
