package expr

import (
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A KeyTerm is what a key condition says of one attribute.
type KeyTerm struct {
	Name   string
	Op     string // = < <= > >= BETWEEN begins_with
	Values []item.Value
}

// KeyCondition binds the KeyConditionExpression src and takes it apart: its terms are joined by AND.
func (p *Params) KeyCondition(src string) ([]KeyTerm, error) {
	c, err := p.Condition("KeyConditionExpression", src)
	if err != nil {
		return nil, err
	}
	return c.keyTerms(c.ast.root, nil)
}

var turned = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (c *Condition) keyTerms(n *node, terms []KeyTerm) (_ []KeyTerm, err error) {
	if n.kind == andNode {
		for _, a := range n.args {
			if terms, err = c.keyTerms(a, terms); err != nil {
				return nil, err
			}
		}
		return terms, nil
	}
	if err := checkKeyOperator(n); err != nil {
		return nil, err
	}
	term := KeyTerm{Op: n.op}
	for i, a := range n.args {
		switch a.kind {
		case callNode:
			return nil, item.Invalid("KeyConditionExpressions cannot contain nested operations")
		case valueNode:
			term.Values = append(term.Values, c.env.values[a.value])
			continue
		}
		switch {
		case term.Name != "":
			return nil, item.Invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		case len(a.path) > 1:
			return nil, item.Invalid("KeyConditionExpressions cannot have conditions on nested attributes")
		case i > 0:
			term.Op = turned[n.op]
		}
		term.Name = c.env.name(a.path[0])
	}
	if term.Name == "" {
		return nil, item.Invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	for _, t := range terms {
		if t.Name == term.Name {
			return nil, item.Invalid("KeyConditionExpressions must only contain one condition per key")
		}
	}
	return append(terms, term), nil
}

func checkKeyOperator(n *node) error {
	switch {
	case n.kind == orNode, n.kind == notNode, n.kind == inNode, n.op == "<>":
		return item.Invalid("Invalid operator used in KeyConditionExpression: " + n.op)
	case n.kind == callNode && n.op != "begins_with":
		return item.Invalid("Invalid operator used in KeyConditionExpression: " + n.op)
	case (n.kind == betweenNode || n.kind == callNode) && n.args[0].kind != pathNode:
		return item.Invalid("Invalid condition in KeyConditionExpression: " + n.op + " operator must have the key attribute as its first operand")
	}
	return nil
}
