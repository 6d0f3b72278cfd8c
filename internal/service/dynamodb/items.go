package dynamodb

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func (s *Service) putItem(ctx context.Context, in *putItemInput) (*writeOutput, error) {
	if err := checkMix([]option{{"ConditionExpression", in.ConditionExpression != nil}}, olderWrite(in.Expected, in.ConditionalOperator),
		in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
		return nil, err
	}
	if err := checkItem(in.Item); err != nil {
		return nil, err
	}
	if err := onlyOld(in.ReturnValues); err != nil {
		return nil, err
	}
	cond, err := s.writeCondition(in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ConditionExpression, in.Expected, in.ConditionalOperator)
	if err != nil {
		return nil, err
	}
	h, err := s.table(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	key, err := keyOfItem(h.Schema, in.Item.item)
	if err != nil {
		return nil, err
	}
	if err := checkRefs(h.Schema, cond.refs); err != nil {
		return nil, err
	}
	encoded := item.Encode(in.Item.item)
	c := &engine.Change{Table: h.table, Key: key, Do: func(old item.Encoded) (item.Encoded, error) {
		return encoded, cond.check(old, in.ReturnValuesOnConditionCheckFailure)
	}}
	if err := h.write(ctx, c); err != nil {
		return nil, err
	}
	out := &writeOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, h.Schema, h.Name, writeCost(h.Schema, c.Old, c.New))}
	if is(in.ReturnValues, "ALL_OLD") {
		out.Attributes = c.Old
	}
	out.ItemCollectionMetrics = h.metrics(in.ReturnItemCollectionMetrics, c)
	return out, nil
}

func (s *Service) deleteItem(ctx context.Context, in *deleteItemInput) (*writeOutput, error) {
	if err := checkMix([]option{{"ConditionExpression", in.ConditionExpression != nil}}, olderWrite(in.Expected, in.ConditionalOperator),
		in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
		return nil, err
	}
	if in.Key.invalid != nil {
		return nil, in.Key.invalid
	}
	if err := onlyOld(in.ReturnValues); err != nil {
		return nil, err
	}
	cond, err := s.writeCondition(in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ConditionExpression, in.Expected, in.ConditionalOperator)
	if err != nil {
		return nil, err
	}
	h, err := s.table(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(h.Key, in.Key.item)
	if err != nil {
		return nil, err
	}
	if err := checkRefs(h.Schema, cond.refs); err != nil {
		return nil, err
	}
	c := &engine.Change{Table: h.table, Key: key, Do: func(old item.Encoded) (item.Encoded, error) {
		return nil, cond.check(old, in.ReturnValuesOnConditionCheckFailure)
	}}
	if err := h.write(ctx, c); err != nil {
		return nil, err
	}
	out := &writeOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, h.Schema, h.Name, writeCost(h.Schema, c.Old, c.New))}
	if is(in.ReturnValues, "ALL_OLD") {
		out.Attributes = c.Old
	}
	out.ItemCollectionMetrics = h.metrics(in.ReturnItemCollectionMetrics, c)
	return out, nil
}

// An updater changes an item: an update expression, or AttributeUpdates.
type updater interface {
	Apply(item.Item) (item.Item, error)
	Touched(item.Item) item.Item
	Targets() []expr.Target
}

