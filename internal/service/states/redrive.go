package states

import (
	"context"
	"errors"
	"fmt"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

// sameRedrive is for how long a client's token names the same redrive. AWS: 15 minutes.
const sameRedrive = 15 * time.Minute

// maxOpen is for how many milliseconds an execution may be open. AWS: a year.
const maxOpen = 365 * 24 * 3600 * 1000

// notRedrivable says why an execution cannot be redriven, in AWS's words; empty if it can.
func (x *execution) notRedrivable(now int64) string {
	switch {
	case x.Status == machine.Running || x.Status == machine.Succeeded:
		return fmt.Sprintf("Execution is %s and cannot be redriven", x.Status)
	case x.LastEvent >= machine.MaxRedrivable:
		return "Execution history event limit exceeded"
	case now-x.Started >= maxOpen:
		return "Execution has exceeded the max execution time"
	case now-x.Stopped >= machine.RedrivePeriod:
		return "Execution redrivable period exceeded"
	}
	return ""
}

func errNotRedrivable(reason string) error {
	return failure("ExecutionNotRedrivable", "The RedriveExecution request cannot be completed. Reason: '%s'", reason)
}

// redriveExecution takes an execution up again where it ended. The job comes first: if the process dies before the document is written, the
// worker writes it.
func (s *Service) redriveExecution(ctx context.Context, in *shapes.RedriveExecutionInput) (*shapes.RedriveExecutionOutput, error) {
	if c, err := s.childExecution(ctx, *in.ExecutionArn); err != nil {
		return nil, err
	} else if c != nil { // AWS: only with all others of its map run
		return nil, errNotRedrivable("Child execution can only be redriven by its Map Run")
	}
	for {
		x, err := s.find(ctx, *in.ExecutionArn)
		if err != nil {
			return nil, err
		}
		now := s.cfg.Now()
		token := deref(in.ClientToken)
		if token != "" && x.Redriver == token && now.Sub(time.UnixMilli(x.RedrivenAt)) < sameRedrive {
			return &shapes.RedriveExecutionOutput{RedriveDate: date(x.RedrivenAt)}, nil
		}
		if reason := x.notRedrivable(now.UnixMilli()); reason != "" {
			return nil, errNotRedrivable(reason)
		}
		if err := s.send(ctx, job{Kind: jobRedrive, Key: x.key, Count: x.Redriven, Token: token}, 0); err != nil {
			return nil, err
		}
		turn, err := s.turn(ctx, x, "")
		if err != nil {
			return nil, err
		}
		count := x.Redriven
		turn.Redrive(token)
		err = s.save(ctx, x)
		if errors.Is(err, store.ErrConflict) { // the worker was faster
			if x, err = s.find(ctx, *in.ExecutionArn); err == nil && x.Redriven == count {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		s.logEvents(x, turn)
		s.notify(ctx, x)
		return &shapes.RedriveExecutionOutput{RedriveDate: date(x.RedrivenAt)}, nil
	}
}

// recallChildren brings the children of the map runs that a redrive goes on with back into the execution's document.
func (s *Service) recallChildren(ctx context.Context, x *execution) error {
	for _, run := range x.Resumed() {
		if run.Kept == "" {
			continue
		}
		children, err := s.children(ctx, x, run)
		if err != nil {
			return err
		}
		run.Children = children
	}
	return nil
}

// stopChild is StopExecution of a child execution.
func (s *Service) stopChild(ctx context.Context, c *childExecution, in *shapes.StopExecutionInput) (*shapes.StopExecutionOutput, error) {
	if c.Status != machine.Running {
		return &shapes.StopExecutionOutput{StopDate: date(c.Stopped)}, nil
	}
	why := &outcome{Error: deref(in.Error), Cause: deref(in.Cause)}
	return &shapes.StopExecutionOutput{StopDate: date(s.millis())}, s.send(ctx, job{Kind: jobStop, Key: c.x.key, Child: c.run.ARN, Count: c.index, Seq: int64(c.Redriven), Result: why}, 0)
}
