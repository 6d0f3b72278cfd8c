package states

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

// maxInput is how many bytes the input of an execution may have.
const maxInput = 256 << 10

func code(err error) string { return awsapi.Code(err) }

func (s *Service) startExecution(ctx context.Context, in *shapes.StartExecutionInput) (*shapes.StartExecutionOutput, error) {
	x, err := s.start(ctx, in, nil)
	if err != nil {
		return nil, err
	}
	return &shapes.StartExecutionOutput{ExecutionArn: new(x.ARN), StartDate: date(x.Started)}, nil
}

// prepare makes the document of an execution that is to start.
func (s *Service) prepare(ctx context.Context, arn string, nameOf, input, trace *string) (*execution, error) {
	text, err := checkInput(input)
	if err != nil {
		return nil, err
	}
	if nameOf != nil {
		if err := checkName(*nameOf); err != nil {
			return nil, err
		}
	}
	t, err := s.target(ctx, arn)
	if err != nil {
		return nil, err
	}
	name := deref(nameOf)
	if name == "" {
		name = newUUID()
	}
	m := t.machine
	x := &execution{
		Execution: machine.Execution{
			Name: name, MachineARN: t.arn, MachineName: m.Name, RoleARN: m.Role, Input: text, Started: s.millis(), Seed: newSeed(), Status: machine.Running,
		},
		Definition: m.Definition, Express: m.Type == express, Version: t.versionARN, Alias: t.aliasARN, Trace: deref(trace),
	}
	if m.Logging.active() {
		x.Logging = m.Logging
	}
	unique := name
	x.ARN = t.place.arn("execution", m.Name) + ":" + name
	if x.Express {
		id := newUUID()
		x.ARN = t.place.arn("express", m.Name) + ":" + name + ":" + id
		unique = name + ":" + id
	}
	x.key = executionKey(t.place, m.Name, unique)
	return x, nil
}

// checkInput returns the input of an execution.
func checkInput(input *string) (json.RawMessage, error) {
	if input == nil {
		return json.RawMessage("{}"), nil
	}
	if len(*input) > maxInput {
		return nil, errValidation("1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to %d", maxInput)
	}
	if strings.TrimSpace(*input) == "" {
		return nil, errInput("Invalid execution input.")
	}
	if wrong := asl.JSONError([]byte(*input)); wrong != "" {
		return nil, errInput("%s", wrong)
	}
	return json.RawMessage(*input), nil
}

// start starts an execution. AWS: the same name with the same input is no error while the first is running.
func (s *Service) start(ctx context.Context, in *shapes.StartExecutionInput, p *parent) (*execution, error) {
	x, err := s.prepare(ctx, *in.StateMachineArn, in.Name, in.Input, in.TraceHeader)
	if err != nil {
		return nil, err
	}
	x.Parent = p
	if c := awsapi.CallerOf(ctx); c.Repeats {
		x.By = c.RequestID
	}
	if in.Name != nil && !x.Express {
		before, err := s.load(ctx, x.key)
		if err != nil {
			return nil, err
		}
		if before != nil {
			return sameStart(before, x)
		}
	}
	// The job comes first, with all that is needed: if the process dies before the document is written, the worker writes it.
	defer s.starting(x.key)()
	j := job{Kind: jobStart, Key: x.key, Seed: x}
	if err := s.send(ctx, j, 0); err != nil {
		return nil, err
	}
	if err := s.begin(ctx, x, j.owner()); err == nil {
		s.notify(ctx, x)
		return x, nil
	} else if !errors.Is(err, store.ErrConflict) {
		return nil, err
	}
	there, err := s.load(ctx, x.key)
	if err != nil {
		return nil, err
	}
	if there == nil || there.Seed == x.Seed { // the worker was faster
		s.notify(ctx, x)
		return x, nil
	}
	return sameStart(there, x)
}

// begin writes a new execution, with its first steps taken for the owner, so that the worker only has to do what they ask for. What takes
// more steps, or ends the execution, is the worker's.
func (s *Service) begin(ctx context.Context, x *execution, owner string) error {
	seed := *x
	turn, err := s.turn(ctx, x, owner)
	if err != nil {
		return err
	}
	turn.Steps = firstSteps
	if turn.Begin(); x.Ended() {
		*x = seed
	}
	if err := s.save(ctx, x); err != nil {
		return err
	}
	s.logEvents(x, turn)
	return nil
}

// firstSteps is how far an execution is taken while somebody waits that it starts.
const firstSteps = 8

// starting tells the workers of this process that an execution is about to be written, until done is called.
func (s *Service) starting(key string) (done func()) {
	written := make(chan struct{})
	s.starts.Store(key, written)
	return func() {
		s.starts.CompareAndDelete(key, written)
		close(written)
	}
}

// awaitStarter waits while somebody in this process writes a new execution. Its worker could as well write it at the same time: then one
// of both would have written in vain.
func (s *Service) awaitStarter(ctx context.Context, key string) {
	if written, ok := s.starts.Load(key); ok {
		select {
		case <-written.(chan struct{}):
		case <-ctx.Done():
		}
	}
}

// sameStart returns the execution that has the name of x already, if it is the same. A call that is made again after a crash finds what it
// started, whether that goes on or not.
func sameStart(before, x *execution) (*execution, error) {
	if x.By != "" && before.By == x.By {
		return before, nil
	}
	if before.Status == machine.Running && string(before.Input) == string(x.Input) {
		return before, nil
	}
	return nil, failure("ExecutionAlreadyExists", "Execution Already Exists: '%s'", x.ARN)
}

