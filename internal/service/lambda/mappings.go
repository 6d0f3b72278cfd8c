package lambda

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/service/lambda/poll"
	"github.com/sallyport/sallyport/internal/store/follow"
)

// mappingStore is the store of event source mappings (mapping/{account}/{region}/{uuid}) and of how far their streams were read
// (checkpoint/ and the mapping's key).
const mappingStore = "lambda-mappings"

// States of a mapping.
const (
	creating  = "Creating"
	enabling  = "Enabling"
	enabled   = "Enabled"
	updating  = "Updating"
	disabling = "Disabling"
	disabled  = "Disabled"
	deleting  = "Deleting"
)

// A mapping gives what a queue or stream has to a function.
type mapping struct {
	Account string
	Region  string
	Config  shape.EventSourceMappingConfiguration
	Version int // grows with each change that the poller must know
	Tags    map[string]string
}

func mappingsPrefix(account, region string) string { return "mapping/" + account + "/" + region + "/" }

func (m *mapping) key() string { return mappingsPrefix(m.Account, m.Region) + *m.Config.UUID }

// stream tells whether the source is one, and not a queue.
func (m *mapping) stream() bool { return strings.Contains(*m.Config.EventSourceArn, ":dynamodb:") }

// turn sets the state. AWS: queues and streams name the reason differently.
func (m *mapping) turn(state string) {
	m.Config.State, m.Config.StateTransitionReason = &state, new("USER_INITIATED")
	if m.stream() {
		m.Config.StateTransitionReason = new("User action")
	}
}

func errNoMapping() error { return errNotFound("The resource you requested does not exist.") }

func (s *Service) createEventSourceMapping(ctx context.Context, in *shape.CreateEventSourceMappingInput) (*shape.CreateEventSourceMappingOutput, error) {
	return s.makeMapping(ctx, uuid(), in)
}

