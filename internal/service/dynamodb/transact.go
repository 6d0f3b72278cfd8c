package dynamodb

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func (s *Service) transactGetItems(ctx context.Context, in *transactGetInput) (*transactGetOutput, error) {
	projections := make([]*expr.Projection, len(in.TransactItems))
	for i, op := range in.TransactItems {
		if op.Get.Key.invalid != nil {
			return nil, op.Get.Key.invalid
		}
		if err := checkMix([]option{{"ProjectionExpression", op.Get.ProjectionExpression != nil}}, nil, op.Get.ExpressionAttributeNames, nil); err != nil {
			return nil, err
		}
		var err error
		if projections[i], err = s.projection(op.Get.ExpressionAttributeNames, op.Get.ProjectionExpression, nil); err != nil {
			return nil, err
		}
	}
	handles := make([]*handle, len(in.TransactItems))
	changes := make([]*engine.Change, len(in.TransactItems))
	for i, op := range in.TransactItems {
		h, err := s.table(ctx, *op.Get.TableName)
		if err != nil {
			return nil, err
		}
		key, err := keyOf(h.Key, op.Get.Key.item)
		handles[i] = h
		changes[i] = &engine.Change{Table: h.table, Key: key, Err: err}
	}
	if err := refuse(changes); err != nil {
		return nil, err
	}
	rows, err := handles[0].space.ReadAll(ctx, changes)
	if err != nil {
		return nil, err
	}
	out := &transactGetOutput{}
	for i, data := range rows {
		shown, err := show(data, projections[i])
		if err != nil {
			return nil, err
		}
		out.Responses = append(out.Responses, &itemResponse{shown})
	}
	out.ConsumedCapacity = total(in.ReturnConsumedCapacity, handles, func(i int) cost {
		return cost{table: 2 * readCost(rows[i].Size(), new(true))}
	})
	for _, c := range out.ConsumedCapacity { // AWS: transactions tell reads from writes
		c.ReadCapacityUnits = c.CapacityUnits
	}
	return out, nil
}

// refuse returns an error if an action cannot be made, or two are on one item.
func refuse(changes []*engine.Change) error {
	seen := map[itemID]bool{}
	for _, c := range changes {
		if c.Err != nil {
			return cancelled(changes)
		}
	}
	for _, c := range changes {
		id := itemID{c.Table, c.Key}
		if seen[id] {
			return errOneItem
		}
		seen[id] = true
	}
	return nil
}

const errOneItem = item.Invalid("Transaction request cannot include multiple operations on one item")

type itemID struct {
	table *engine.Table
	key   engine.Key
}

func (s *Service) transactWriteItems(ctx context.Context, in *transactWriteInput) (*transactWriteOutput, error) {
	handles := make([]*handle, len(in.TransactItems))
	changes := make([]*engine.Change, len(in.TransactItems))
	prepared := make([]func(*handle) (*engine.Change, error), len(in.TransactItems))
	for i, op := range in.TransactItems {
		var err error
		if prepared[i], err = s.prepare(op); err != nil {
			return nil, err
		}
	}
	for i, op := range in.TransactItems {
		h, err := s.table(ctx, *op.arg().TableName)
		if err != nil {
			return nil, err
		}
		handles[i] = h
	}
	for i, h := range handles {
		c, err := prepared[i](h)
		// AWS: an empty key is a mistake of the request, all else that the schema forbids is a reason to cancel.
		if err != nil && strings.Contains(err.Error(), "cannot contain an empty") {
			return nil, err
		}
		if c == nil {
			c = &engine.Change{}
		}
		c.Err = err
		changes[i] = c
	}
	if err := refuse(changes); err != nil {
		return nil, err
	}
	if err := transact(ctx, handles[0].space, in, changes); err != nil {
		return nil, err
	}
	out := &transactWriteOutput{}
	out.ConsumedCapacity = total(in.ReturnConsumedCapacity, handles, func(i int) cost {
		c := writeCost(handles[i].Schema, changes[i].Old, changes[i].New)
		c.double()
		return c
	})
	for _, c := range out.ConsumedCapacity {
		c.WriteCapacityUnits = c.CapacityUnits
	}
	return out, nil
}

