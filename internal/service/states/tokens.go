package states

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

// encodeToken makes a task token: it says where the thread is that waits, and a secret.
func encodeToken(key string, thread int, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte("1\x00" + key + "\x00" + strconv.Itoa(thread) + "\x00" + secret))
}

func decodeToken(token string) (key string, thread int, err error) {
	text, err := base64.StdEncoding.DecodeString(token)
	parts := strings.Split(string(text), "\x00")
	if err != nil || len(parts) != 4 || parts[0] != "1" {
		return "", 0, errToken()
	}
	if thread, err = strconv.Atoi(parts[2]); err != nil {
		return "", 0, errToken()
	}
	return parts[1], thread, nil
}

func (s *Service) sendTaskSuccess(ctx context.Context, in *shapes.SendTaskSuccessInput) (*shapes.SendTaskSuccessOutput, error) {
	if _, _, err := s.holder(ctx, *in.TaskToken); err != nil {
		return nil, err
	}
	if wrong := asl.JSONError([]byte(*in.Output)); wrong != "" {
		return nil, failure("InvalidOutput", "Invalid Output: '%s'", wrong)
	}
	return nil, s.complete(ctx, *in.TaskToken, &outcome{Output: json.RawMessage(*in.Output)})
}

func (s *Service) sendTaskFailure(ctx context.Context, in *shapes.SendTaskFailureInput) (*shapes.SendTaskFailureOutput, error) {
	return nil, s.complete(ctx, *in.TaskToken, &outcome{Failed: true, Error: deref(in.Error), Cause: deref(in.Cause)})
}

// complete wakes the execution that waits for a token.
func (s *Service) complete(ctx context.Context, token string, o *outcome) error {
	x, thread, err := s.holder(ctx, token)
	if err != nil {
		return err
	}
	return s.send(ctx, job{Kind: jobToken, Key: x.key, Thread: thread, Token: token, Result: o}, 0)
}

// holder returns the execution that waits for a token.
func (s *Service) holder(ctx context.Context, token string) (*execution, int, error) {
	key, thread, err := decodeToken(token)
	if err != nil {
		return nil, 0, err
	}
	if placeOfKey(key).Account != placeOf(ctx).Account {
		return nil, 0, errToken()
	}
	x, err := s.load(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	if x == nil {
		return nil, 0, errToken()
	}
	if !x.Waits(thread, token) {
		return nil, 0, errTaskGone()
	}
	return x, thread, nil
}

func (s *Service) sendTaskHeartbeat(ctx context.Context, in *shapes.SendTaskHeartbeatInput) (*shapes.SendTaskHeartbeatOutput, error) {
	return nil, s.touch(ctx, *in.TaskToken, func(t *machine.Turn, thread int) bool { return t.Beat(thread, *in.TaskToken) })
}

// touch changes the thread that waits for a token, and sets its timers anew.
func (s *Service) touch(ctx context.Context, token string, f func(t *machine.Turn, thread int) bool) error {
	for {
		x, thread, err := s.holder(ctx, token)
		if err != nil {
			return err
		}
		turn, err := s.turn(ctx, x, "")
		if err != nil {
			return err
		}
		if !f(turn, thread) {
			return errTaskGone()
		}
		err = s.save(ctx, x)
		if errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return err
		}
		s.logEvents(x, turn)
		t := x.Thread(thread)
		if t.Task.HeartbeatAt == 0 {
			return nil
		}
		return s.send(ctx, job{Kind: jobTimer, Key: x.key, Thread: thread, Seq: t.Seq, At: t.Task.HeartbeatAt}, t.Task.HeartbeatAt)
	}
}

func (o *outcome) result() machine.Result {
	if o.Failed {
		return machine.Result{Failure: &asl.Failure{Error: o.Error, Cause: o.Cause}}
	}
	return machine.Result{Output: o.Output}
}

// loadChild reads how the child execution of the job ended. It asks for patience when the thread does not wait for it yet.
func (a *activation) loadChild(ctx context.Context) error {
	t := a.x.Thread(a.job.Thread)
	a.child = &machine.Result{}
	if t == nil || t.Task == nil || a.x.Ended() {
		return nil
	}
	if t.Phase == machine.Calling {
		return &bus.Retry{After: 50 * time.Millisecond, Err: errors.New("the call that started the child has not returned")}
	}
	child, err := a.s.load(ctx, a.job.Child)
	if err != nil {
		return err
	}
	if child != nil && child.Ended() {
		r, _ := asl.ParseResource(t.Task.Resource)
		*a.child = child.asResult(r.Suffix == "sync:2")
	}
	return nil
}

// asResult is what a task that waited for the execution gets.
func (x *execution) asResult(parsed bool) machine.Result {
	text := func(v json.RawMessage) any {
		if parsed {
			return v
		}
		return string(v)
	}
	o := asl.NewObject()
	if x.Status != machine.Succeeded {
		if x.Cause != nil {
			o.Set("Cause", *x.Cause)
		}
		if x.Error != nil {
			o.Set("Error", *x.Error)
		}
	}
	o.Set("ExecutionArn", x.ARN)
	o.Set("Input", text(x.Input))
	o.Set("InputDetails", asl.NewObject("Included", true))
	o.Set("Name", x.Name)
	if x.Status == machine.Succeeded {
		o.Set("Output", text(x.Output))
		o.Set("OutputDetails", asl.NewObject("Included", true))
		o.Set("RedriveCount", x.Redriven)
		o.Set("RedriveStatus", "NOT_REDRIVABLE")
		o.Set("RedriveStatusReason", "Execution is SUCCEEDED and cannot be redriven")
	}
	o.Set("StartDate", x.Started)
	o.Set("StateMachineArn", x.MachineARN)
	o.Set("Status", x.Status)
	o.Set("StopDate", x.Stopped)
	if x.Status != machine.Succeeded {
		return machine.Result{Failure: &asl.Failure{Error: asl.ErrTaskFailed, Cause: string(asl.Encode(o))}}
	}
	return machine.Result{Output: asl.Encode(o)}
}
