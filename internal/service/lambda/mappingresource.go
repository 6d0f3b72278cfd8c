package lambda

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/resource"
)

type mappingProperties struct {
	AmazonManagedKafkaEventSourceConfig any
	BatchSize                           *int64
	BisectBatchOnFunctionError          *bool
	DestinationConfig                   *struct {
		OnFailure, OnSuccess *struct{ Destination *string }
	}
	DocumentDBEventSourceConfig       any
	Enabled                           *bool
	EventSourceArn                    *string `cfn:"createonly"`
	FilterCriteria                    *struct{ Filters []struct{ Pattern *string } }
	FunctionName                      *string `cfn:"required"`
	FunctionResponseTypes             []string
	KmsKeyArn                         *string
	LoggingConfig                     any
	MaximumBatchingWindowInSeconds    *int64
	MaximumRecordAgeInSeconds         *int64
	MaximumRetryAttempts              *int64
	MetricsConfig                     *struct{ Metrics []string }
	ParallelizationFactor             *int64
	ProvisionedPollerConfig           any
	Queues                            []string
	ScalingConfig                     *struct{ MaximumConcurrency *int64 }
	SelfManagedEventSource            any `cfn:"createonly"`
	SelfManagedKafkaEventSourceConfig any
	SourceAccessConfigurations        any
	StartingPosition                  *string  `cfn:"createonly"`
	StartingPositionTimestamp         *float64 `cfn:"createonly"`
	Tags                              []resource.Tag
	Topics                            []string
	TumblingWindowInSeconds           *int64
}

// input turns the properties into what CreateEventSourceMapping takes.
func (p *mappingProperties) input(tags map[string]string) *shape.CreateEventSourceMappingInput {
	in := &shape.CreateEventSourceMappingInput{
		BatchSize: p.BatchSize, BisectBatchOnFunctionError: p.BisectBatchOnFunctionError, Enabled: p.Enabled, EventSourceArn: p.EventSourceArn,
		FunctionName: p.FunctionName, FunctionResponseTypes: p.FunctionResponseTypes, KMSKeyArn: p.KmsKeyArn,
		MaximumBatchingWindowInSeconds: p.MaximumBatchingWindowInSeconds, MaximumRecordAgeInSeconds: p.MaximumRecordAgeInSeconds,
		MaximumRetryAttempts: p.MaximumRetryAttempts, ParallelizationFactor: p.ParallelizationFactor, StartingPosition: p.StartingPosition,
		TumblingWindowInSeconds: p.TumblingWindowInSeconds, Tags: map[string]string{},
	}
	for k, v := range tags {
		in.Tags[k] = v
	}
	for _, t := range p.Tags {
		in.Tags[t.Key] = t.Value
	}
	if d := p.DestinationConfig; d != nil {
		in.DestinationConfig = &shape.DestinationConfig{}
		if d.OnFailure != nil {
			in.DestinationConfig.OnFailure = &shape.OnFailure{Destination: d.OnFailure.Destination}
		}
		if d.OnSuccess != nil {
			in.DestinationConfig.OnSuccess = &shape.OnSuccess{Destination: d.OnSuccess.Destination}
		}
	}
	if f := p.FilterCriteria; f != nil {
		in.FilterCriteria = &shape.FilterCriteria{}
		for _, one := range f.Filters {
			in.FilterCriteria.Filters = append(in.FilterCriteria.Filters, &shape.Filter{Pattern: one.Pattern})
		}
	}
	if p.ScalingConfig != nil {
		in.ScalingConfig = &shape.ScalingConfig{MaximumConcurrency: p.ScalingConfig.MaximumConcurrency}
	}
	if p.MetricsConfig != nil {
		in.MetricsConfig = &shape.EventSourceMappingMetricsConfig{Metrics: p.MetricsConfig.Metrics}
	}
	if p.StartingPositionTimestamp != nil {
		in.StartingPositionTimestamp = new(time.UnixMilli(int64(*p.StartingPositionTimestamp * 1000)).UTC())
	}
	return in
}

func (s *Service) createMappingResource(ctx context.Context, r resource.Request, p *mappingProperties) (resource.Result, error) {
	// The step may be made again: then the mapping has the id that it has.
	out, err := s.makeMapping(ctx, awsapi.RequestIDFrom("event source mapping", r.StackID, r.LogicalID, r.Token), p.input(r.Tags))
	if err != nil {
		return resource.Result{}, err
	}
	return mappingResult(out), nil
}

func mappingResult(c *shape.EventSourceMappingConfiguration) resource.Result {
	return resource.Result{PhysicalID: *c.UUID, Attributes: map[string]any{"Id": *c.UUID, "EventSourceMappingArn": *c.EventSourceMappingArn}}
}

// updateMappingResource sets what the template says; what it leaves out returns to its default.
func (s *Service) updateMappingResource(ctx context.Context, r resource.Request, p, _ *mappingProperties) (resource.Result, error) {
	in := p.input(r.Tags)
	update := &shape.UpdateEventSourceMappingInput{
		UUID: &r.PhysicalID, FunctionName: in.FunctionName, BatchSize: in.BatchSize, BisectBatchOnFunctionError: in.BisectBatchOnFunctionError,
		DestinationConfig: in.DestinationConfig, Enabled: in.Enabled, FilterCriteria: in.FilterCriteria, FunctionResponseTypes: in.FunctionResponseTypes,
		KMSKeyArn: in.KMSKeyArn, MaximumBatchingWindowInSeconds: in.MaximumBatchingWindowInSeconds, MaximumRecordAgeInSeconds: in.MaximumRecordAgeInSeconds,
		MaximumRetryAttempts: in.MaximumRetryAttempts, MetricsConfig: in.MetricsConfig, ParallelizationFactor: in.ParallelizationFactor,
		ScalingConfig: in.ScalingConfig, TumblingWindowInSeconds: in.TumblingWindowInSeconds,
	}
	if update.Enabled == nil {
		update.Enabled = new(true)
	}
	if update.FilterCriteria == nil {
		update.FilterCriteria = &shape.FilterCriteria{}
	}
	if update.FunctionResponseTypes == nil {
		update.FunctionResponseTypes = []string{}
	}
	if update.ScalingConfig == nil {
		update.ScalingConfig = &shape.ScalingConfig{}
	}
	out, err := s.updateEventSourceMapping(ctx, update)
	if err != nil {
		return resource.Result{}, err
	}
	return mappingResult(out), s.tagMapping(ctx, r.PhysicalID, func(tags map[string]string) {
		clear(tags)
		for k, v := range in.Tags {
			tags[k] = v
		}
	})
}

func (s *Service) deleteMappingResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteEventSourceMapping(ctx, &shape.DeleteEventSourceMappingInput{UUID: &r.PhysicalID})
	return unlessGone(err)
}
