package vtl

import "strings"

// directives are the words that mean something after #; a backslash before them takes that away.
var directives = map[string]bool{
	"set": true, "if": true, "elseif": true, "else": true, "end": true, "foreach": true, "define": true, "macro": true,
	"stop": true, "break": true, "parse": true, "include": true,
}

// word returns the word of the directive at i, #word or #{word}, and the size of both; "" if there is none.
func (p *parser) word(i int) (word string, size int) {
	start := i + 1
	curly := p.byteAt(start) == '{'
	if curly {
		start++
	}
	n := start
	for c := p.byteAt(n); isLetter(c) || c == '_' || n > start && isDigit(c); c = p.byteAt(n) {
		n++
	}
	word = p.s[start:n]
	if curly {
		if p.byteAt(n) != '}' {
			return "", 0
		}
		n++
	}
	return word, n - i
}

// atSet reports whether a #set begins here, with blanks before it, and where what it has in parentheses begins.
func (p *parser) atSet() (body int, ok bool) {
	i := p.pos
	for p.byteAt(i) == ' ' || p.byteAt(i) == '\t' {
		i++
	}
	if p.offset > 0 || p.byteAt(i) != '#' {
		return 0, false
	}
	word, size := p.word(i)
	if word != "set" {
		return 0, false
	}
	for i += size; p.byteAt(i) == ' ' || p.byteAt(i) == '\t'; i++ {
	}
	return i + 1, p.byteAt(i) == '('
}

func (p *parser) set(body int) (node, error) {
	n := &set{pos: p.offset + p.pos}
	p.pos = body
	p.space()
	if !p.atReference(p.pos) {
		return nil, p.errorf(p.pos, "#set without a variable")
	}
	var err error
	if n.target, err = p.reference(); err != nil {
		return nil, err
	}
	p.space()
	if p.peek() != '=' {
		return nil, p.errorf(p.pos, "#set without =")
	}
	p.pos++
	if n.value, err = p.expression(); err != nil {
		return nil, err
	}
	return n, p.closing()
}

// opening moves behind the ( of a directive.
func (p *parser) opening(word string) error {
	p.space()
	if p.peek() != '(' {
		return p.errorf(p.pos, "#%s without (", word)
	}
	p.pos++
	return nil
}

// closing moves behind the ) of a directive, and the end of its line.
func (p *parser) closing() error {
	p.space()
	if p.peek() != ')' {
		return p.errorf(p.pos, ") expected")
	}
	p.pos++
	p.swallow()
	return nil
}

// directive reads what begins with # and is no comment.
func (p *parser) directive() (node, end, error) {
	start := p.pos
	word, size := p.word(p.pos)
	if !directives[word] {
		return p.unknown(word, size), end{}, nil
	}
	p.pos += size
	switch word {
	case "end", "else":
		p.swallow()
		return nil, end{word, start}, nil
	case "elseif":
		return nil, end{word, start}, nil
	case "stop":
		return stop{errStop}, end{}, nil
	case "break":
		return stop{errBreak}, end{}, nil
	case "set": // without parentheses, see atSet
		return text(p.s[start:p.pos]), end{}, nil
	case "parse", "include", "macro":
		if !p.arguments() {
			return nil, end{}, p.errorf(start, "#%s without ( )", word)
		}
	}
	var n node
	var err error
	switch word {
	case "if":
		n, err = p.conditional(start)
	case "foreach":
		n, err = p.foreach(start)
	case "define":
		n, err = p.define(start)
	case "parse", "include":
		n = &forbidden{p.offset + start, word}
	case "macro": // AWS: a macro renders nothing, and calls of it are text
		_, err = p.body(word, start)
	}
	if err != nil {
		return nil, end{}, err
	}
	return n, end{}, nil
}

// unknown reads a word that is no directive, with what follows in parentheses: it stands for itself.
func (p *parser) unknown(word string, size int) node {
	if word == "" {
		return p.take(1)
	}
	start := p.pos
	p.pos += size
	if !p.arguments() {
		p.pos = start + size
	}
	return text(p.s[start:p.pos])
}

// maxArguments bounds what is searched for the end of arguments that nobody reads.
const maxArguments = 4 << 10

// arguments moves behind what stands in parentheses and the end of the line. It reports whether there was something.
func (p *parser) arguments() bool {
	p.space()
	if p.peek() != '(' {
		return false
	}
	depth := 0
	for i := p.pos; i < min(len(p.s), p.pos+maxArguments); i++ {
		switch c := p.s[i]; c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				p.pos = i + 1
				p.swallow()
				return true
			}
		case '"', '\'':
			n := strings.IndexByte(p.s[i+1:min(len(p.s), p.pos+maxArguments)], c)
			if n < 0 {
				return false
			}
			i += n + 1
		}
	}
	return false
}

// body reads a block up to its #end.
func (p *parser) body(word string, start int) ([]node, error) {
	nodes, e, err := p.block()
	if err == nil && e.word != "end" {
		err = p.errorf(start, "#%s without #end", word)
	}
	return nodes, err
}

func (p *parser) conditional(start int) (node, error) {
	n := &conditional{}
	for {
		test, err := p.test()
		if err != nil {
			return nil, err
		}
		body, e, err := p.block()
		if err != nil {
			return nil, err
		}
		n.cases = append(n.cases, branch{test, body})
		switch e.word {
		case "elseif":
			continue
		case "else":
			n.otherwise, err = p.body("if", start)
		case "":
			err = p.errorf(start, "#if without #end")
		}
		return n, err
	}
}

func (p *parser) test() (expr, error) {
	if err := p.opening("if"); err != nil {
		return nil, err
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	return e, p.closing()
}

func (p *parser) foreach(start int) (node, error) {
	p.t.loops = true
	if err := p.opening("foreach"); err != nil {
		return nil, err
	}
	n := &foreach{pos: p.offset + start}
	var err error
	if n.slot, err = p.plain("foreach"); err != nil {
		return nil, err
	}
	p.space()
	if !p.keyword("in") {
		return nil, p.errorf(p.pos, "#foreach without in")
	}
	if n.over, err = p.expression(); err != nil {
		return nil, err
	}
	if err = p.closing(); err != nil {
		return nil, err
	}
	n.body, err = p.body("foreach", start)
	return n, err
}

func (p *parser) define(start int) (node, error) {
	if err := p.opening("define"); err != nil {
		return nil, err
	}
	slot, err := p.plain("define")
	if err != nil {
		return nil, err
	}
	if err = p.closing(); err != nil {
		return nil, err
	}
	p.t.loops = true // a definition may be rendered often
	body, err := p.body("define", start)
	return &define{slot, &definition{body}}, err
}

// plain reads a variable's name, and returns its slot.
func (p *parser) plain(word string) (int, error) {
	p.space()
	start := p.pos
	if !p.atReference(p.pos) {
		return 0, p.errorf(start, "#%s without a variable", word)
	}
	r, err := p.reference()
	if err == nil && len(r.parts) > 0 {
		err = p.errorf(start, "#%s with more than a name", word)
	}
	if err != nil {
		return 0, err
	}
	return r.slot, nil
}
