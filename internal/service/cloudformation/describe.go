package cloudformation

import (
	"context"
	"slices"
	"strconv"
	"strings"

	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
)

// page returns the part of a list that a token asks for, and the token of the next part.
func page(token *string, total, size int) (from, to int, next *string, err error) {
	if token != nil {
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > total {
			return 0, 0, nil, errValidation("NextToken is invalid")
		}
	}
	to = min(from+size, total)
	if to < total {
		next = new(strconv.Itoa(to))
	}
	return from, to, next, nil
}

// eventPage returns the part of a stack's events, newest first, that a token asks for. The token is the time of the last one that was
// given: while a stack is worked on, new events come in front.
func eventPage(token *string, events []Event) (part []Event, next *string, err error) {
	if token != nil {
		before, err := strconv.ParseInt(*token, 10, 64)
		if err != nil {
			return nil, nil, errValidation("NextToken is invalid")
		}
		i := slices.IndexFunc(events, func(e Event) bool { return e.Time.UnixMilli() < before })
		if i < 0 {
			i = len(events)
		}
		events = events[i:]
	}
	if len(events) > 100 {
		events = events[:100]
		next = new(strconv.FormatInt(events[99].Time.UnixMilli(), 10))
	}
	return events, next, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func shapeTags(tags []tag) []*api.Tag {
	all := make([]*api.Tag, len(tags))
	for i, t := range tags {
		all[i] = &api.Tag{Key: new(t.Key), Value: new(t.Value)}
	}
	return all
}

func shapeParameters(values []parameterValue) []*api.Parameter {
	all := make([]*api.Parameter, len(values))
	for i, v := range values {
		if v.NoEcho {
			v.Value = "****"
		}
		all[i] = &api.Parameter{ParameterKey: new(v.Key), ParameterValue: new(v.Value), ResolvedValue: optional(v.Resolved)}
	}
	return all
}

func (s *Service) describeStacks(ctx context.Context, in *api.DescribeStacksInput) (*api.DescribeStacksOutput, error) {
	var stacks []*stack
	if in.StackName != nil && *in.StackName != "" {
		st, ok, err := s.stackNamed(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errNoStackID(*in.StackName)
		}
		stacks = []*stack{st}
	} else {
		all, err := list[stack](ctx, s.docs(), keysOf(ctx).stacks())
		if err != nil {
			return nil, err
		}
		stacks = slices.DeleteFunc(all, func(st *stack) bool { return st.Status == "DELETE_COMPLETE" })
		slices.SortFunc(stacks, func(a, b *stack) int { return b.Created.Compare(a.Created) })
	}
	from, to, next, err := page(in.NextToken, len(stacks), 100)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeStacksOutput{NextToken: next, Stacks: []*api.Stack{}}
	for _, st := range stacks[from:to] {
		shape, err := s.shapeStack(ctx, st)
		if err != nil {
			return nil, err
		}
		out.Stacks = append(out.Stacks, shape)
	}
	return out, nil
}

func (s *Service) shapeStack(ctx context.Context, st *stack) (*api.Stack, error) {
	protected, err := s.protected(ctx, st)
	if err != nil {
		return nil, err
	}
	shape := &api.Stack{
		StackId: &st.ID, StackName: &st.Name, StackStatus: &st.Status, StackStatusReason: optional(st.Reason), CreationTime: &st.Created,
		LastUpdatedTime: st.Updated, DeletionTime: st.Deleted, Description: optional(st.Description), Capabilities: st.Capabilities,
		Parameters: shapeParameters(st.Parameters), Tags: shapeTags(st.Tags), NotificationARNs: st.NotificationARNs, RoleARN: optional(st.RoleARN),
		DisableRollback: &st.DisableRollback, EnableTerminationProtection: &protected, ParentId: optional(st.ParentID), RootId: optional(st.RootID),
		ChangeSetId: optional(st.ChangeSet), RollbackConfiguration: &api.RollbackConfiguration{},
		DriftInformation: &api.StackDriftInformation{StackDriftStatus: new("NOT_CHECKED")},
	}
	if st.NotificationARNs == nil {
		shape.NotificationARNs = []string{}
	}
	if st.TimeoutInMinutes > 0 {
		shape.TimeoutInMinutes = &st.TimeoutInMinutes
	}
	for _, o := range st.Outputs {
		shape.Outputs = append(shape.Outputs, &api.Output{
			OutputKey: new(o.Key), OutputValue: new(o.Value), Description: optional(o.Description), ExportName: optional(o.Export),
		})
	}
	return shape, nil
}

func (s *Service) listStacks(ctx context.Context, in *api.ListStacksInput) (*api.ListStacksOutput, error) {
	all, err := list[stack](ctx, s.docs(), keysOf(ctx).stacks())
	if err != nil {
		return nil, err
	}
	if len(in.StackStatusFilter) > 0 {
		all = slices.DeleteFunc(all, func(st *stack) bool { return !slices.Contains(in.StackStatusFilter, st.Status) })
	}
	slices.SortFunc(all, func(a, b *stack) int { return b.Created.Compare(a.Created) })
	from, to, next, err := page(in.NextToken, len(all), 100)
	if err != nil {
		return nil, err
	}
	out := &api.ListStacksOutput{NextToken: next, StackSummaries: []*api.StackSummary{}}
	for _, st := range all[from:to] {
		out.StackSummaries = append(out.StackSummaries, &api.StackSummary{
			StackId: &st.ID, StackName: &st.Name, StackStatus: &st.Status, StackStatusReason: optional(st.Reason), CreationTime: &st.Created,
			LastUpdatedTime: st.Updated, DeletionTime: st.Deleted, TemplateDescription: optional(st.Description), ParentId: optional(st.ParentID),
			RootId: optional(st.RootID), DriftInformation: &api.StackDriftInformationSummary{StackDriftStatus: new("NOT_CHECKED")},
		})
	}
	return out, nil
}

func (s *Service) describeStackEvents(ctx context.Context, in *api.DescribeStackEventsInput) (*api.DescribeStackEventsOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(str(in.StackName))
	}
	events, err := s.eventsOf(ctx, st.UUID)
	if err != nil {
		return nil, err
	}
	slices.Reverse(events)
	events, next, err := eventPage(in.NextToken, events)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeStackEventsOutput{NextToken: next, StackEvents: []*api.StackEvent{}}
	for _, e := range events {
		out.StackEvents = append(out.StackEvents, &api.StackEvent{
			EventId: new(e.ID), StackId: new(e.StackID), StackName: new(e.StackName), LogicalResourceId: new(e.LogicalID),
			PhysicalResourceId: new(e.PhysicalID), ResourceType: new(e.Type), ResourceStatus: new(e.Status), ResourceStatusReason: optional(e.Reason),
			ResourceProperties: optional(e.Properties), Timestamp: new(e.Time), ClientRequestToken: optional(e.Token), OperationId: optional(e.Operation),
		})
	}
	return out, nil
}

