package states

import (
	"context"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

func (s *Service) startSyncExecution(ctx context.Context, in *shapes.StartSyncExecutionInput) (*shapes.StartSyncExecutionOutput, error) {
	x, err := s.prepare(ctx, *in.StateMachineArn, in.Name, in.Input, in.TraceHeader)
	if err != nil {
		return nil, err
	}
	if !x.Express {
		return nil, errWrongType()
	}
	if err := s.runInMemory(ctx, x); err != nil {
		return nil, err
	}
	out := &shapes.StartSyncExecutionOutput{
		ExecutionArn: new(x.ARN), StateMachineArn: new(x.MachineARN), Name: new(x.Name), StartDate: date(x.Started), StopDate: date(x.Stopped), Status: new(x.Status),
		Error: x.Error, Cause: x.Cause, Input: new(string(x.Input)), InputDetails: &shapes.CloudWatchEventsExecutionDataDetails{Included: new(true)},
		BillingDetails: &shapes.BillingDetails{BilledMemoryUsedInMB: new(int64(64)), BilledDurationInMilliseconds: new((x.Stopped-x.Started)/100*100 + 100)},
	}
	if x.Output != nil {
		out.Output = new(string(x.Output))
		out.OutputDetails = &shapes.CloudWatchEventsExecutionDataDetails{Included: new(true)}
	}
	if x.Trace != "" {
		out.TraceHeader = new(x.Trace)
	}
	return out, nil
}

// runInMemory runs an execution that is nowhere written.
func (s *Service) runInMemory(ctx context.Context, x *execution) error {
	ctx, cancel := context.WithCancel(ctx)
	turn, err := s.turn(ctx, x, "sync")
	if err != nil {
		cancel()
		return err
	}
	a := &activation{s: s, owner: "sync", x: x, turn: turn, inflight: map[int64]context.CancelFunc{}, results: make(chan called, 64)}
	defer a.drain()
	defer cancel()
	a.input(func(t *machine.Turn) { t.Begin() })
	for !x.Ended() {
		s.logEvents(x, turn)
		a.since, a.dirty = nil, false
		a.call(ctx)
		timer := time.NewTimer(max(a.patience(), time.Millisecond))
		select {
		case r := <-a.results:
			a.take(r)
		case <-timer.C:
			a.input(func(t *machine.Turn) { t.Tick() })
			a.cancelStale()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
	s.logEvents(x, turn)
	return nil
}
