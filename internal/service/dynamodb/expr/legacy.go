package expr

import (
	"slices"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A Comparison is one condition of the parameters that came before expressions: Expected, KeyConditions, QueryFilter, ScanFilter.
type Comparison struct {
	Name   string
	Op     string // EQ NE IN LE LT GE GT BETWEEN NOT_NULL NULL CONTAINS NOT_CONTAINS BEGINS_WITH
	Values []item.Value
}

// Comparisons are conditions that must all hold, or one of them if Or is set.
type Comparisons struct {
	List []Comparison
	Or   bool
}

// Match reports whether the conditions hold for the item.
func (c Comparisons) Match(it item.Item) bool {
	for _, x := range c.List {
		if holds := x.match(it.Get(x.Name)); holds == c.Or {
			return holds
		}
	}
	return !c.Or || len(c.List) == 0
}

var comparisonOperators = map[string]string{"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}

func (x Comparison) match(v item.Value) bool {
	switch x.Op {
	case "NULL":
		return v.Kind == item.None
	case "NOT_NULL":
		return v.Kind != item.None
	case "CONTAINS":
		return contains(v, x.Values[0])
	case "NOT_CONTAINS":
		return !contains(v, x.Values[0])
	case "BEGINS_WITH":
		return beginsWith(v, x.Values[0])
	case "IN":
		return slices.ContainsFunc(x.Values, func(w item.Value) bool { return compare("=", v, w) })
	case "BETWEEN":
		return compare(">=", v, x.Values[0]) && compare("<=", v, x.Values[1])
	}
	return compare(comparisonOperators[x.Op], v, x.Values[0])
}

// Check returns what AWS says of a comparison that cannot be made.
func (x Comparison) Check() error {
	if err := x.CheckCount(); err != nil {
		return err
	}
	for _, v := range x.Values {
		if v.Kind != x.Values[0].Kind {
			return item.Invalid("One or more parameter values were invalid: AttributeValues inside AttributeValueList must be of same type")
		}
	}
	for _, v := range x.Values {
		if !x.takes(v.Kind) {
			return item.Invalid("One or more parameter values were invalid: ComparisonOperator " + x.Op + " is not valid for " + v.Kind.String() + " AttributeValue type")
		}
	}
	return x.checkBounds()
}

// CheckCount returns an error if the operator takes another number of values.
func (x Comparison) CheckCount() error {
	n, ok := len(x.Values), false
	switch x.Op {
	case "NULL", "NOT_NULL":
		ok = n == 0
	case "BETWEEN":
		ok = n == 2
	case "IN":
		ok = n > 0
	default:
		ok = n == 1
	}
	if !ok {
		return item.Invalid("One or more parameter values were invalid: Invalid number of argument(s) for the " + x.Op + " ComparisonOperator")
	}
	return nil
}

func (x Comparison) takes(k item.Kind) bool {
	switch x.Op {
	case "EQ", "NE":
		return true
	case "BEGINS_WITH":
		return k == item.S || k == item.B
	}
	return k == item.S || k == item.N || k == item.B
}

func (x Comparison) checkBounds() error {
	if x.Op != "BETWEEN" {
		return nil
	}
	if order, ok := item.Compare(x.Values[0], x.Values[1]); ok && order > 0 {
		return item.Invalid("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
	}
	return nil
}

// KeyTerm returns the comparison as a term of a key condition; ok is false if no key is found by it.
func (x Comparison) KeyTerm() (t KeyTerm, ok bool) {
	op := comparisonOperators[x.Op]
	switch x.Op {
	case "BETWEEN":
		op = "BETWEEN"
	case "BEGINS_WITH":
		op = "begins_with"
	case "NE":
		op = ""
	}
	return KeyTerm{x.Name, op, x.Values}, op != ""
}

// An AttributeUpdate is one member of AttributeUpdates.
type AttributeUpdate struct {
	Name   string
	Action string // PUT ADD DELETE
	Value  item.Value
}

// Check returns what AWS says of an update that makes no sense.
func (a AttributeUpdate) Check() error {
	const invalid = "One or more parameter values were invalid: "
	switch k := a.Value.Kind; {
	case k == item.None && a.Action != "DELETE":
		return item.Invalid(invalid + "Only DELETE action is allowed when no attribute value is specified")
	case a.Action == "DELETE" && k != item.None && !k.IsSet():
		return item.Invalid(invalid + "DELETE action with value is not supported for the type " + k.String())
	case a.Action == "ADD" && k != item.N && k != item.L && !k.IsSet():
		return item.Invalid(invalid + "ADD action is not supported for the type " + k.String())
	}
	return nil
}

// AttributeUpdates changes items as the parameter of that name says.
type AttributeUpdates []AttributeUpdate

const errUpdateType = item.Invalid("Type mismatch for attribute to update")

// Apply returns the item as the updates leave it.
func (list AttributeUpdates) Apply(it item.Item) (item.Item, error) {
	for _, a := range list {
		v, have := a.Value, it.Get(a.Name)
		switch {
		case a.Action == "DELETE" && v.Kind == item.None, a.Action == "DELETE" && have.Kind == item.None:
			it = it.Without(a.Name)
			continue
		case a.Action == "PUT" || have.Kind == item.None:
		case have.Kind != v.Kind:
			return nil, errUpdateType
		case a.Action == "ADD" && v.Kind == item.L:
			v = item.Value{Kind: item.L, List: slices.Concat(have.List, v.List)}
		default:
			verb := add
			if a.Action == "DELETE" {
				verb = del
			}
			var err error
			if v, err = combine(verb, have, v); err != nil {
				return nil, err
			}
			if v.Kind == item.None {
				it = it.Without(a.Name)
				continue
			}
		}
		it = it.With(a.Name, v)
	}
	return it, nil
}

// Touched returns the attributes of it that the updates name.
func (list AttributeUpdates) Touched(it item.Item) item.Item {
	attrs := []item.Attr{}
	for _, a := range list {
		if v := it.Get(a.Name); v.Kind != item.None {
			attrs = append(attrs, item.Attr{Name: a.Name, Value: v})
		}
	}
	return item.FromAttrs(attrs)
}

// Targets returns which attributes the updates change.
func (list AttributeUpdates) Targets() []Target {
	var out []Target
	for _, a := range list {
		t := Target{Ref: Ref{Name: a.Name}}
		if a.Action != "DELETE" {
			t.Kind = a.Value.Kind
		}
		out = append(out, t)
	}
	return out
}