func (s *Service) makeMapping(ctx context.Context, id string, in *shape.CreateEventSourceMappingInput) (*shape.EventSourceMappingConfiguration, error) {
	c := awsapi.CallerOf(ctx)
	m := &mapping{Account: c.Account, Region: c.Region, Tags: in.Tags, Version: 1}
	m.Config = shape.EventSourceMappingConfiguration{
		UUID: &id, EventSourceArn: in.EventSourceArn, EventSourceMappingArn: new(arn.New("lambda", c.Region, c.Account, "event-source-mapping:"+id).String()),
		BatchSize: in.BatchSize, MaximumBatchingWindowInSeconds: in.MaximumBatchingWindowInSeconds, FilterCriteria: in.FilterCriteria,
		DestinationConfig: in.DestinationConfig, FunctionResponseTypes: in.FunctionResponseTypes, ScalingConfig: in.ScalingConfig,
		StartingPosition: in.StartingPosition, MaximumRetryAttempts: in.MaximumRetryAttempts, MaximumRecordAgeInSeconds: in.MaximumRecordAgeInSeconds,
		BisectBatchOnFunctionError: in.BisectBatchOnFunctionError, ParallelizationFactor: in.ParallelizationFactor, TumblingWindowInSeconds: in.TumblingWindowInSeconds,
		KMSKeyArn: in.KMSKeyArn, MetricsConfig: in.MetricsConfig,
	}
	if err := m.complete(); err != nil {
		return nil, err
	}
	if err := s.checkMapping(ctx, m, in.FunctionName); err != nil {
		return nil, err
	}
	all, err := s.mappings.List(ctx, mappingsPrefix(c.Account, c.Region))
	if err != nil {
		return nil, err
	}
	for _, old := range all {
		if *old.Config.EventSourceArn == *m.Config.EventSourceArn && *old.Config.FunctionArn == *m.Config.FunctionArn && *old.Config.UUID != id {
			return nil, errConflict("The event source arn (\" %s \") and function (\" %s \") provided mapping already exists. Please update or delete the existing mapping with UUID %s", *m.Config.EventSourceArn, *m.Config.FunctionArn, *old.Config.UUID)
		}
	}
	m.turn(creating)
	if in.Enabled != nil && !*in.Enabled {
		m.turn(disabling)
	}
	made, err := s.mappings.Edit(ctx, m.key(), func(old *mapping) (*mapping, error) {
		if old != nil { // a step that is made again
			return nil, follow.ErrUnchanged
		}
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	answer := made.Config
	answer.State = new(creating)
	return &answer, s.wakePoller(ctx, made)
}

// complete refuses what the source does not have, and fills in AWS's defaults.
func (m *mapping) complete() error {
	c := &m.Config
	a, err := arn.Parse(deref(c.EventSourceArn))
	if err != nil {
		return errInvalid("Unrecognized event source.")
	}
	switch {
	case a.Service == "sqs":
		err = m.completeQueue(strings.HasSuffix(a.Resource, ".fifo"))
	case a.Service == "dynamodb" && strings.Contains(a.Resource, "/stream/"):
		err = m.completeStream()
	case a.Service == "kinesis" || a.Service == "kafka" || a.Service == "mq" || a.Service == "rds":
		return errInvalid("Sallyport has no event sources of service %s.", a.Service)
	default:
		return errInvalid("Unrecognized event source.")
	}
	if err != nil {
		return err
	}
	if c.MaximumBatchingWindowInSeconds == nil {
		c.MaximumBatchingWindowInSeconds = new(int64(0))
	}
	if *c.BatchSize > 10 && *c.MaximumBatchingWindowInSeconds == 0 && a.Service == "sqs" {
		return errInvalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	if c.FunctionResponseTypes == nil {
		c.FunctionResponseTypes = []string{}
	}
	c.LastModified = new(time.Now().UTC())
	_, err = m.filter()
	return err
}

func (m *mapping) completeQueue(fifo bool) error {
	c := &m.Config
	if c.BatchSize == nil {
		c.BatchSize = new(int64(10))
	}
	switch d := c.DestinationConfig; {
	case d != nil && (d.OnFailure != nil || d.OnSuccess != nil):
		return errInvalid("Unsupported DestinationConfig parameter for given event source mapping type.")
	case c.StartingPosition != nil:
		return errInvalid("StartingPosition is not valid for SQS event sources.")
	case fifo && deref(c.MaximumBatchingWindowInSeconds) > 0:
		return errInvalid("Batching window is not supported for FIFO queues.")
	case fifo && *c.BatchSize > 10:
		return errInvalid("BatchSize must be less than or equal to 10 for FIFO queues.")
	}
	c.DestinationConfig = nil
	return nil
}

func (m *mapping) completeStream() error {
	c := &m.Config
	fill := func(p **int64, v int64) {
		if *p == nil {
			*p = &v
		}
	}
	fill(&c.BatchSize, 100)
	fill(&c.ParallelizationFactor, 1)
	fill(&c.MaximumRetryAttempts, -1)
	fill(&c.MaximumRecordAgeInSeconds, -1)
	fill(&c.TumblingWindowInSeconds, 0)
	if c.BisectBatchOnFunctionError == nil {
		c.BisectBatchOnFunctionError = new(false)
	}
	if c.DestinationConfig == nil {
		c.DestinationConfig = &shape.DestinationConfig{OnFailure: &shape.OnFailure{}}
	}
	switch {
	case c.StartingPosition == nil:
		return errInvalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	case *c.StartingPosition == "AT_TIMESTAMP":
		return errInvalid("Unsupported starting position for arn type: %s", *c.EventSourceArn)
	case *c.TumblingWindowInSeconds > 0:
		return errInvalid("Sallyport has no tumbling windows.")
	case c.ScalingConfig != nil:
		return errInvalid("ScalingConfig is not supported for this event source mapping type.")
	}
	if c.LastProcessingResult == nil {
		c.LastProcessingResult = new("No records processed")
	}
	return nil
}

// filter returns the mapping's filter. AWS: a pattern is an object.
func (m *mapping) filter() (poll.Filter, error) {
	if m.Config.FilterCriteria == nil {
		return nil, nil
	}
	var patterns []string
	for _, f := range m.Config.FilterCriteria.Filters {
		if f != nil && f.Pattern != nil {
			patterns = append(patterns, *f.Pattern)
		}
	}
	f, err := poll.ParseFilter(patterns)
	if err != nil {
		return nil, errInvalid("Invalid filter pattern definition.")
	}
	return f, nil
}

// checkMapping sets the function, and refuses a mapping whose function or source is not there, or do not fit.
func (s *Service) checkMapping(ctx context.Context, m *mapping, function *string) error {
	t, err := parseTarget(ctx, function, nil)
	if err != nil {
		return err
	}
	e, err := s.lookup(ctx, t)
	if err != nil || e.fn.configurationOf(t.qualifier) == nil {
		return errInvalid("Function does not exist")
	}
	m.Config.FunctionArn = new(t.named())
	if s.cfg.Sources == nil {
		return errInvalid("This server has no event sources.")
	}
	a, _ := arn.Parse(*m.Config.EventSourceArn) // complete has
	call := func(service, op string, in any) ([]byte, error) {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		c := awsapi.Caller{Account: a.Account, Region: a.Region, RequestID: uuid(), Service: "lambda.amazonaws.com", Admin: true}
		return s.cfg.Sources.Call(awsapi.WithCaller(ctx, c), service, op, data)
	}
	if m.stream() {
		_, err := call("dynamodbstreams", "DescribeStream", map[string]any{"StreamArn": *m.Config.EventSourceArn})
		if awsapi.Code(err) == "ResourceNotFoundException" {
			return errInvalid("Stream not found: %s", *m.Config.EventSourceArn)
		}
		return err
	}
	answer, err := call("sqs", "GetQueueAttributes", map[string]any{
		"QueueUrl": "https://sqs." + a.Region + ".amazonaws.com/" + a.Account + "/" + a.Resource, "AttributeNames": []string{"VisibilityTimeout"},
	})
	if awsapi.Code(err) == "QueueDoesNotExist" {
		return errInvalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")
	} else if err != nil {
		return err
	}
	var out struct {
		Attributes struct {
			VisibilityTimeout int64 `json:",string"`
		}
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return err
	}
	if timeout := e.fn.configurationOf(t.qualifier).Timeout; out.Attributes.VisibilityTimeout < timeout {
		return errInvalid("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", out.Attributes.VisibilityTimeout, timeout)
	}
	return nil
}

// named is how a mapping names its function: with a qualifier only if it was given one.
func (t target) named() string {
	t.text = ""
	return t.arn()
}

func (s *Service) findMapping(ctx context.Context, id *string) (*mapping, error) {
	c := awsapi.CallerOf(ctx)
	m, err := s.mappings.Get(ctx, mappingsPrefix(c.Account, c.Region)+*id)
	if err == nil && m == nil {
		err = errNoMapping()
	}
	return m, err
}

func (s *Service) getEventSourceMapping(ctx context.Context, in *shape.GetEventSourceMappingInput) (*shape.GetEventSourceMappingOutput, error) {
	m, err := s.findMapping(ctx, in.UUID)
	if err != nil {
		return nil, err
	}
	return &m.Config, nil
}

func (s *Service) listEventSourceMappings(ctx context.Context, in *shape.ListEventSourceMappingsInput) (*shape.ListEventSourceMappingsOutput, error) {
	c := awsapi.CallerOf(ctx)
	function := ""
	if in.FunctionName != nil {
		t, err := parseTarget(ctx, in.FunctionName, nil)
		if err != nil {
			return nil, err
		}
		function = t.named()
	}
	all, err := s.mappings.List(ctx, mappingsPrefix(c.Account, c.Region))
	if err != nil {
		return nil, err
	}
	var items []item[*shape.EventSourceMappingConfiguration]
	for _, m := range all {
		if in.EventSourceArn != nil && *in.EventSourceArn != *m.Config.EventSourceArn || function != "" && function != *m.Config.FunctionArn {
			continue
		}
		items = append(items, item[*shape.EventSourceMappingConfiguration]{*m.Config.UUID, &m.Config})
	}
	out := &shape.ListEventSourceMappingsOutput{}
	out.EventSourceMappings, out.NextMarker, err = paginate(items, in.Marker, in.MaxItems)
	return out, err
}

func (s *Service) updateEventSourceMapping(ctx context.Context, in *shape.UpdateEventSourceMappingInput) (*shape.UpdateEventSourceMappingOutput, error) {
	old, err := s.findMapping(ctx, in.UUID)
	if err != nil {
		return nil, err
	}
	next := *old
	next.set(in)
	if err := next.complete(); err != nil {
		return nil, err
	}
	function := in.FunctionName
	if function == nil {
		function = old.Config.FunctionArn
	}
	if err := s.checkMapping(ctx, &next, function); err != nil && (in.FunctionName != nil || deref(in.Enabled)) {
		return nil, err // else it may be one whose function or source is gone
	}
	m, err := s.mappings.Edit(ctx, old.key(), func(m *mapping) (*mapping, error) {
		if m == nil || *m.Config.State == deleting {
			return nil, errNoMapping()
		}
		state, result := *m.Config.State, m.Config.LastProcessingResult
		off := state == disabled || state == disabling
		m.set(in)
		m.Version++
		m.Config.FunctionArn, m.Config.LastModified, m.Config.LastProcessingResult = next.Config.FunctionArn, next.Config.LastModified, result
		switch {
		case in.Enabled != nil && !*in.Enabled && !off:
			m.turn(disabling)
		case in.Enabled != nil && *in.Enabled && off:
			m.turn(enabling)
		case !off:
			m.turn(updating)
		}
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	return &m.Config, s.wakePoller(ctx, m)
}

// set takes what an update says.
func (m *mapping) set(in *shape.UpdateEventSourceMappingInput) {
	c := &m.Config
	number := func(p **int64, v *int64) {
		if v != nil {
			*p = v
		}
	}
	number(&c.BatchSize, in.BatchSize)
	number(&c.MaximumBatchingWindowInSeconds, in.MaximumBatchingWindowInSeconds)
	number(&c.MaximumRecordAgeInSeconds, in.MaximumRecordAgeInSeconds)
	number(&c.MaximumRetryAttempts, in.MaximumRetryAttempts)
	number(&c.ParallelizationFactor, in.ParallelizationFactor)
	number(&c.TumblingWindowInSeconds, in.TumblingWindowInSeconds)
	if in.FilterCriteria != nil {
		if c.FilterCriteria = in.FilterCriteria; len(in.FilterCriteria.Filters) == 0 {
			c.FilterCriteria = nil
		}
	}
	if in.DestinationConfig != nil {
		c.DestinationConfig = in.DestinationConfig
	}
	if in.BisectBatchOnFunctionError != nil {
		c.BisectBatchOnFunctionError = in.BisectBatchOnFunctionError
	}
	if in.FunctionResponseTypes != nil {
		c.FunctionResponseTypes = in.FunctionResponseTypes
	}
	if in.ScalingConfig != nil {
		if c.ScalingConfig = in.ScalingConfig; in.ScalingConfig.MaximumConcurrency == nil {
			c.ScalingConfig = nil
		}
	}
	if in.KMSKeyArn != nil {
		c.KMSKeyArn = in.KMSKeyArn
	}
	if in.MetricsConfig != nil {
		c.MetricsConfig = in.MetricsConfig
	}
}

func (s *Service) deleteEventSourceMapping(ctx context.Context, in *shape.DeleteEventSourceMappingInput) (*shape.DeleteEventSourceMappingOutput, error) {
	old, err := s.findMapping(ctx, in.UUID)
	if err != nil {
		return nil, err
	}
	m, err := s.mappings.Edit(ctx, old.key(), func(m *mapping) (*mapping, error) {
		if m == nil {
			return nil, errNoMapping()
		}
		m.turn(deleting)
		m.Version++
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	return &m.Config, s.wakePoller(ctx, m)
}

// mappingOfARN returns the id in a mapping's ARN, of which only tags are asked for.
func mappingOfARN(text string) (id string, ok bool) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "lambda" {
		return "", false
	}
	return strings.CutPrefix(a.Resource, "event-source-mapping:")
}

// tagMapping changes a mapping's tags.
func (s *Service) tagMapping(ctx context.Context, id string, change func(tags map[string]string)) error {
	m, err := s.findMapping(ctx, &id)
	if err != nil {
		return err
	}
	_, err = s.mappings.Edit(ctx, m.key(), func(m *mapping) (*mapping, error) {
		if m == nil {
			return nil, errNoMapping()
		}
		m.Tags = maps.Clone(m.Tags)
		if m.Tags == nil {
			m.Tags = map[string]string{}
		}
		change(m.Tags)
		return m, checkTags(m.Tags)
	})
	return err
}
