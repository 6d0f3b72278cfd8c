package dynamodb

import (
	"maps"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A matcher is a condition or filter of either kind.
type matcher interface {
	Match(item.Item) bool
}

// expected checks the parameter Expected and returns it as comparisons; nil if it is not given.
func expected(args map[string]*expectedArg, operator *string) (matcher, error) {
	if args == nil {
		if operator != nil {
			return nil, item.Invalid("ConditionalOperator cannot be used without Filter or Expected")
		}
		return nil, nil
	}
	out := expr.Comparisons{Or: is(operator, "OR")}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		c, err := args[name].comparison(name)
		if err != nil {
			return nil, err
		}
		out.List = append(out.List, c)
	}
	return out, nil
}

func (e *expectedArg) comparison(name string) (c expr.Comparison, err error) {
	if e == nil {
		e = &expectedArg{}
	}
	c = expr.Comparison{Name: name, Op: value(e.ComparisonOperator)}
	refuse := func(text string) (expr.Comparison, error) { return c, item.Invalid(invalidValues + text) }
	if e.AttributeValueList != nil && e.Value != nil {
		return refuse("Value and AttributeValueList cannot be used together for Attribute: " + name)
	}
	values := e.AttributeValueList
	if e.Value != nil {
		values = []*valueArg{e.Value}
	}
	if c.Values, err = valuesOf(values); err != nil {
		return c, err
	}
	switch {
	case c.Op != "" && e.Exists != nil:
		return refuse("Exists and ComparisonOperator cannot be used together for Attribute: " + name)
	case c.Op != "" && c.Op != "NULL" && c.Op != "NOT_NULL" && values == nil:
		return refuse("Value or AttributeValueList must be used with ComparisonOperator: " + c.Op + " for Attribute: " + name)
	case c.Op != "":
		return c, c.Check()
	case e.AttributeValueList != nil:
		return refuse("AttributeValueList can only be used with a ComparisonOperator for Attribute: " + name)
	}
	exists := e.Exists == nil || *e.Exists
	switch {
	case exists && e.Value == nil:
		given := "null"
		if e.Exists != nil {
			given = strconv.FormatBool(*e.Exists)
		}
		return refuse("Value must be provided when Exists is " + given + " for Attribute: " + name)
	case !exists && e.Value != nil:
		return refuse("Value cannot be used when Exists is false for Attribute: " + name)
	case !exists:
		c.Op = "NULL"
	default:
		c.Op = "EQ"
	}
	return c, nil
}

func valuesOf(args []*valueArg) ([]item.Value, error) {
	var out []item.Value
	for _, a := range args {
		if a == nil {
			return nil, item.Invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
		}
		if a.invalid != nil {
			return nil, a.invalid
		}
		out = append(out, a.value)
	}
	return out, nil
}

// comparisons checks QueryFilter, ScanFilter or KeyConditions.
func comparisons(args map[string]*conditionArg) ([]expr.Comparison, error) {
	var out []expr.Comparison
	for _, name := range slices.Sorted(maps.Keys(args)) {
		arg := args[name]
		if arg == nil {
			continue
		}
		values, err := valuesOf(arg.AttributeValueList)
		if err != nil {
			return nil, err
		}
		c := expr.Comparison{Name: name, Op: value(arg.ComparisonOperator), Values: values}
		if err := c.Check(); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// condition binds the condition of a write: an expression, or else Expected.
func condition(p *expr.Params, src *string, older matcher) (matcher, []expr.Ref, error) {
	if src == nil {
		return older, nil, nil
	}
	c, err := p.Condition("ConditionExpression", *src)
	if err != nil {
		return nil, nil, err
	}
	return c, c.Refs(), nil
}
