package states

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

func (s *Service) listMapRuns(ctx context.Context, in *shapes.ListMapRunsInput) (*shapes.ListMapRunsOutput, error) {
	x, err := s.find(ctx, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	part, next, err := page(x.MapRuns(), in.MaxResults, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListMapRunsOutput{MapRuns: []*shapes.MapRunListItem{}, NextToken: next}
	for _, run := range part {
		out.MapRuns = append(out.MapRuns, &shapes.MapRunListItem{
			ExecutionArn: new(x.ARN), MapRunArn: new(run.ARN), StateMachineArn: new(run.MachineARN()), StartDate: date(run.Started), StopDate: date(run.Stopped),
		})
	}
	return out, nil
}

// mapRun finds a map run and its execution.
func (s *Service) mapRun(ctx context.Context, arn string) (*execution, *machine.MapRun, error) {
	n, err := parseARN(arn, "mapRun")
	if err != nil {
		return nil, nil, err
	}
	name, _, _ := strings.Cut(n.parts[0], "/")
	all, err := s.executionsOf(ctx, n.place, name)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range all {
		for _, run := range x.MapRuns() {
			if run.ARN == arn {
				return x, run, nil
			}
		}
	}
	return nil, nil, errNoResource(arn)
}

func (s *Service) describeMapRun(ctx context.Context, in *shapes.DescribeMapRunInput) (*shapes.DescribeMapRunOutput, error) {
	x, run, err := s.mapRun(ctx, *in.MapRunArn)
	if err != nil {
		return nil, err
	}
	count := func(n int) *int64 { return new(int64(n)) }
	written, itemsWritten, pending := 0, 0, run.Total-run.Succeeded-run.Failed-run.Aborted-run.Running
	if run.Written {
		written, itemsWritten = run.Succeeded+run.Failed+run.Aborted, run.ItemsSucceeded+run.ItemsFailed+run.ItemsAborted
	}
	return &shapes.DescribeMapRunOutput{
		MapRunArn: new(run.ARN), ExecutionArn: new(x.ARN), Status: new(run.Status), StartDate: date(run.Started), StopDate: date(run.Stopped),
		MaxConcurrency: count(run.Max), ToleratedFailurePercentage: new(run.TolPct), ToleratedFailureCount: new(run.TolCount), RedriveCount: count(0),
		ItemCounts: &shapes.MapRunItemCounts{
			Pending: count(run.Items - run.ItemsSucceeded - run.ItemsFailed - run.ItemsAborted - run.ItemsRunning), Running: count(run.ItemsRunning),
			Succeeded: count(run.ItemsSucceeded), Failed: count(run.ItemsFailed), TimedOut: count(0), Aborted: count(run.ItemsAborted),
			Total: count(run.Items), ResultsWritten: count(itemsWritten), FailuresNotRedrivable: count(0), PendingRedrive: count(0),
		},
		ExecutionCounts: &shapes.MapRunExecutionCounts{
			Pending: count(pending), Running: count(run.Running), Succeeded: count(run.Succeeded), Failed: count(run.Failed), TimedOut: count(0), Aborted: count(run.Aborted),
			Total: count(run.Total), ResultsWritten: count(written), FailuresNotRedrivable: count(0), PendingRedrive: count(0),
		},
	}, nil
}

func (s *Service) updateMapRun(ctx context.Context, in *shapes.UpdateMapRunInput) (*shapes.UpdateMapRunOutput, error) {
	for {
		x, run, err := s.mapRun(ctx, *in.MapRunArn)
		if err != nil {
			return nil, err
		}
		if run.Status != machine.Running {
			return nil, errValidation("Map Run is not in RUNNING status")
		}
		x.UpdateMapRun(run.ARN, in.MaxConcurrency, in.ToleratedFailureCount, in.ToleratedFailurePercentage)
		if err := s.save(ctx, x); !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
}

// notify tells EventBridge of the execution's status.
func (s *Service) notify(ctx context.Context, x *execution) {
	if s.cfg.Notify == nil || x.Express {
		return
	}
	detail := map[string]any{
		"executionArn": x.ARN, "stateMachineArn": x.MachineARN, "name": x.Name, "status": x.Status, "startDate": x.Started, "stopDate": nil,
		"input": string(x.Input), "output": nil, "error": x.Error, "cause": x.Cause, "stateMachineVersionArn": nil, "stateMachineAliasArn": nil,
		"redriveCount": x.Redriven, "redriveDate": nil, "redriveStatus": deref(x.describe(false).RedriveStatus), "redriveStatusReason": x.describe(false).RedriveStatusReason,
		"inputDetails": map[string]bool{"included": true}, "outputDetails": nil,
	}
	if x.Stopped > 0 {
		detail["stopDate"] = x.Stopped
	}
	if x.Output != nil {
		detail["output"], detail["outputDetails"] = string(x.Output), map[string]bool{"included": true}
	}
	data, err := json.Marshal(detail)
	if err != nil {
		return
	}
	s.cfg.Notify(s.as(ctx, x, newUUID()), "aws.states", "Step Functions Execution Status Change", []string{x.ARN}, data)
}
