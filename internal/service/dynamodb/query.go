package dynamodb

import (
	"context"

	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func (s *Service) query(ctx context.Context, in *queryInput) (*pageOutput, error) {
	r := &pageRequest{index: value(in.IndexName), selects: value(in.Select), limit: in.Limit, consistent: in.ConsistentRead, capacity: in.ReturnConsumedCapacity}
	terms, err := s.bindQuery(in, r)
	if err != nil {
		return nil, err
	}
	h, err := s.table(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	v, err := h.view(r)
	if err != nil {
		return nil, err
	}
	span, err := keySpan(v.key, terms)
	if err != nil {
		return nil, err
	}
	if err := h.checkQueryFilter(v, r, in.QueryFilter != nil); err != nil {
		return nil, err
	}
	backwards := in.ScanIndexForward != nil && !*in.ScanIndexForward
	if r.startKey != nil {
		at, err := h.start(v, r.startKey)
		if err != nil {
			return nil, err
		}
		if err := checkStart(v.key, terms, span, at, r.startKey); err != nil {
			return nil, err
		}
		span = span.Beyond(at, backwards)
	}
	return h.page(v, r, span, backwards)
}

// bindQuery checks what does not depend on the table, fills r and returns the key condition.
func (s *Service) bindQuery(in *queryInput, r *pageRequest) ([]expr.KeyTerm, error) {
	older := []option{{"AttributesToGet", in.AttributesToGet != nil}, {"QueryFilter", in.QueryFilter != nil}, {"ConditionalOperator", in.ConditionalOperator != nil}}
	if in.KeyConditionExpression != nil { // AWS: KeyConditions may go with other expressions
		older = append(older, option{"KeyConditions", in.KeyConditions != nil})
	}
	if err := checkMix([]option{
		{"ProjectionExpression", in.ProjectionExpression != nil},
		{"FilterExpression", in.FilterExpression != nil},
		{"KeyConditionExpression", in.KeyConditionExpression != nil},
	}, older, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
		return nil, err
	}
	filter, err := comparisons(in.QueryFilter)
	if err != nil {
		return nil, err
	}
	if err := checkAttributesToGet(in.AttributesToGet); err != nil {
		return nil, err
	}
	if err := r.takeStartKey(in.ExclusiveStartKey); err != nil {
		return nil, err
	}
	if in.KeyConditions == nil && in.KeyConditionExpression == nil {
		return nil, item.Invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	p, err := s.placeholders(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	terms, err := keyTerms(p, in)
	if err != nil {
		return nil, err
	}
	if err := r.bind(p, pageParts{in.FilterExpression, in.ProjectionExpression, in.AttributesToGet, filter, in.ConditionalOperator}); err != nil {
		return nil, err
	}
	return terms, r.checkSelect(in.ProjectionExpression != nil, true)
}

func (r *pageRequest) takeStartKey(a *itemArg) error {
	if a == nil {
		return nil
	}
	if a.invalid != nil {
		return errStartKey + ": " + item.Invalid(a.invalid.Error())
	}
	r.startKey = a.item
	return nil
}

// keyTerms takes the key condition apart, be it an expression or KeyConditions.
func keyTerms(p *expr.Params, in *queryInput) (terms []expr.KeyTerm, err error) {
	if in.KeyConditionExpression != nil {
		if terms, err = p.KeyCondition(*in.KeyConditionExpression); err != nil {
			return nil, err
		}
	} else {
		list, err := comparisons(in.KeyConditions)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			t, ok := c.KeyTerm()
			if !ok {
				return nil, item.Invalid("Attempted conditional constraint is not an indexable operation")
			}
			terms = append(terms, t)
		}
	}
	if len(terms) != 1 && len(terms) != 2 {
		return nil, item.Invalid("Conditions can be of length 1 or 2 only")
	}
	return terms, nil
}

// keySpan checks the key condition against the schema and returns the part of the tree that it means.
func keySpan(key engine.KeySchema, terms []expr.KeyTerm) (engine.Span, error) {
	attrs := key.Attrs()
	if len(attrs) == 1 && len(terms) > 1 {
		return engine.Span{}, item.Invalid("Query key condition not supported")
	}
	var found [2]*expr.KeyTerm
	for i, a := range attrs {
		for j := range terms {
			if terms[j].Name == a.Name {
				found[i] = &terms[j]
			}
		}
		t := found[i]
		if t == nil {
			if i == 0 || len(terms) > 1 {
				return engine.Span{}, item.Invalid("Query condition missed key schema element: " + a.Name)
			}
			continue
		}
		for _, v := range t.Values {
			if v.Kind != a.Kind {
				return engine.Span{}, item.Invalid(invalidValues + "Condition parameter type does not match schema type")
			}
			if t.Op == "=" || i == 0 {
				if err := checkKeyValue(a, v, i == 0, "One or more parameter values are not valid. "); err != nil {
					return engine.Span{}, err
				}
			}
		}
		if i == 0 && t.Op != "=" {
			return engine.Span{}, item.Invalid("Query key condition not supported")
		}
	}
	hash := engine.KeyBytes(found[0].Values[0])
	if found[1] == nil {
		return engine.Partition(hash), nil
	}
	var values []string
	for _, v := range found[1].Values {
		values = append(values, engine.KeyBytes(v))
	}
	return engine.Where(hash, found[1].Op, values...), nil
}

// checkStart refuses a start key that the key condition does not mean.
func checkStart(key engine.KeySchema, terms []expr.KeyTerm, span engine.Span, at string, start item.Item) error {
	if span.Contains(at) {
		return nil
	}
	var hash item.Value
	for _, t := range terms {
		if t.Name == key.Hash.Name {
			hash = t.Values[0]
		}
	}
	switch {
	case len(terms) == 1:
		return item.Invalid("The provided starting key is outside query boundaries based on provided conditions")
	case item.Equal(hash, start.Get(key.Hash.Name)):
		return item.Invalid("The provided starting key does not match the range key predicate")
	}
	return item.Invalid("The query can return at most one row and cannot be restarted")
}

// checkQueryFilter refuses filters on the attributes that the key condition is for.
func (h *handle) checkQueryFilter(v view, r *pageRequest, older bool) error {
	if r.projection != nil {
		if err := checkRefs(h.Schema, r.projection.Refs()); err != nil {
			return err
		}
	}
	what := "Filter Expression"
	if older {
		what = "QueryFilter"
	}
	for _, a := range v.key.Attrs() {
		for _, ref := range r.refs {
			if ref.Name == a.Name {
				return item.Invalid(what + " can only contain non-primary key attributes: Primary key attribute: " + a.Name)
			}
		}
	}
	if err := h.checkAll(v, r); err != nil {
		return err
	}
	return checkRefs(h.Schema, r.refs)
}
