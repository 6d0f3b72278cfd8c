package dynamodb

import (
	"context"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Conditions implements awsapi.Conditioner: dynamodb:LeadingKeys has the partition key of the item, or of the items of a query. AWS has
// it for batches and transactions too; here only policies without conditions on it allow those.
func (s *Service) Conditions(ctx context.Context, input any) map[string][]string {
	leading := s.leadingKey(ctx, input)
	if leading == nil {
		return nil
	}
	return map[string][]string{"dynamodb:LeadingKeys": {*leading}}
}

// leadingKey returns nil for what has no such key. A key that cannot be told, because the input is wrong, is no key that a policy names.
func (s *Service) leadingKey(ctx context.Context, input any) *string {
	var table *string
	var key *itemArg
	switch in := input.(type) {
	case *getItemInput:
		table, key = in.TableName, in.Key
	case *putItemInput:
		table, key = in.TableName, in.Item
	case *updateItemInput:
		table, key = in.TableName, in.Key
	case *deleteItemInput:
		table, key = in.TableName, in.Key
	case *queryInput:
		return new(s.queriedKey(ctx, in))
	case *batchGetInput, *batchWriteInput, *transactGetInput, *transactWriteInput:
		return new("")
	default:
		return nil
	}
	if table == nil || key == nil || key.invalid != nil {
		return new("")
	}
	h, err := s.table(ctx, *table)
	if err != nil {
		return new("")
	}
	return new(leadingText(key.item.Get(h.Key.Attrs()[0].Name)))
}

// queriedKey returns the partition key that a query names.
func (s *Service) queriedKey(ctx context.Context, in *queryInput) string {
	if in.TableName == nil {
		return ""
	}
	r := &pageRequest{index: value(in.IndexName)}
	terms, err := s.bindQuery(in, r)
	if err != nil {
		return ""
	}
	h, err := s.table(ctx, *in.TableName)
	if err != nil {
		return ""
	}
	v, err := h.view(r)
	if err != nil {
		return ""
	}
	for _, t := range terms {
		if t.Name == v.key.Attrs()[0].Name && t.Op == "=" {
			return leadingText(t.Values[0])
		}
	}
	return ""
}

func leadingText(v item.Value) string { return v.Str }
