package expr

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A Condition is a condition or filter with its names and values.
type Condition struct {
	ast *condition
	env env
}

// Condition binds the condition src. field is the request's field that carries it: "ConditionExpression", "FilterExpression".
func (p *Params) Condition(field, src string) (*Condition, error) {
	ast := p.Cache.condition(src)
	if ast.err != nil {
		return nil, prefixed(field, ast.err)
	}
	c := &Condition{ast: ast, env: p.bind(&ast.source)}
	if err := c.check(ast.root); err != nil {
		return nil, prefixed(field, err)
	}
	return c, nil
}

func prefixed(field string, err error) error {
	return item.Invalid("Invalid " + field + ": " + err.Error())
}

// Refs returns which attributes the condition looks at.
func (c *Condition) Refs() []Ref { return c.env.refs(c.ast.root, nil) }

// Match reports whether the condition holds for the item; that may be nil: there is none. A nil Condition always holds.
func (c *Condition) Match(it item.Item) bool {
	return c == nil || c.holds(c.ast.root, it)
}

func (c *Condition) holds(n *node, it item.Item) bool {
	switch n.kind {
	case andNode:
		for _, a := range n.args {
			if !c.holds(a, it) {
				return false
			}
		}
		return true
	case orNode:
		for _, a := range n.args {
			if c.holds(a, it) {
				return true
			}
		}
		return false
	case notNode:
		return !c.holds(n.args[0], it)
	case compareNode:
		return compare(n.op, c.value(n.args[0], it), c.value(n.args[1], it))
	case betweenNode:
		x := c.value(n.args[0], it)
		return compare(">=", x, c.value(n.args[1], it)) && compare("<=", x, c.value(n.args[2], it))
	case inNode:
		x := c.value(n.args[0], it)
		for _, a := range n.args[1:] {
			if compare("=", x, c.value(a, it)) {
				return true
			}
		}
		return false
	}
	return c.call(n, it)
}

// compare says how two values stand. AWS: of different kinds, or with a missing one, only <> holds.
func compare(op string, a, b item.Value) bool {
	switch op {
	case "=":
		return a.Kind != item.None && item.Equal(a, b)
	case "<>":
		return a.Kind == item.None || b.Kind == item.None || !item.Equal(a, b)
	}
	order, ok := item.Compare(a, b)
	if !ok {
		return false
	}
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func (c *Condition) call(n *node, it item.Item) bool {
	x := c.value(n.args[0], it)
	switch n.op {
	case "attribute_exists":
		return x.Kind != item.None
	case "attribute_not_exists":
		return x.Kind == item.None
	case "attribute_type":
		return x.Kind != item.None && x.Kind.String() == c.value(n.args[1], it).Str
	case "begins_with":
		return beginsWith(x, c.value(n.args[1], it))
	case "contains":
		return contains(x, c.value(n.args[1], it))
	}
	return false
}

func beginsWith(x, prefix item.Value) bool {
	return x.Kind == prefix.Kind && (x.Kind == item.S || x.Kind == item.B) && strings.HasPrefix(x.Str, prefix.Str)
}

func contains(x, part item.Value) bool {
	switch {
	case part.Kind == item.None:
		return false
	case x.Kind == item.L || x.Kind.IsSet():
		return x.Has(part)
	}
	return x.Kind == part.Kind && (x.Kind == item.S || x.Kind == item.B) && strings.Contains(x.Str, part.Str)
}

// value returns an operand's value; its kind is None if there is none.
func (c *Condition) value(n *node, it item.Item) item.Value {
	switch n.kind {
	case valueNode:
		return c.env.values[n.value]
	case pathNode:
		return c.env.lookup(n.path, it)
	}
	return size(c.value(n.args[0], it))
}

func size(v item.Value) item.Value {
	n := 0
	switch v.Kind {
	case item.S, item.B:
		n = len(v.Str)
	case item.L, item.SS, item.NS, item.BS:
		n = len(v.List)
	case item.M:
		n = len(v.Map)
	default:
		return item.Value{}
	}
	return item.Value{Kind: item.N, Str: strconv.Itoa(n)}
}

// lookup follows a path.
func (e env) lookup(path []elem, it item.Item) item.Value {
	v := item.Value{Kind: item.M, Map: it}
	for _, el := range path {
		switch {
		case el.isIndex():
			if v.Kind != item.L || el.index >= len(v.List) {
				return item.Value{}
			}
			v = v.List[el.index]
		case v.Kind != item.M:
			return item.Value{}
		default:
			v = v.Map.Get(e.name(el))
		}
	}
	return v
}
