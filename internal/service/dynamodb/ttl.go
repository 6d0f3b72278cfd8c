package dynamodb

import (
	"context"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func (s *Service) updateTimeToLive(ctx context.Context, in *shapes.UpdateTimeToLiveInput) (*shapes.UpdateTimeToLiveOutput, error) {
	spec := in.TimeToLiveSpecification
	_, _, err := s.change(ctx, *in.TableName, func(d *definition) error {
		switch {
		case *spec.Enabled && d.TTL == *spec.AttributeName:
			return item.Invalid("TimeToLive is already enabled")
		case *spec.Enabled && d.TTL != "":
			return item.Invalid("TimeToLive is active on a different AttributeName: current AttributeName is " + d.TTL)
		case *spec.Enabled:
			d.TTL = *spec.AttributeName
		case d.TTL == "":
			return item.Invalid("TimeToLive is already disabled")
		case d.TTL != *spec.AttributeName:
			return item.Invalid("TimeToLive is active on a different AttributeName: current AttributeName is " + d.TTL)
		default:
			d.TTL = ""
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.UpdateTimeToLiveOutput{TimeToLiveSpecification: spec}, nil
}

func (s *Service) describeTimeToLive(ctx context.Context, in *shapes.DescribeTimeToLiveInput) (*shapes.DescribeTimeToLiveOutput, error) {
	d, _, err := s.defined(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	out := &shapes.TimeToLiveDescription{TimeToLiveStatus: new("DISABLED")}
	if d.TTL != "" {
		out.TimeToLiveStatus, out.AttributeName = new("ENABLED"), &d.TTL
	}
	return &shapes.DescribeTimeToLiveOutput{TimeToLiveDescription: out}, nil
}
