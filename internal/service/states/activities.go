package states

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

// An activity is work that others do, who ask for it.
type activity struct {
	Name    string            `json:"name"`
	Created int64             `json:"created"`
	Tags    map[string]string `json:"tags,omitempty"`
	Token   string            `json:"token,omitempty"` // of the CloudFormation step that made it

	Encryption *encryption `json:"encryption,omitempty"`
}

// pollTime is how long GetActivityTask waits for a task.
const pollTime = 60 * time.Second

const activitySubject = "states.activity"

func activityKey(p place, name string) string { return "activity/" + p.String() + "/" + name }

// offeredKey is where a task waits for a worker. Its document is the task's token.
func offeredKey(arn string, at int64, token string) string {
	tail := token
	if len(tail) > 24 {
		tail = tail[len(tail)-24:]
	}
	return fmt.Sprintf("a/%s/%016d-%s", arn, at, tail)
}

func (s *Service) createActivity(ctx context.Context, in *shapes.CreateActivityInput) (*shapes.CreateActivityOutput, error) {
	a := &activity{Name: *in.Name, Tags: tagMap(in.Tags)}
	var err error
	if a.Encryption, err = encryptionOf(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	if err := s.makeActivity(ctx, a); err != nil {
		return nil, err
	}
	return &shapes.CreateActivityOutput{ActivityArn: new(placeOf(ctx).arn("activity", a.Name)), CreationDate: date(a.Created)}, nil
}

// makeActivity keeps a new activity. Making it again is no error; a is then the one that is there.
func (s *Service) makeActivity(ctx context.Context, a *activity) error {
	if err := checkName(a.Name); err != nil {
		return err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return err
	}
	a.Created = s.millis()
	key := activityKey(placeOf(ctx), a.Name)
	if _, err = write(ctx, docs, key, a, store.Absent); !errors.Is(err, store.ErrConflict) {
		return err
	}
	before := &activity{}
	if _, err = read(ctx, docs, key, before); err != nil {
		return err
	}
	if !before.Encryption.same(a.Encryption) {
		return failure("ActivityAlreadyExists", "Activity Already Exists: '%s'", placeOf(ctx).arn("activity", a.Name))
	}
	*a = *before
	return nil
}

// activity reads an activity by its ARN.
func (s *Service) activity(ctx context.Context, arn string) (*activity, uint64, error) {
	n, err := parseARN(arn, "activity")
	if err != nil {
		return nil, 0, err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return nil, 0, err
	}
	a := &activity{}
	rev, err := read(ctx, docs, activityKey(n.place, n.parts[0]), a)
	if err == nil && rev == 0 {
		err = errNoActivity(arn)
	}
	return a, rev, err
}

func (s *Service) deleteActivity(ctx context.Context, in *shapes.DeleteActivityInput) (*shapes.DeleteActivityOutput, error) {
	n, err := parseARN(*in.ActivityArn, "activity")
	if err != nil {
		return nil, err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	return nil, store.Delete(ctx, docs, activityKey(n.place, n.parts[0]), store.Always)
}

func (s *Service) describeActivity(ctx context.Context, in *shapes.DescribeActivityInput) (*shapes.DescribeActivityOutput, error) {
	a, _, err := s.activity(ctx, *in.ActivityArn)
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeActivityOutput{ActivityArn: in.ActivityArn, Name: new(a.Name), CreationDate: date(a.Created), EncryptionConfiguration: a.Encryption.shape()}, nil
}

func (s *Service) listActivities(ctx context.Context, in *shapes.ListActivitiesInput) (*shapes.ListActivitiesOutput, error) {
	p := placeOf(ctx)
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[activity](ctx, docs, activityKey(p, ""))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b *activity) int { return cmp.Compare(a.Created, b.Created) })
	part, next, err := page(all, in.MaxResults, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListActivitiesOutput{Activities: []*shapes.ActivityListItem{}, NextToken: next}
	for _, a := range part {
		out.Activities = append(out.Activities, &shapes.ActivityListItem{ActivityArn: new(p.arn("activity", a.Name)), Name: new(a.Name), CreationDate: date(a.Created)})
	}
	return out, nil
}

// offer makes the activities' tasks of an owner known to workers. It may be done twice.
func (s *Service) offer(ctx context.Context, x *execution, owner string) error {
	for _, t := range x.Threads {
		if t.Owner != owner || t.Phase != machine.Callback || t.Task.StartedBy {
			continue
		}
		r, _ := asl.ParseResource(t.Task.Resource)
		if r == nil || r.Kind != asl.ResourceActivity {
			continue
		}
		docs, err := s.executions(ctx)
		if err != nil {
			return err
		}
		if _, err := store.Put(ctx, docs, offeredKey(r.ARN, x.Started, t.Task.Token), []byte(t.Task.Token), store.Always); err != nil {
			return fmt.Errorf("offer task of %s: %w", r.ARN, err)
		}
		if err := s.cfg.Bus.Publish(ctx, activitySubject, []byte(r.ARN)); err != nil {
			return fmt.Errorf("tell workers of %s: %w", r.ARN, err)
		}
	}
	return nil
}

// serveActivities wakes those who poll here when a task is offered anywhere.
func (s *Service) serveActivities() (cancel func(), err error) {
	cancel, err = s.cfg.Bus.Subscribe(activitySubject, func(_ string, data []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for wake := range s.waiting[string(data)] {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("hear of activities' tasks: %w", err)
	}
	return cancel, nil
}

func (s *Service) getActivityTask(ctx context.Context, in *shapes.GetActivityTaskInput) (*shapes.GetActivityTaskOutput, error) {
	if _, _, err := s.activity(ctx, *in.ActivityArn); err != nil {
		return nil, err
	}
	wake := s.listen(*in.ActivityArn)
	defer s.unlisten(*in.ActivityArn, wake)
	timeout := time.NewTimer(pollTime)
	defer timeout.Stop()
	again := time.NewTicker(5 * time.Second) // in case that the word got lost
	defer again.Stop()
	for {
		out, err := s.takeTask(ctx, *in.ActivityArn, deref(in.WorkerName))
		if err != nil || out != nil {
			return out, err
		}
		select {
		case <-wake:
		case <-again.C:
		case <-timeout.C:
			return &shapes.GetActivityTaskOutput{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Service) listen(arn string) chan struct{} {
	wake := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[arn] == nil {
		s.waiting[arn] = map[chan struct{}]struct{}{}
	}
	s.waiting[arn][wake] = struct{}{}
	return wake
}

func (s *Service) unlisten(arn string, wake chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting[arn], wake)
	if len(s.waiting[arn]) == 0 {
		delete(s.waiting, arn)
	}
}

// takeTask gives the oldest task of an activity to a worker.
func (s *Service) takeTask(ctx context.Context, arn, worker string) (*shapes.GetActivityTaskOutput, error) {
	docs, err := s.executions(ctx)
	if err != nil {
		return nil, err
	}
	offers, err := docs.List(ctx, "a/"+arn+"/")
	if err != nil {
		return nil, fmt.Errorf("list tasks of %s: %w", arn, err)
	}
	for _, offer := range offers {
		if err := store.Delete(ctx, docs, offer.Key, store.AtRev(offer.Rev)); errors.Is(err, store.ErrConflict) {
			continue // another worker has it
		} else if err != nil {
			return nil, fmt.Errorf("take task of %s: %w", arn, err)
		}
		token := string(offer.Data)
		var input string
		err := s.touch(ctx, token, func(t *machine.Turn, thread int) bool {
			if !t.Taken(thread, token, worker) {
				return false
			}
			input = string(t.X.Thread(thread).Task.Input)
			return true
		})
		if code := code(err); code == "TaskTimedOut" || code == "InvalidToken" || strings.HasPrefix(code, "Task") {
			continue // nobody waits for it any more
		} else if err != nil {
			return nil, err
		}
		return &shapes.GetActivityTaskOutput{TaskToken: new(token), Input: new(input)}, nil
	}
	return nil, nil
}
