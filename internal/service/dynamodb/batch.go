package dynamodb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Limits of batches.
const (
	maxBatchGet      = 100
	maxBatchWrite    = 25
	maxBatchGetBytes = 16 << 20
	maxAtomicBytes   = 4 << 20 // of what BatchWriteItem writes at once
)

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (s *Service) batchGetItem(ctx context.Context, in *batchGetInput) (*batchGetOutput, error) {
	if len(in.RequestItems) == 0 {
		return nil, item.Invalid("The requestItems parameter is required for BatchGetItem")
	}
	projections := map[string]*expr.Projection{}
	count := 0
	for _, name := range sortedNames(in.RequestItems) {
		arg := in.RequestItems[name]
		if len(arg.Keys) > maxBatchGet { // AWS: this one shows no value, and names members as they are sent
			return nil, errValidation("1 validation error detected: Value at 'RequestItems.%s.member.Keys' failed to satisfy constraint: "+
				"Member must have length less than or equal to 100", name)
		}
		projection, err := s.checkKeys(arg)
		if err != nil {
			return nil, err
		}
		projections[name] = projection
		if count += len(arg.Keys); count > maxBatchGet {
			return nil, item.Invalid("Too many items requested for the BatchGetItem call")
		}
	}
	out := &batchGetOutput{Responses: map[string][]item.Encoded{}, UnprocessedKeys: map[string]*keysArg{}}
	bytes := 0
	for _, name := range sortedNames(in.RequestItems) {
		arg := in.RequestItems[name]
		h, err := s.table(ctx, name)
		if err != nil {
			return nil, err
		}
		rows, units := []item.Encoded{}, 0.0
		for i, k := range arg.Keys {
			got, err := h.get(k.item, projections[name])
			if err != nil {
				return nil, err
			}
			if bytes += got.bytes; bytes > maxBatchGetBytes {
				rest := *arg
				rest.Keys = arg.Keys[i:]
				out.UnprocessedKeys[name] = &rest
				break
			}
			units += readCost(got.bytes, arg.ConsistentRead)
			if got.shown != nil {
				rows = append(rows, got.shown)
			}
		}
		out.Responses[name] = rows
		if c := consumed(in.ReturnConsumedCapacity, h.Schema, h.Name, cost{table: units}); c != nil {
			out.ConsumedCapacity = append(out.ConsumedCapacity, c)
		}
	}
	return out, nil
}

// checkKeys checks what one table is asked for.
func (s *Service) checkKeys(arg *keysArg) (*expr.Projection, error) {
	if err := checkMix([]option{{"ProjectionExpression", arg.ProjectionExpression != nil}}, []option{{"AttributesToGet", arg.AttributesToGet != nil}},
		arg.ExpressionAttributeNames, nil); err != nil {
		return nil, err
	}
	projection, err := s.projection(arg.ExpressionAttributeNames, arg.ProjectionExpression, arg.AttributesToGet)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, k := range arg.Keys {
		if k.invalid != nil {
			return nil, k.invalid
		}
		text := string(item.AppendJSON(nil, k.item))
		if seen[text] {
			return nil, errDuplicates
		}
		seen[text] = true
	}
	return projection, nil
}

func (s *Service) batchWriteItem(ctx context.Context, in *batchWriteInput) (*batchWriteOutput, error) {
	if err := checkBatch(in.RequestItems); err != nil {
		return nil, err
	}
	var changes []*engine.Change
	var handles []*handle
	for _, name := range sortedNames(in.RequestItems) {
		h, err := s.table(ctx, name)
		if err != nil {
			return nil, err
		}
		seen := map[engine.Key]bool{}
		for _, w := range in.RequestItems[name] {
			c, err := h.batchChange(w)
			if err != nil {
				return nil, err
			}
			if seen[c.Key] {
				return nil, errDuplicates
			}
			seen[c.Key] = true
			changes = append(changes, c)
			handles = append(handles, h)
		}
	}
	if err := writeAll(ctx, handles, changes); err != nil {
		return nil, err
	}
	out := &batchWriteOutput{UnprocessedItems: map[string][]*writeArg{}}
	out.ConsumedCapacity = total(in.ReturnConsumedCapacity, handles, func(i int) cost {
		return writeCost(handles[i].Schema, changes[i].Old, changes[i].New)
	})
	return out, nil
}

