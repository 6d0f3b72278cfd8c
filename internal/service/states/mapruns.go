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
	all, err := s.executionsOfRun(ctx, n.place, name, n.parts[len(n.parts)-1])
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
	e, i := run.Executions, run.ItemCounts
	written, itemsWritten := 0, 0
	if run.Written {
		written, itemsWritten = e.Succeeded+e.Failed+e.TimedOut+e.Aborted, i.Succeeded+i.Failed+i.TimedOut+i.Aborted
	}
	return &shapes.DescribeMapRunOutput{
		MapRunArn: new(run.ARN), ExecutionArn: new(x.ARN), Status: new(run.Status), StartDate: date(run.Started), StopDate: date(run.Stopped),
		MaxConcurrency: count(run.Max), ToleratedFailurePercentage: new(run.TolPct), ToleratedFailureCount: new(run.TolCount),
		RedriveCount: count(run.Redriven), RedriveDate: date(run.RedrivenAt),
		ItemCounts: &shapes.MapRunItemCounts{
			Pending: count(i.Pending), Running: count(i.Running), Succeeded: count(i.Succeeded), Failed: count(i.Failed), TimedOut: count(i.TimedOut), Aborted: count(i.Aborted),
			Total: count(run.Items), ResultsWritten: count(itemsWritten), FailuresNotRedrivable: count(i.NotRedrivable), PendingRedrive: count(i.PendingRedrive),
		},
		ExecutionCounts: &shapes.MapRunExecutionCounts{
			Pending: count(e.Pending), Running: count(e.Running), Succeeded: count(e.Succeeded), Failed: count(e.Failed), TimedOut: count(e.TimedOut), Aborted: count(e.Aborted),
			Total: count(run.Total), ResultsWritten: count(written), FailuresNotRedrivable: count(e.NotRedrivable), PendingRedrive: count(e.PendingRedrive),
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
	now := x.describe(false, s.millis())
	detail := map[string]any{
		"executionArn": x.ARN, "stateMachineArn": x.MachineARN, "name": x.Name, "status": x.Status, "startDate": x.Started, "stopDate": nil,
		"input": string(x.Input), "output": nil, "error": x.Error, "cause": x.Cause, "stateMachineVersionArn": nil, "stateMachineAliasArn": nil,
		"redriveCount": x.Redriven, "redriveDate": nil, "redriveStatus": now.RedriveStatus, "redriveStatusReason": now.RedriveStatusReason,
		"inputDetails": map[string]bool{"included": true}, "outputDetails": nil,
	}
	if x.Stopped > 0 {
		detail["stopDate"] = x.Stopped
	}
	if x.Redriven > 0 {
		detail["redriveDate"] = x.RedrivenAt
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
