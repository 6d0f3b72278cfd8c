package expr

import (
	"strings"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// An update is a parsed update expression.
type update struct {
	source
	actions []action
}

type verb uint8

const (
	set verb = iota
	remove
	add
	del
)

var verbNames = [...]string{"SET", "REMOVE", "ADD", "DELETE"}

// An action is one change: path = value, or without value for REMOVE.
type action struct {
	verb  verb
	path  []elem
	value *node
}

func parseUpdate(src string) *update {
	p := newParser(src)
	u := &update{}
	var twice error
	var seen [len(verbNames)]bool
	for p.err == nil {
		v, ok := verbOf(p.text())
		if !ok || !p.at('i') {
			p.syntax()
			break
		}
		p.next()
		if seen[v] {
			first(&twice, `The "%s" section can only be used once in an update expression;`, verbNames[v])
		}
		seen[v] = true
		for {
			u.actions = append(u.actions, p.action(v))
			if !p.take(',') {
				break
			}
		}
		if p.at('$') {
			break
		}
	}
	// AWS: reserved words come first here.
	if p.err == nil && p.at('$') {
		for _, err := range []error{p.reservedWord, p.unknownFunction, twice} {
			if err != nil {
				p.err = err
				break
			}
		}
	}
	p.parens, p.misusedFunction = nil, nil
	p.finish()
	u.source = p.source
	return u
}

func verbOf(s string) (verb, bool) {
	for v, name := range verbNames {
		if strings.EqualFold(s, name) {
			return verb(v), true
		}
	}
	return 0, false
}

func isUpdateWord(s string) bool {
	_, ok := verbOf(s)
	return ok
}

func (p *parser) action(v verb) action {
	a := action{verb: v, path: p.pathNode(isUpdateWord).path}
	switch v {
	case set:
		p.operator()
		p.expect('=')
		a.value = p.sum()
	case add, del:
		if !p.at(':') {
			p.syntax()
			return a
		}
		a.value = p.valueNode()
	}
	return a
}

// sum reads what stands on the right of =: an operand, or two with + or - between; all of it may stand in parentheses.
func (p *parser) sum() *node {
	x, whole := p.setOperand()
	if !p.at('+') && !p.at('-') || whole {
		return x
	}
	op := p.text()
	p.operator()
	p.next()
	y, _ := p.setOperand()
	return &node{kind: arithmeticNode, op: op, args: []*node{x, y}}
}

// setOperand reads an operand; whole reports that it was a sum in parentheses, which nothing may follow.
func (p *parser) setOperand() (n *node, whole bool) {
	if p.at('(') {
		p.next()
		n = p.sum()
		p.expect(')')
		return n, n.kind == arithmeticNode
	}
	return p.updateOperand(), false
}

func (p *parser) updateOperand() *node {
	switch {
	case p.at('('):
		p.next()
		n := p.updateOperand()
		p.expect(')')
		return n
	case p.at(':'):
		return p.valueNode()
	case p.at('i') && p.tokens[p.pos+1].kind == '(' && !isUpdateWord(p.text()):
		call := &node{kind: callNode, op: p.text()}
		if call.op != "if_not_exists" && call.op != "list_append" {
			first(&p.unknownFunction, "Invalid function name; function: %s", call.op)
		}
		p.operator()
		p.next()
		p.next()
		for {
			call.args = append(call.args, p.updateOperand())
			if !p.take(',') {
				break
			}
		}
		p.expect(')')
		return call
	}
	return p.pathNode(isUpdateWord)
}

// An Update is an update expression with its names and values.
type Update struct {
	ast *update
	env env
}

// Update binds the UpdateExpression src.
func (p *Params) Update(src string) (*Update, error) {
	ast := p.Cache.update(src)
	if ast.err != nil {
		return nil, prefixed("UpdateExpression", ast.err)
	}
	u := &Update{ast, p.bind(&ast.source)}
	if err := u.check(); err != nil {
		return nil, prefixed("UpdateExpression", err)
	}
	return u, nil
}

func (u *Update) check() error {
	paths := make([][]elem, len(u.ast.actions))
	for i, a := range u.ast.actions {
		paths[i] = a.path
	}
	if err := u.undefined(); err != nil {
		return err
	}
	if err := u.env.overlaps(paths); err != nil {
		return err
	}
	for _, a := range u.ast.actions {
		if err := u.checkOperand(a); err != nil {
			return err
		}
	}
	for _, a := range u.ast.actions {
		if a.value == nil {
			continue
		}
		if err := each(a.value, u.checkCall); err != nil {
			return err
		}
	}
	return nil
}

// undefined returns the first name, or else the first value, that stands for nothing.
func (u *Update) undefined() error {
	var value error
	for _, a := range u.ast.actions {
		n := &node{path: a.path}
		if a.value != nil {
			n.args = []*node{a.value}
		}
		if err := u.env.undefined(&u.ast.source, n); err != nil {
			if strings.HasPrefix(err.Error(), "An expression attribute name") {
				return err
			}
			if value == nil {
				value = err
			}
		}
	}
	return value
}

// kindWords are how AWS names the kinds where ADD and DELETE refuse them.
var kindWords = map[item.Kind]string{
	item.S: "STRING", item.N: "NUMBER", item.B: "BINARY", item.NULL: "NULL", item.BOOL: "BOOLEAN", item.L: "LIST", item.M: "MAP",
}

func (u *Update) checkOperand(a action) error {
	if a.verb != add && a.verb != del {
		return nil
	}
	k := u.env.kindOf(a.value)
	if k.IsSet() || a.verb == add && k == item.N {
		return nil
	}
	return item.Invalid("Incorrect operand type for operator or function; operator: " + verbNames[a.verb] + ", operand type: " + kindWords[k])
}

func (u *Update) checkCall(n *node) error {
	want := item.None
	switch {
	case n.kind == callNode && len(n.args) != 2:
		return errOperands(n.op, len(n.args))
	case n.kind == callNode && n.op == "if_not_exists":
		if n.args[0].kind != pathNode {
			return errNeedsPath(n.op)
		}
		return nil
	case n.kind == callNode:
		want = item.L
	case n.kind == arithmeticNode:
		want = item.N
	default:
		return nil
	}
	for _, a := range n.args {
		if k := u.env.kindOf(a); k != item.None && k != want {
			return errOperandType(n.op, k.String())
		}
	}
	return nil
}

// A Target is an attribute that an update changes.
type Target struct {
	Ref
	Kind item.Kind // what a whole attribute becomes, where that is known beforehand
}

// Targets returns which attributes the update changes.
func (u *Update) Targets() []Target {
	var out []Target
	for _, a := range u.ast.actions {
		t := Target{Ref: u.env.ref(a.path)}
		if a.value != nil && a.verb != del && !t.Nested {
			t.Kind = u.env.kindOf(a.value)
		}
		out = append(out, t)
	}
	return out
}

// Touched returns the parts of it that the update names, as ReturnValues UPDATED_OLD and UPDATED_NEW want them.
func (u *Update) Touched(it item.Item) item.Item {
	paths := make([][]elem, len(u.ast.actions))
	for i, a := range u.ast.actions {
		paths[i] = a.path
	}
	return u.env.pick(paths, it)
}
