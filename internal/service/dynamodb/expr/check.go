package expr

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func indexText(i int) string { return "[" + strconv.Itoa(i) + "]" }

// check looks at every condition of the tree, and reports the first in which something is wrong.
func (c *Condition) check(n *node) error {
	switch n.kind {
	case andNode, orNode, notNode:
		for _, a := range n.args {
			if err := c.check(a); err != nil {
				return err
			}
		}
		return nil
	}
	if err := c.env.undefined(&c.ast.source, n); err != nil {
		return err
	}
	for _, check := range []func(*node) error{c.checkCount, c.checkDistinct, c.checkTypes} {
		if err := each(n, check); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for n's operands and then for n.
func each(n *node, f func(*node) error) error {
	for _, a := range n.args {
		if err := each(a, f); err != nil {
			return err
		}
	}
	return f(n)
}

func (c *Condition) checkCount(n *node) error {
	if want, ok := arity[n.op]; n.kind == callNode && ok && want != len(n.args) {
		return errOperands(n.op, len(n.args))
	}
	if n.kind == inNode && len(n.args)-1 > maxInOperands {
		return errOperands("IN", len(n.args)-1)
	}
	return nil
}

func (c *Condition) checkDistinct(n *node) error {
	if n.kind != compareNode && n.kind != callNode || len(n.args) != 2 {
		return nil
	}
	a, b := n.args[0], n.args[1]
	if a.kind != pathNode || b.kind != pathNode || len(a.path) != len(b.path) {
		return nil
	}
	for i := range a.path {
		if !c.env.same(a.path[i], b.path[i]) {
			return nil
		}
	}
	return item.Invalid("The first operand must be distinct from the remaining operands for this operator or function; operator: " +
		n.op + ", first operand: " + c.env.show(a.path))
}

// kindOf returns what kind an operand is known to have, or None.
func (e env) kindOf(n *node) item.Kind {
	switch {
	case n.kind == valueNode:
		return e.values[n.value].Kind
	case n.kind == callNode && n.op == "size", n.kind == arithmeticNode:
		return item.N
	case n.kind == callNode && n.op == "list_append":
		return item.L
	}
	return item.None
}

func (c *Condition) checkTypes(n *node) error {
	switch n.kind {
	case betweenNode:
		return c.checkBounds(n.args[1], n.args[2])
	case compareNode:
		if n.op == "=" || n.op == "<>" {
			return nil
		}
		for _, a := range n.args {
			if k := c.env.kindOf(a); k != item.None && k != item.S && k != item.N && k != item.B {
				return errOperandType(n.op, k.String())
			}
		}
	case callNode:
		return c.checkCall(n)
	}
	return nil
}

func errOperandType(op, kind string) error {
	return item.Invalid("Incorrect operand type for operator or function; operator or function: " + op + ", operand type: " + kind)
}

func errNeedsPath(op string) error {
	return item.Invalid("Operator or function requires a document path; operator or function: " + op)
}

func (c *Condition) checkCall(n *node) error {
	switch n.op {
	case "attribute_exists", "attribute_not_exists":
		if n.args[0].kind != pathNode {
			return errNeedsPath(n.op)
		}
	case "begins_with":
		for _, a := range n.args {
			if k := c.env.kindOf(a); k != item.None && k != item.S && k != item.B {
				return errOperandType(n.op, k.String())
			}
		}
	case "attribute_type":
		k := c.env.kindOf(n.args[1])
		if k == item.None {
			return errOperandType(n.op, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
		}
		if k != item.S {
			return errOperandType(n.op, k.String())
		}
		if name := c.env.values[n.args[1].value].Str; item.KindOf(name) == item.None {
			return item.Invalid("Invalid attribute type name found; type: " + name + ", valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}")
		}
	case "size":
		if k := c.env.kindOf(n.args[0]); k == item.N || k == item.BOOL || k == item.NULL {
			return errOperandType(n.op, k.String())
		}
	}
	return nil
}

func (c *Condition) checkBounds(low, high *node) error {
	if low.kind != valueNode || high.kind != valueNode {
		return nil
	}
	a, b := c.env.values[low.value], c.env.values[high.value]
	bounds := func() string {
		return "lower bound operand: AttributeValue: " + showValue(a) + ", upper bound operand: AttributeValue: " + showValue(b)
	}
	if a.Kind != b.Kind {
		return item.Invalid("The BETWEEN operator requires same data type for lower and upper bounds; " + bounds())
	}
	if order, ok := item.Compare(a, b); ok && order > 0 {
		return item.Invalid("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; " + bounds())
	}
	return nil
}

// showValue writes a value as AWS does in errors: {S:x}.
func showValue(v item.Value) string {
	if v.Kind == item.S || v.Kind == item.N {
		return "{" + v.Kind.String() + ":" + v.Str + "}"
	}
	return strings.ReplaceAll(string(item.AppendValueJSON(nil, v)), `"`, "")
}
