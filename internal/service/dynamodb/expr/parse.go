package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Limits of AWS.
const (
	maxExpression = 4096
	maxOperators  = 300
	maxInOperands = 100
)

// A node is an operand (path, value, call), a condition over operands, or a combination of conditions.
type node struct {
	kind  nodeKind
	op    string // the operator as AWS names it ("=", "BETWEEN", "+") or the function's name
	path  []elem
	value int // index into source.values
	args  []*node
}

type nodeKind uint8

const (
	pathNode nodeKind = iota
	valueNode
	callNode
	compareNode
	betweenNode
	inNode
	andNode
	orNode
	notNode
	arithmeticNode // + and - in updates
)

// An elem is one step of a path: a name, a placeholder of one, or a list index.
type elem struct {
	name  string
	alias int // index into source.names, or -1
	index int // into a list, if name is empty and alias -1
}

func (e elem) isIndex() bool { return e.name == "" && e.alias < 0 }

// A source is what the parsers have in common: placeholders that were met, and the errors that do not depend on them.
type source struct {
	names, values []string // "#n", ":v", each once
	err           error    // an item.Invalid without prefix
}

// A parser reads one expression. After an error it sees only the end.
type parser struct {
	source
	src    string
	tokens []token
	pos    int
	closed map[int]int // index of a "(" to that of its ")"
	count  int         // of operators

	// Errors beside syntax, the first of each sort. A condition reports them in this order.
	parens, unknownFunction, misusedFunction, reservedWord error
}

func newParser(src string) *parser {
	p := &parser{src: src, closed: map[int]int{}}
	switch {
	case strings.TrimSpace(src) == "":
		p.err = item.Invalid("The expression can not be empty;")
	case len(src) > maxExpression:
		p.err = item.Invalid("Expression size has exceeded the maximum allowed size;")
	default:
		p.tokens = lex(src)
		return p
	}
	p.tokens = lex("")
	return p
}

func (p *parser) at(kind byte) bool { return p.tokens[p.pos].kind == kind }

func (p *parser) text() string { t := p.tokens[p.pos]; return p.src[t.from:t.to] }

// keyword reports whether the next token is this word, in any case.
func (p *parser) keyword(word string) bool { return p.at('i') && strings.EqualFold(p.text(), word) }

func (p *parser) next() {
	if p.pos < len(p.tokens)-1 {
		p.pos++
	}
}

// take passes over a token of this kind if it is next.
func (p *parser) take(kind byte) bool {
	if !p.at(kind) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(kind byte) {
	if !p.take(kind) {
		p.syntax()
	}
}

// syntax reports the next token as unexpected, with its neighbours.
func (p *parser) syntax() {
	if p.err != nil {
		return
	}
	t := p.tokens[p.pos]
	from, to, text := t.from, t.to, p.src[t.from:t.to]
	if t.kind == '$' {
		text = "<EOF>"
	}
	if p.pos > 0 {
		from = p.tokens[p.pos-1].from
		if t.kind == '$' {
			to = p.tokens[p.pos-1].to
		}
	}
	if p.pos+1 < len(p.tokens) {
		if n := p.tokens[p.pos+1]; n.kind != '$' {
			to = n.to
		}
	}
	p.err = item.Invalid(`Syntax error; token: "` + text + `", near: "` + p.src[from:to] + `"`)
	p.pos = len(p.tokens) - 1
}

func (p *parser) operator() { p.count++ }

// finish checks what only the whole tells.
func (p *parser) finish() {
	if p.err == nil && !p.at('$') {
		p.syntax()
	}
	if p.err != nil {
		return
	}
	for _, err := range []error{p.parens, p.unknownFunction, p.misusedFunction, p.reservedWord} {
		if err != nil {
			p.err = err
			return
		}
	}
	if p.count > maxOperators {
		p.err = item.Invalid("The expression contains too many operators; operator count: " + strconv.Itoa(p.count))
	}
}

func first(slot *error, format string, args ...any) {
	if *slot == nil {
		*slot = item.Invalid(fmt.Sprintf(format, args...))
	}
}

// name reads one name of a path. isWord tells which identifiers are keywords of the language.
func (p *parser) name(isWord func(string) bool) elem {
	text := p.text()
	switch {
	case p.at('#'):
		p.next()
		return elem{alias: intern(&p.names, text)}
	case p.at('i') && !isWord(text):
		p.next()
		if isReserved(text) {
			first(&p.reservedWord, "Attribute name is a reserved keyword; reserved keyword: %s", text)
		}
		return elem{name: text, alias: -1}
	}
	p.syntax()
	return elem{name: "?", alias: -1}
}

// tail reads what follows the first name of a path: .name and [3].
func (p *parser) tail(path []elem, isWord func(string) bool) []elem {
	for p.err == nil {
		switch {
		case p.take('.'):
			path = append(path, p.name(isWord))
		case p.take('['):
			n, err := strconv.Atoi(p.text())
			if !p.at('d') || err != nil {
				p.syntax()
				return path
			}
			p.next()
			p.expect(']')
			path = append(path, elem{alias: -1, index: n})
		default:
			return path
		}
	}
	return path
}

func (p *parser) pathNode(isWord func(string) bool) *node {
	return &node{kind: pathNode, path: p.tail([]elem{p.name(isWord)}, isWord)}
}

func (p *parser) valueNode() *node {
	n := &node{kind: valueNode, value: intern(&p.values, p.text())}
	p.next()
	return n
}

// intern returns the index of s in list, adding it if it is new.
func intern(list *[]string, s string) int {
	if i := slices.Index(*list, s); i >= 0 {
		return i
	}
	*list = append(*list, s)
	return len(*list) - 1
}
