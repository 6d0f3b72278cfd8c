package dynamodb

import (
	"errors"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// An itemArg is an item or a key in a request. What AWS refuses in it is kept, because other mistakes come first.
type itemArg struct {
	item    item.Item
	invalid error
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *itemArg) UnmarshalJSON(data []byte) error {
	it, err := item.ParseItem(data)
	if invalid := item.Invalid(""); errors.As(err, &invalid) {
		a.invalid, err = err, nil
	}
	if a.item = it; a.item == nil {
		a.item = item.Item{}
	}
	return visible(err)
}

// MarshalJSON implements json.Marshaler.
func (a *itemArg) MarshalJSON() ([]byte, error) { return a.item.MarshalJSON() }

// A valueArg is an attribute value in a request.
type valueArg struct {
	value   item.Value
	invalid error
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *valueArg) UnmarshalJSON(data []byte) error {
	v, err := item.ParseValue(data)
	if invalid := item.Invalid(""); errors.As(err, &invalid) {
		a.invalid, err = err, nil
	}
	a.value = v
	return visible(err)
}

// MarshalJSON implements json.Marshaler.
func (a *valueArg) MarshalJSON() ([]byte, error) { return a.value.MarshalJSON() }

// placeholders checks and takes ExpressionAttributeNames and -Values.
func (s *Service) placeholders(names map[string]string, values map[string]*valueArg) (*expr.Params, error) {
	p := &expr.Params{Names: names, Cache: &s.expressions}
	if values != nil {
		p.Values = make(map[string]item.Value, len(values))
		for k, v := range values {
			if v != nil {
				p.Values[k] = v.value
			} else {
				p.Values[k] = item.Value{}
			}
		}
	}
	if err := p.CheckKeys(); err != nil {
		return nil, err
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		v := values[k]
		if v == nil {
			v = &valueArg{invalid: item.Invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")}
		}
		if v.invalid != nil {
			return nil, item.Invalid("ExpressionAttributeValues contains invalid value: " + v.invalid.Error() + " for key " + k)
		}
	}
	return p, nil
}

// An option is a request member that may or may not be given.
type option struct {
	name  string
	given bool
}

// checkMix refuses requests that mix expressions with the parameters that came before them, or that give placeholders without an
// expression. Expressions but ProjectionExpression may use values.
func checkMix(expressions, older []option, names map[string]string, values map[string]*valueArg) error {
	given := func(list []option) (out []string) {
		for _, o := range list {
			if o.given {
				out = append(out, o.name)
			}
		}
		return out
	}
	used, mixed := given(expressions), given(older)
	if len(used) > 0 && len(mixed) > 0 {
		return item.Invalid("Can not use both expression and non-expression parameters in the same request: " +
			"Non-expression parameters: {" + join(mixed, ", ") + "} Expression parameters: {" + join(used, ", ") + "}")
	}
	if names != nil && len(used) == 0 {
		return item.Invalid("ExpressionAttributeNames can only be specified when using expressions")
	}
	if values == nil {
		return nil
	}
	var takers []string
	for _, o := range expressions {
		if o.name == "ProjectionExpression" {
			continue
		}
		if o.given {
			return nil
		}
		takers = append(takers, o.name)
	}
	verb := " is null"
	if len(takers) > 1 {
		verb = " are null"
	}
	return item.Invalid("ExpressionAttributeValues can only be specified when using expressions: " + join(takers, " and ") + verb)
}
