package expr

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A condition is a parsed condition, filter or key condition.
type condition struct {
	source
	root *node
}

func parseCondition(src string) *condition {
	p := newParser(src)
	root := p.or()
	p.mustBeCondition(root)
	p.finish()
	return &condition{source: p.source, root: root}
}

// arity of the functions of conditions.
var arity = map[string]int{
	"attribute_exists":     1,
	"attribute_not_exists": 1,
	"attribute_type":       2,
	"begins_with":          2,
	"contains":             2,
	"size":                 1,
}

func isConditionWord(s string) bool {
	switch len(s) {
	case 2:
		return strings.EqualFold(s, "IN") || strings.EqualFold(s, "OR")
	case 3:
		return strings.EqualFold(s, "AND") || strings.EqualFold(s, "NOT")
	}
	return strings.EqualFold(s, "BETWEEN")
}

func (p *parser) or() *node { return p.combination("OR", orNode, (*parser).and) }

func (p *parser) and() *node { return p.combination("AND", andNode, (*parser).not) }

// combination reads part, or part word part word part…
func (p *parser) combination(word string, kind nodeKind, part func(*parser) *node) *node {
	x := part(p)
	if !p.keyword(word) {
		return x
	}
	n := &node{kind: kind, op: word, args: []*node{x}}
	p.mustBeCondition(x)
	for p.keyword(word) {
		p.operator()
		p.next()
		y := part(p)
		p.mustBeCondition(y)
		n.args = append(n.args, y)
	}
	return n
}

func (p *parser) not() *node {
	if !p.keyword("NOT") {
		return p.simple()
	}
	p.operator()
	p.next()
	x := p.simple()
	p.mustBeCondition(x)
	return &node{kind: notNode, op: "NOT", args: []*node{x}}
}

// mustBeCondition refuses an operand where a condition is needed.
func (p *parser) mustBeCondition(n *node) {
	switch {
	case p.err != nil:
	case n.kind == pathNode || n.kind == valueNode:
		p.syntax()
	case n.kind == callNode && n.op == "size":
		first(&p.misusedFunction, "The function is not allowed to be used this way in an expression; function: size")
	}
}

// simple reads an operand and what is said of it. A lone operand is left to the caller: it may stand in parentheses
// before an operator.
func (p *parser) simple() *node {
	x := p.primary()
	if p.err != nil || !isOperand(x) {
		return x
	}
	switch {
	case p.at('=') || p.at('<') || p.at('>') || p.at('l') || p.at('g') || p.at('n'):
		op := p.text()
		p.operator()
		p.next()
		return p.relation(compareNode, op, x, p.operand())
	case p.keyword("BETWEEN"):
		p.operator()
		p.next()
		low := p.operand()
		if !p.keyword("AND") {
			p.syntax()
		}
		p.next()
		return p.relation(betweenNode, "BETWEEN", x, low, p.operand())
	case p.keyword("IN"):
		p.operator()
		p.next()
		p.expect('(')
		return p.relation(inNode, "IN", append([]*node{x}, p.operands()...)...)
	}
	return x
}

func (p *parser) relation(kind nodeKind, op string, args ...*node) *node {
	p.mustNotNest(args)
	return &node{kind: kind, op: op, args: args}
}

func isOperand(n *node) bool { return n.kind <= callNode }

// mustNotNest refuses functions as operands: only size gives a value.
func (p *parser) mustNotNest(args []*node) {
	for _, a := range args {
		if a.kind == callNode && a.op != "size" {
			first(&p.misusedFunction, "The function is not allowed to be used this way in an expression; function: %s", a.op)
		}
	}
}

// primary reads an operand, or anything in parentheses.
func (p *parser) primary() *node {
	if !p.at('(') {
		return p.plainOperand()
	}
	open := p.pos
	p.next()
	x := p.or()
	p.close(open)
	if x.kind == pathNode && p.err == nil {
		x.path = p.tail(x.path, isConditionWord)
	}
	return x
}

// close takes the ")" for the "(" at open and finds needless pairs.
func (p *parser) close(open int) {
	if p.tokens[open+1].kind == '(' && p.closed[open+1] == p.pos-1 && p.err == nil {
		first(&p.parens, "The expression has redundant parentheses;")
	}
	p.closed[open] = p.pos
	p.expect(')')
}

// operand reads an operand, that may stand in parentheses.
func (p *parser) operand() *node {
	if !p.at('(') {
		return p.plainOperand()
	}
	open := p.pos
	p.next()
	x := p.operand()
	p.close(open)
	if x.kind == pathNode && p.err == nil {
		x.path = p.tail(x.path, isConditionWord)
	}
	return x
}

// operands reads a list up to and with its ")".
func (p *parser) operands() []*node {
	list := []*node{p.operand()}
	for p.take(',') {
		list = append(list, p.operand())
	}
	p.expect(')')
	return list
}

func (p *parser) plainOperand() *node {
	switch {
	case p.at(':'):
		return p.valueNode()
	case p.at('i') && p.tokens[p.pos+1].kind == '(' && !isConditionWord(p.text()):
		name := p.text()
		p.operator()
		p.next()
		p.next()
		call := p.relation(callNode, name, p.operands()...)
		if _, known := arity[name]; !known && p.err == nil {
			first(&p.unknownFunction, "Invalid function name; function: %s", name)
		}
		return call
	}
	return p.pathNode(isConditionWord)
}

func errOperands(op string, n int) error {
	return item.Invalid("Incorrect number of operands for operator or function; operator or function: " + op + ", number of operands: " + strconv.Itoa(n))
}
