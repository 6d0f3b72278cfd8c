package dynamodb

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func (s *Service) scan(ctx context.Context, in *scanInput) (*pageOutput, error) {
	r := &pageRequest{index: value(in.IndexName), selects: value(in.Select), limit: in.Limit, consistent: in.ConsistentRead, capacity: in.ReturnConsumedCapacity}
	if err := s.bindScan(in, r); err != nil {
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
	if err := h.checkAll(v, r); err != nil {
		return nil, err
	}
	span := engine.Span{}
	if in.TotalSegments != nil {
		span = engine.Segment(int(*in.Segment), int(*in.TotalSegments))
	}
	if r.startKey != nil {
		at, err := h.start(v, r.startKey)
		if err != nil {
			return nil, err
		}
		if !span.Contains(at) {
			return nil, item.Invalid(fmt.Sprintf("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "+
				"TotalSegments: %d Segment: %d", *in.TotalSegments, *in.Segment))
		}
		span = span.Beyond(at, false)
	}
	if r.projection != nil {
		if err := checkRefs(h.Schema, r.projection.Refs()); err != nil {
			return nil, err
		}
	}
	if err := checkRefs(h.Schema, r.refs); err != nil {
		return nil, err
	}
	return h.page(v, r, span, false)
}

// bindScan checks what does not depend on the table, and fills r.
func (s *Service) bindScan(in *scanInput, r *pageRequest) error {
	if err := checkMix([]option{
		{"ProjectionExpression", in.ProjectionExpression != nil},
		{"FilterExpression", in.FilterExpression != nil},
	}, []option{
		{"AttributesToGet", in.AttributesToGet != nil},
		{"ScanFilter", in.ScanFilter != nil},
		{"ConditionalOperator", in.ConditionalOperator != nil},
	}, in.ExpressionAttributeNames, in.ExpressionAttributeValues); err != nil {
		return err
	}
	if err := checkAttributesToGet(in.AttributesToGet); err != nil {
		return err
	}
	filter, err := comparisons(in.ScanFilter)
	if err != nil {
		return err
	}
	if err := r.takeStartKey(in.ExclusiveStartKey); err != nil {
		return err
	}
	if err := checkSegment(in.Segment, in.TotalSegments); err != nil {
		return err
	}
	p, err := s.placeholders(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return err
	}
	if err := r.bind(p, pageParts{in.FilterExpression, in.ProjectionExpression, in.AttributesToGet, filter, in.ConditionalOperator}); err != nil {
		return err
	}
	return r.checkSelect(in.ProjectionExpression != nil, false)
}

func checkSegment(segment, total *int64) error {
	switch {
	case segment == nil && total == nil:
		return nil
	case total == nil:
		return item.Invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case segment == nil:
		return item.Invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case *segment >= *total:
		return item.Invalid(fmt.Sprintf("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d",
			*segment, *total))
	}
	return nil
}