func (s *Service) updateItem(ctx context.Context, in *updateItemInput) (*writeOutput, error) {
	older := append([]option{{"AttributeUpdates", in.AttributeUpdates != nil}}, olderWrite(in.Expected, in.ConditionalOperator)...)
	if err := checkMix([]option{{"UpdateExpression", in.UpdateExpression != nil}, {"ConditionExpression", in.ConditionExpression != nil}}, older,
		in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
		return nil, err
	}
	if in.Key.invalid != nil {
		return nil, in.Key.invalid
	}
	var up updater
	updates, err := attributeUpdates(in.AttributeUpdates)
	if err != nil {
		return nil, err
	}
	up = updates
	earlier, err := expected(in.Expected, in.ConditionalOperator)
	if err != nil {
		return nil, err
	}
	p, err := s.placeholders(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	if in.UpdateExpression != nil {
		if up, err = p.Update(*in.UpdateExpression); err != nil {
			return nil, err
		}
	}
	cond, err := bindCondition(p, in.ConditionExpression, earlier)
	if err != nil {
		return nil, err
	}
	h, err := s.table(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	c, err := h.update(in.Key.item, up, cond, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	if err := h.write(ctx, c); err != nil {
		return nil, err
	}
	out := &writeOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, h.Schema, h.Name, writeCost(h.Schema, c.Old, c.New))}
	out.ItemCollectionMetrics = h.metrics(in.ReturnItemCollectionMetrics, c)
	out.Attributes, err = returned(value(in.ReturnValues), up, c)
	return out, err
}

// update returns the change that an update makes.
func (h *handle) update(keyArg item.Item, up updater, cond *writeCondition, onFailure *string) (*engine.Change, error) {
	key, err := keyOf(h.Key, keyArg)
	if err != nil {
		return nil, err
	}
	if err := checkTargets(h.Schema, up.Targets()); err != nil {
		return nil, err
	}
	if err := checkRefs(h.Schema, cond.refs); err != nil {
		return nil, err
	}
	return &engine.Change{Table: h.table, Key: key, Do: func(old item.Encoded) (item.Encoded, error) {
		if err := cond.check(old, onFailure); err != nil {
			return nil, err
		}
		it := keyArg
		if old != nil {
			var err error
			if it, err = old.Decode(); err != nil {
				return nil, fmt.Errorf("read item: %w", err)
			}
		}
		it, err := up.Apply(it)
		if err != nil {
			return nil, err
		}
		if item.Size(it) > item.MaxSize {
			return nil, errUpdatedSize
		}
		if item.TooDeep(it) {
			return nil, item.Invalid("Nesting Levels have exceeded supported limits")
		}
		if err := checkUpdatedKeys(h.Schema, it); err != nil {
			return nil, err
		}
		return item.Encode(it), nil
	}}, nil
}

// returned is what ReturnValues asks of an update; nil if that is nothing.
func returned(wanted string, up updater, c *engine.Change) (item.Encoded, error) {
	source := c.New
	switch wanted {
	case "ALL_OLD":
		return c.Old, nil
	case "ALL_NEW":
		return c.New, nil
	case "UPDATED_OLD":
		source = c.Old
	case "UPDATED_NEW":
	default:
		return nil, nil
	}
	if source == nil {
		return nil, nil
	}
	it, err := source.Decode()
	if err != nil {
		return nil, fmt.Errorf("read item: %w", err)
	}
	touched := up.Touched(it)
	if len(touched) == 0 {
		return nil, nil
	}
	return item.Encode(touched), nil
}

func attributeUpdates(args map[string]*updateArg) (expr.AttributeUpdates, error) {
	var out expr.AttributeUpdates
	for _, name := range sortedNames(args) {
		arg := args[name]
		if arg == nil {
			arg = &updateArg{}
		}
		u := expr.AttributeUpdate{Name: name, Action: "PUT"}
		if arg.Action != nil {
			u.Action = *arg.Action
		}
		if arg.Value != nil {
			if arg.Value.invalid != nil {
				return nil, arg.Value.invalid
			}
			u.Value = arg.Value.value
		}
		if err := u.Check(); err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

func (s *Service) getItem(ctx context.Context, in *getItemInput) (*getItemOutput, error) {
	if err := checkMix([]option{{"ProjectionExpression", in.ProjectionExpression != nil}}, []option{{"AttributesToGet", in.AttributesToGet != nil}},
		in.ExpressionAttributeNames, nil); err != nil {
		return nil, err
	}
	if in.Key.invalid != nil {
		return nil, in.Key.invalid
	}
	projection, err := s.projection(in.ExpressionAttributeNames, in.ProjectionExpression, in.AttributesToGet)
	if err != nil {
		return nil, err
	}
	h, err := s.table(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	data, err := h.get(in.Key.item, projection)
	if err != nil {
		return nil, err
	}
	out := &getItemOutput{Item: data.shown}
	out.ConsumedCapacity = consumed(in.ReturnConsumedCapacity, h.Schema, h.Name, cost{table: readCost(data.bytes, in.ConsistentRead)})
	return out, nil
}

// A found is an item as a request wants to see it, and the size of all of it.
type found struct {
	shown item.Encoded
	bytes int
}

func (h *handle) get(keyArg item.Item, projection *expr.Projection) (found, error) {
	key, err := keyOf(h.Key, keyArg)
	if err != nil {
		return found{}, err
	}
	if projection != nil {
		if err := checkRefs(h.Schema, projection.Refs()); err != nil {
			return found{}, err
		}
	}
	data := h.table.Get(key)
	shown, err := show(data, projection)
	return found{shown, data.Size()}, err
}

// show returns the parts of an item that the projection picks.
func show(data item.Encoded, projection *expr.Projection) (item.Encoded, error) {
	if data == nil || projection == nil {
		return data, nil
	}
	it, err := data.Decode()
	if err != nil {
		return nil, fmt.Errorf("read item: %w", err)
	}
	return item.Encode(projection.Of(it)), nil
}

// projection binds ProjectionExpression or AttributesToGet; nil stands for all.
func (s *Service) projection(names map[string]string, src *string, attributes []string) (*expr.Projection, error) {
	if attributes != nil {
		if err := checkAttributesToGet(attributes); err != nil {
			return nil, err
		}
		return expr.Attributes(attributes), nil
	}
	p, err := s.placeholders(names, nil)
	if err != nil || src == nil {
		return nil, err
	}
	projection, err := p.Projection(*src)
	if err != nil {
		return nil, err
	}
	return projection, p.Unused()
}

func checkAttributesToGet(names []string) error {
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			return item.Invalid(invalidValues + "Duplicate value in attribute name: " + n)
		}
		seen[n] = true
	}
	return nil
}

// checkItem refuses items that cannot be stored.
func checkItem(a *itemArg) error {
	if a.invalid != nil {
		return a.invalid
	}
	if item.Size(a.item) > item.MaxSize {
		return errItemSize
	}
	return nil
}

func onlyOld(returnValues *string) error {
	if returnValues != nil && *returnValues != "ALL_OLD" && *returnValues != "NONE" {
		return item.Invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	return nil
}

func olderWrite(exp map[string]*expectedArg, operator *string) []option {
	return []option{{"Expected", exp != nil}, {"ConditionalOperator", operator != nil}}
}

// A writeCondition is the condition of a write; without one, all writes are made.
type writeCondition struct {
	matcher matcher
	refs    []expr.Ref
}

func (s *Service) writeCondition(names map[string]string, values map[string]*valueArg, src *string, exp map[string]*expectedArg, operator *string) (*writeCondition, error) {
	older, err := expected(exp, operator)
	if err != nil {
		return nil, err
	}
	p, err := s.placeholders(names, values)
	if err != nil {
		return nil, err
	}
	return bindCondition(p, src, older)
}

// bindCondition binds the last expression of a write, after which no placeholder may be left.
func bindCondition(p *expr.Params, src *string, older matcher) (*writeCondition, error) {
	m, refs, err := condition(p, src, older)
	if err != nil {
		return nil, err
	}
	return &writeCondition{m, refs}, p.Unused()
}

// check returns ConditionalCheckFailedException if the condition does not hold for the item.
func (c *writeCondition) check(old item.Encoded, onFailure *string) error {
	if c.matcher == nil {
		return nil
	}
	var it item.Item
	if old != nil {
		var err error
		if it, err = old.Decode(); err != nil {
			return fmt.Errorf("read item: %w", err)
		}
	}
	if c.matcher.Match(it) {
		return nil
	}
	err := errConditionFailed()
	if is(onFailure, "ALL_OLD") && old != nil {
		err = err.With("Item", old)
	}
	return err
}

// metrics is what ReturnItemCollectionMetrics asks for. AWS: only tables with local indexes have item collections.
func (h *handle) metrics(wanted *string, c *engine.Change) *collectionMetrics {
	if !is(wanted, "SIZE") {
		return nil
	}
	for _, x := range h.Indexes {
		if x.Global {
			continue
		}
		data := c.New
		if data == nil {
			data = c.Old
		}
		if data == nil {
			return nil
		}
		name := h.Key.Hash.Name
		return &collectionMetrics{item.Item{{Name: name, Value: data.Get(name)}}, []float64{0, 1}}
	}
	return nil
}