// describeEvents is the newer way to ask for events: those of one operation, or only failures.
func (s *Service) describeEvents(ctx context.Context, in *api.DescribeEventsInput) (*api.DescribeEventsOutput, error) {
	name := str(in.StackName)
	if name == "" && in.ChangeSetName != nil {
		cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		name = cs.StackID
	}
	st, ok, err := s.stackNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(name)
	}
	events, err := s.eventsOf(ctx, st.UUID)
	if err != nil {
		return nil, err
	}
	slices.Reverse(events)
	failedOnly := in.Filters != nil && yes(in.Filters.FailedEvents)
	events = slices.DeleteFunc(events, func(e Event) bool {
		return in.OperationId != nil && e.Operation != *in.OperationId || failedOnly && !strings.HasSuffix(e.Status, "_FAILED")
	})
	events, next, err := eventPage(in.NextToken, events)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeEventsOutput{NextToken: next, OperationEvents: []*api.OperationEvent{}}
	for _, e := range events {
		out.OperationEvents = append(out.OperationEvents, &api.OperationEvent{
			EventId: new(e.ID), EventType: new("STACK_EVENT"), StackId: new(e.StackID), LogicalResourceId: new(e.LogicalID), PhysicalResourceId: new(e.PhysicalID),
			ResourceType: new(e.Type), ResourceStatus: new(e.Status), ResourceStatusReason: optional(e.Reason), Timestamp: new(e.Time), OperationId: optional(e.Operation),
		})
	}
	return out, nil
}

// resourceList returns the resources of the stack of this name, sorted by logical id.
func (s *Service) resourceList(ctx context.Context, name, format string) (*stack, []*resourceState, error) {
	st, ok, err := s.stackNamed(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, errValidation(format, name)
	}
	all, err := list[resourceState](ctx, s.docs(), keysOf(ctx).resources(st.UUID))
	if err == nil && !strings.HasPrefix(st.Status, "DELETE_") && !strings.Contains(st.Status, "ROLLBACK") {
		all = slices.DeleteFunc(all, func(r *resourceState) bool { return r.Status == "DELETE_COMPLETE" || r.Status == "DELETE_SKIPPED" })
	}
	return st, all, err
}