// writeAll makes the changes in parts that are each written at once: that is faster than one by one, and nobody may rely on more.
func writeAll(ctx context.Context, handles []*handle, changes []*engine.Change) error {
	for len(changes) > 0 {
		n, bytes := 0, 0
		for n < len(changes) && (n == 0 || bytes < maxAtomicBytes) {
			data, err := changes[n].Do(nil)
			if err != nil {
				return err
			}
			bytes += len(data)
			n++
		}
		if err := handles[0].write(ctx, changes[:n]...); err != nil {
			return err
		}
		handles, changes = handles[n:], changes[n:]
	}
	return nil
}

// checkBatch checks the shape of RequestItems and the values in it.
func checkBatch(tables map[string][]*writeArg) error {
	if len(tables) == 0 {
		return item.Invalid("The requestItems parameter is required for BatchWriteItem")
	}
	count := 0
	for _, list := range tables {
		count += len(list)
		if len(list) < 1 || len(list) > maxBatchWrite {
			return errValidation("1 validation error detected: Value '%s' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "+
				"[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]", showBatch(tables))
		}
	}
	if count > maxBatchWrite {
		return item.Invalid("Too many items requested for the BatchWriteItem call")
	}
	for _, name := range sortedNames(tables) {
		for _, w := range tables[name] {
			switch {
			case w == nil || (w.PutRequest == nil) == (w.DeleteRequest == nil):
				return item.Invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
			case w.PutRequest != nil:
				if err := checkItem(w.PutRequest.Item); err != nil {
					return err
				}
			case w.DeleteRequest.Key.invalid != nil:
				return w.DeleteRequest.Key.invalid
			}
		}
	}
	return nil
}

// showBatch writes RequestItems as AWS does in errors, where a request is an object of Java.
func showBatch(tables map[string][]*writeArg) string {
	var parts []string
	for _, name := range sortedNames(tables) {
		requests := slices.Repeat([]string{"com.amazonaws.dynamodb.v20120810.WriteRequest"}, len(tables[name]))
		parts = append(parts, name+"=["+strings.Join(requests, ", ")+"]")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (h *handle) batchChange(w *writeArg) (*engine.Change, error) {
	if w.DeleteRequest != nil {
		key, err := keyOf(h.Key, w.DeleteRequest.Key.item)
		return &engine.Change{Table: h.table, Key: key, Do: func(item.Encoded) (item.Encoded, error) { return nil, nil }}, err
	}
	key, err := keyOfItem(h.Schema, w.PutRequest.Item.item)
	if err != nil && (strings.Contains(err.Error(), "Missing the key") || strings.Contains(err.Error(), "Type mismatch for key")) {
		err = errKeySchema // AWS: in batches this is all that is said
	}
	encoded := item.Encode(w.PutRequest.Item.item)
	return &engine.Change{Table: h.table, Key: key, Do: func(item.Encoded) (item.Encoded, error) { return encoded, nil }}, err
}

// total adds what a request consumed up by tables, in the order of their names.
func total(wanted *string, handles []*handle, costOf func(i int) cost) []*shapes.ConsumedCapacity {
	if wanted == nil || *wanted == "NONE" {
		return nil
	}
	costs := map[*engine.Table]*cost{}
	var tables []*handle
	for i, h := range handles {
		c := costs[h.table]
		if c == nil {
			c = &cost{}
			costs[h.table] = c
			tables = append(tables, h)
		}
		c.add(costOf(i))
	}
	slices.SortFunc(tables, func(a, b *handle) int { return cmp.Compare(a.Name, b.Name) })
	var out []*shapes.ConsumedCapacity
	for _, h := range tables {
		out = append(out, consumed(wanted, h.Schema, h.Name, *costs[h.table]))
	}
	return out
}