// find reads an execution by its ARN.
func (s *Service) find(ctx context.Context, arn string) (*execution, error) {
	n, err := parseARN(arn, "execution", "express")
	if err != nil {
		return nil, err
	}
	if n.kind == "express" {
		return nil, errWrongType()
	}
	if len(n.parts) != 2 {
		return nil, errARN("Invalid ARN: %s", arn)
	}
	x, err := s.load(ctx, executionKey(n.place, n.parts[0], n.parts[1]))
	if err != nil {
		return nil, err
	}
	if x == nil || n.Account != placeOf(ctx).Account {
		return nil, errNoExecution(arn)
	}
	return x, nil
}

func (s *Service) describeExecution(ctx context.Context, in *shapes.DescribeExecutionInput) (*shapes.DescribeExecutionOutput, error) {
	data := deref(in.IncludedData) != "METADATA_ONLY"
	c, err := s.childExecution(ctx, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if c != nil {
		return c.describe(data), nil
	}
	x, err := s.find(ctx, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	return x.describe(data, s.millis()), nil
}

func (x *execution) describe(data bool, now int64) *shapes.DescribeExecutionOutput {
	out := &shapes.DescribeExecutionOutput{
		ExecutionArn: new(x.ARN), StateMachineArn: new(x.MachineARN), Name: new(x.Name), Status: new(x.Status), StartDate: date(x.Started), StopDate: date(x.Stopped),
		Error: x.Error, Cause: x.Cause, RedriveCount: new(int64(x.Redriven)), RedriveDate: date(x.RedrivenAt),
		InputDetails: &shapes.CloudWatchEventsExecutionDataDetails{Included: new(data)},
	}
	if data {
		out.Input = new(string(x.Input))
	}
	if x.Output != nil {
		out.OutputDetails = &shapes.CloudWatchEventsExecutionDataDetails{Included: new(data)}
		if data {
			out.Output = new(string(x.Output))
		}
	}
	for _, o := range []struct {
		text string
		to   **string
	}{{x.Version, &out.StateMachineVersionArn}, {x.Alias, &out.StateMachineAliasArn}, {x.Trace, &out.TraceHeader}} {
		if o.text != "" {
			*o.to = new(o.text)
		}
	}
	out.RedriveStatus = new("REDRIVABLE")
	if reason := x.notRedrivable(now); reason != "" {
		out.RedriveStatus, out.RedriveStatusReason = new("NOT_REDRIVABLE"), new(reason)
	}
	return out
}

func (s *Service) stopExecution(ctx context.Context, in *shapes.StopExecutionInput) (*shapes.StopExecutionOutput, error) {
	if c, err := s.childExecution(ctx, *in.ExecutionArn); err != nil {
		return nil, err
	} else if c != nil {
		return s.stopChild(ctx, c, in)
	}
	for {
		x, err := s.find(ctx, *in.ExecutionArn)
		if err != nil {
			return nil, err
		}
		if x.Ended() {
			return &shapes.StopExecutionOutput{StopDate: date(x.Stopped)}, nil
		}
		turn, err := s.turn(ctx, x, "")
		if err != nil {
			return nil, err
		}
		turn.Abort(in.Error, in.Cause)
		err = s.save(ctx, x)
		if errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return nil, err
		}
		s.logEvents(x, turn)
		return &shapes.StopExecutionOutput{StopDate: date(x.Stopped)}, s.ended(ctx, x)
	}
}

func (s *Service) listExecutions(ctx context.Context, in *shapes.ListExecutionsInput) (*shapes.ListExecutionsOutput, error) {
	switch {
	case in.MapRunArn != nil && in.StateMachineArn != nil:
		return nil, errValidation("Must provide either a StateMachine ARN or MapRun ARN")
	case in.MapRunArn != nil:
		return s.listChildren(ctx, in)
	case in.StateMachineArn == nil:
		return nil, errValidation("Must provide a StateMachine ARN or MapRun ARN")
	}
	t, err := s.target(ctx, *in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if t.machine.Type == express {
		return nil, errWrongType()
	}
	docs, err := s.executions(ctx)
	if err != nil {
		return nil, err
	}
	prefix := executionKey(t.place, t.machine.Name, "")
	found, err := docs.List(ctx, "x/"+prefix)
	if err != nil {
		return nil, fmt.Errorf("list executions: %w", err)
	}
	all := make([]*execution, 0, len(found))
	for _, doc := range found {
		x, err := s.decodeExecution(ctx, docs, strings.TrimPrefix(doc.Key, "x/"), doc)
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return nil, err
		}
		if want := deref(in.StatusFilter); want != "" && x.Status != want || t.version != nil && x.Version != t.versionARN || !redriveMatches(deref(in.RedriveFilter), x.Redriven) {
			continue
		}
		x.Events, x.tail, x.Threads, x.Input = nil, nil, nil, nil
		all = append(all, x)
	}
	slices.SortStableFunc(all, func(a, b *execution) int { return cmp.Compare(b.Started, a.Started) })
	part, next, err := page(all, in.MaxResults, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListExecutionsOutput{Executions: []*shapes.ExecutionListItem{}, NextToken: next}
	for _, x := range part {
		out.Executions = append(out.Executions, x.item())
	}
	return out, nil
}

func redriveMatches(filter string, times int) bool {
	return filter == "" || (filter == "REDRIVEN") == (times > 0)
}

func (x *execution) item() *shapes.ExecutionListItem {
	item := &shapes.ExecutionListItem{
		ExecutionArn: new(x.ARN), StateMachineArn: new(x.MachineARN), Name: new(x.Name), Status: new(x.Status), StartDate: date(x.Started), StopDate: date(x.Stopped),
		RedriveCount: new(int64(x.Redriven)), RedriveDate: date(x.RedrivenAt),
	}
	if x.Version != "" {
		item.StateMachineVersionArn = new(x.Version)
	}
	if x.Alias != "" {
		item.StateMachineAliasArn = new(x.Alias)
	}
	return item
}
