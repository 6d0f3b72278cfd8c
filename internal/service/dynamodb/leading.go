package dynamodb

import (
	"cmp"
	"context"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Conditions implements awsapi.Conditioner: dynamodb:LeadingKeys has the partition keys of the items that a call names, or of those that a
// query looks for. A key that cannot be told, because the input is wrong, is no key that a policy names.
func (s *Service) Conditions(ctx context.Context, input any) map[string][]string {
	keys := leadingKeys{s: s, ctx: ctx}
	switch in := input.(type) {
	case *getItemInput:
		keys.add(in.TableName, in.Key)
	case *putItemInput:
		keys.add(in.TableName, in.Item)
	case *updateItemInput:
		keys.add(in.TableName, in.Key)
	case *deleteItemInput:
		keys.add(in.TableName, in.Key)
	case *queryInput:
		keys.found = []string{s.queriedKey(ctx, in)}
	case *batchGetInput:
		for table, of := range in.RequestItems {
			for _, key := range cmp.Or(of, new(keysArg)).Keys {
				keys.add(&table, key)
			}
		}
	case *batchWriteInput:
		for table, writes := range in.RequestItems {
			for _, w := range writes {
				if w != nil && w.DeleteRequest != nil {
					keys.add(&table, w.DeleteRequest.Key)
				}
				if w != nil && w.PutRequest != nil {
					keys.add(&table, w.PutRequest.Item)
				}
			}
		}
	case *transactGetInput:
		for _, t := range in.TransactItems {
			if t != nil && t.Get != nil {
				keys.add(t.Get.TableName, t.Get.Key)
			}
		}
	case *transactWriteInput:
		for _, t := range in.TransactItems {
			if t == nil {
				continue
			}
			for _, op := range []*transactArg{t.ConditionCheck, t.Delete, t.Update} {
				if op != nil {
					keys.add(op.TableName, op.Key)
				}
			}
			if t.Put != nil {
				keys.add(t.Put.TableName, t.Put.Item)
			}
		}
	default:
		return nil
	}
	return map[string][]string{"dynamodb:LeadingKeys": keys.found}
}

// leadingKeys collects the partition keys of a call.
type leadingKeys struct {
	s     *Service
	ctx   context.Context //nolint:containedctx // of this one call
	found []string
}

// add adds the partition key of an item, or of an item's key.
func (k *leadingKeys) add(table *string, of *itemArg) {
	if table == nil || of == nil || of.invalid != nil {
		k.found = append(k.found, "")
		return
	}
	h, err := k.s.table(k.ctx, *table)
	if err != nil {
		k.found = append(k.found, "")
		return
	}
	k.found = append(k.found, leadingText(of.item.Get(h.Key.Attrs()[0].Name)))
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