func (s *Service) describeStackResource(ctx context.Context, in *api.DescribeStackResourceInput) (*api.DescribeStackResourceOutput, error) {
	st, all, err := s.resourceList(ctx, str(in.StackName), "Stack '%s' does not exist")
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.LogicalID != str(in.LogicalResourceId) {
			continue
		}
		d := &api.StackResourceDetail{
			StackId: &st.ID, StackName: &st.Name, LogicalResourceId: &r.LogicalID, PhysicalResourceId: optional(r.PhysicalID), ResourceType: &r.Type,
			ResourceStatus: &r.Status, ResourceStatusReason: optional(r.Reason), LastUpdatedTimestamp: &r.Updated, Metadata: new("{}"),
			DriftInformation: &api.StackResourceDriftInformation{StackResourceDriftStatus: new("NOT_CHECKED")},
		}
		if r.Metadata != nil {
			d.Metadata = new(string(encode(r.Metadata)))
		}
		return &api.DescribeStackResourceOutput{StackResourceDetail: d}, nil
	}
	return nil, errValidation("Resource %s does not exist for stack %s", str(in.LogicalResourceId), st.Name)
}

func (s *Service) describeStackResources(ctx context.Context, in *api.DescribeStackResourcesInput) (*api.DescribeStackResourcesOutput, error) {
	name := str(in.StackName)
	if in.StackName == nil {
		if in.PhysicalResourceId == nil {
			return nil, errValidation("Either stackName or physicalResourceId must be specified")
		}
		st, err := s.owner(ctx, *in.PhysicalResourceId)
		if err != nil {
			return nil, err
		}
		name = st.ID
	}
	st, all, err := s.resourceList(ctx, name, "Stack with id %s does not exist")
	if err != nil {
		return nil, err
	}
	out := &api.DescribeStackResourcesOutput{StackResources: []*api.StackResource{}}
	for _, r := range all {
		if in.LogicalResourceId != nil && r.LogicalID != *in.LogicalResourceId {
			continue
		}
		out.StackResources = append(out.StackResources, &api.StackResource{
			StackId: &st.ID, StackName: &st.Name, LogicalResourceId: &r.LogicalID, PhysicalResourceId: optional(r.PhysicalID), ResourceType: &r.Type,
			ResourceStatus: &r.Status, ResourceStatusReason: optional(r.Reason), Timestamp: &r.Updated,
			DriftInformation: &api.StackResourceDriftInformation{StackResourceDriftStatus: new("NOT_CHECKED")},
		})
	}
	return out, nil
}

// owner finds the stack that a physical resource belongs to.
func (s *Service) owner(ctx context.Context, physicalID string) (*stack, error) {
	stacks, err := list[stack](ctx, s.docs(), keysOf(ctx).stacks())
	if err != nil {
		return nil, err
	}
	for _, st := range stacks {
		if st.Status == "DELETE_COMPLETE" {
			continue
		}
		resources, err := s.resourcesOf(ctx, st.UUID)
		if err != nil {
			return nil, err
		}
		for _, r := range resources {
			if r.PhysicalID == physicalID {
				return st, nil
			}
		}
	}
	return nil, errValidation("Stack for %s does not exist", physicalID)
}

func (s *Service) listStackResources(ctx context.Context, in *api.ListStackResourcesInput) (*api.ListStackResourcesOutput, error) {
	_, all, err := s.resourceList(ctx, str(in.StackName), "Stack with id %s does not exist")
	if err != nil {
		return nil, err
	}
	from, to, next, err := page(in.NextToken, len(all), 100)
	if err != nil {
		return nil, err
	}
	out := &api.ListStackResourcesOutput{NextToken: next, StackResourceSummaries: []*api.StackResourceSummary{}}
	for _, r := range all[from:to] {
		out.StackResourceSummaries = append(out.StackResourceSummaries, &api.StackResourceSummary{
			LogicalResourceId: &r.LogicalID, PhysicalResourceId: optional(r.PhysicalID), ResourceType: &r.Type, ResourceStatus: &r.Status,
			ResourceStatusReason: optional(r.Reason), LastUpdatedTimestamp: &r.Updated,
			DriftInformation: &api.StackResourceDriftInformationSummary{StackResourceDriftStatus: new("NOT_CHECKED")},
		})
	}
	return out, nil
}

func (s *Service) listExports(ctx context.Context, in *api.ListExportsInput) (*api.ListExportsOutput, error) {
	all, err := list[export](ctx, s.docs(), keysOf(ctx).exports())
	if err != nil {
		return nil, err
	}
	from, to, next, err := page(in.NextToken, len(all), 100)
	if err != nil {
		return nil, err
	}
	out := &api.ListExportsOutput{NextToken: next, Exports: []*api.Export{}}
	for _, e := range all[from:to] {
		out.Exports = append(out.Exports, &api.Export{Name: &e.Name, Value: &e.Value, ExportingStackId: &e.StackID})
	}
	return out, nil
}

func (s *Service) listImports(ctx context.Context, in *api.ListImportsInput) (*api.ListImportsOutput, error) {
	names, err := s.importers(ctx, str(in.ExportName))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errValidation("Export '%s' is not imported by any stack.", str(in.ExportName))
	}
	from, to, next, err := page(in.NextToken, len(names), 100)
	if err != nil {
		return nil, err
	}
	return &api.ListImportsOutput{Imports: names[from:to], NextToken: next}, nil
}