// transact writes the changes of a transaction, once for each client request token.
func transact(ctx context.Context, space *engine.Space, in *transactWriteInput, changes []*engine.Change) error {
	var token *engine.Token
	if in.ClientRequestToken != nil {
		body, err := json.Marshal(in.TransactItems)
		if err != nil {
			return fmt.Errorf("encode transaction: %w", err)
		}
		sum := sha256.Sum256(body)
		token = &engine.Token{Key: *in.ClientRequestToken, Data: sum[:]}
	}
	err := space.Write(ctx, token, changes...)
	var used *engine.UsedError
	switch {
	case errors.As(err, &used) && string(used.Data) == string(token.Data):
		return nil
	case errors.As(err, &used):
		return awsapi.Errorf("IdempotentParameterMismatchException", 400,
			"The request uses the same client token as a previous, but non-identical request.")
	case errors.Is(err, engine.ErrRefused):
		return cancelled(changes)
	}
	return err
}

// cancelled returns the error that tells of each action what was wrong with it.
func cancelled(changes []*engine.Change) error {
	var codes []string
	var reasons []map[string]any
	for _, c := range changes {
		reason := map[string]any{"Code": "None"}
		var seen *awsapi.Error
		switch err := visible(c.Err); {
		case err == nil:
		case !errors.As(err, &seen):
			return err
		case seen.Code == "ConditionalCheckFailedException":
			reason["Code"], reason["Message"] = "ConditionalCheckFailed", seen.Message
			if it, ok := seen.Detail["Item"]; ok {
				reason["Item"] = it
			}
		default:
			reason["Code"], reason["Message"] = "ValidationError", seen.Message
		}
		codes = append(codes, reason["Code"].(string))
		reasons = append(reasons, reason)
	}
	return awsapi.Errorf("TransactionCanceledException", 400,
		"Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", ")).With("CancellationReasons", reasons)
}

// arg returns what the action is made of.
func (op *transactOp) arg() *transactArg {
	for _, a := range []*transactArg{op.ConditionCheck, op.Put, op.Delete, op.Update} {
		if a != nil {
			return a
		}
	}
	return nil
}

// prepare checks an action as far as the table does not matter, and returns a function that makes the change of it.
func (s *Service) prepare(op *transactOp) (func(*handle) (*engine.Change, error), error) {
	given := 0
	for _, a := range []*transactArg{op.ConditionCheck, op.Put, op.Delete, op.Update} {
		if a != nil {
			given++
		}
	}
	if given != 1 {
		return nil, item.Invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	a := op.arg()
	if err := op.require(a); err != nil {
		return nil, err
	}
	if err := checkMix([]option{{"UpdateExpression", a.UpdateExpression != nil}, {"ConditionExpression", a.ConditionExpression != nil}}, nil,
		a.ExpressionAttributeNames, a.ExpressionAttributeValues); err != nil {
		return nil, err
	}
	p, err := s.placeholders(a.ExpressionAttributeNames, a.ExpressionAttributeValues)
	if err != nil {
		return nil, err
	}
	var up *expr.Update
	if op.Update != nil {
		if up, err = p.Update(*a.UpdateExpression); err != nil {
			return nil, err
		}
	}
	cond, err := bindCondition(p, a.ConditionExpression, nil)
	if err != nil {
		return nil, err
	}
	return func(h *handle) (*engine.Change, error) { return op.change(h, a, up, cond) }, nil
}

// require checks the members that the action cannot be without.
func (op *transactOp) require(a *transactArg) error {
	missing := ""
	switch {
	case op.Put != nil && a.Item == nil:
		missing = "put.member.item"
	case op.Put == nil && a.Key == nil:
		missing = "key"
	case op.Update != nil && a.UpdateExpression == nil:
		missing = "update.member.updateExpression"
	case op.ConditionCheck != nil && a.ConditionExpression == nil:
		missing = "conditionCheck.member.conditionExpression"
	}
	switch {
	case missing != "":
		return item.Invalid("1 validation error detected: Value null at 'transactItems.1.member." + missing + "' failed to satisfy constraint: Member must not be null")
	case op.Put != nil:
		return checkItem(a.Item)
	}
	return a.Key.invalid
}

func (op *transactOp) change(h *handle, a *transactArg, up *expr.Update, cond *writeCondition) (*engine.Change, error) {
	if op.Update != nil {
		return h.update(a.Key.item, up, cond, a.ReturnValuesOnConditionCheckFailure)
	}
	if err := checkRefs(h.Schema, cond.refs); err != nil {
		return nil, err
	}
	c := &engine.Change{Table: h.table, CheckOnly: op.ConditionCheck != nil}
	var encoded item.Encoded
	var err error
	if op.Put != nil {
		encoded = item.Encode(a.Item.item)
		c.Key, err = keyOfItem(h.Schema, a.Item.item)
	} else {
		c.Key, err = keyOf(h.Key, a.Key.item)
	}
	c.Do = func(old item.Encoded) (item.Encoded, error) {
		return encoded, cond.check(old, a.ReturnValuesOnConditionCheckFailure)
	}
	return c, err
}
