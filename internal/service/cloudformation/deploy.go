package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
	"github.com/sallyport/sallyport/internal/store"
)

// A DeployInput says what Deploy shall make.
type DeployInput struct {
	StackName  string
	Template   []byte
	Document   *template.Document // instead of Template: as template.Rewrite leaves it, so that errors have the places of the file
	Parameters map[string]string
	Tags       map[string]string
	// Capabilities are not asked for: whoever calls Deploy owns the process.

	// Progress is called with each event of the deployment as it is written, one call at a time. It may be nil.
	Progress func(Event)
}

// A Stack is a stack as Deploy leaves it.
type Stack struct {
	ID           string
	Name         string
	Status       string
	StatusReason string
	Outputs      []Output // in the order of the template
	Resources    []Resource
}

// An Output is one output of a stack.
type Output struct {
	Key, Value, Description string
}

// A Resource is one resource of a stack, as CloudFormation knows it.
type Resource struct {
	LogicalID, PhysicalID, Type, Status string
}

// A FailedError is a deployment that ended in a state that is none to be in.
type FailedError struct {
	Stack   Stack
	Reasons []string // "Table: Table already exists", of the resources that failed
}

func (e *FailedError) Error() string {
	reason := strings.Join(e.Reasons, "; ")
	if reason == "" {
		reason = e.Stack.StatusReason
	}
	return fmt.Sprintf("stack %s ended as %s: %s", e.Stack.Name, e.Stack.Status, reason)
}

// Deploy creates the stack, or updates it if it exists, and returns when that is done. A stack whose creation had failed is
// removed first, and an operation under way is waited for. If there is nothing to do, it returns the stack and ErrNoChanges; if it fails, the stack and a *FailedError. What is
// wrong with the template is a *template.Error with its place. Run must be running.
func (s *Service) Deploy(ctx context.Context, in DeployInput) (Stack, error) {
	if err := s.open(ctx); err != nil {
		return Stack{}, err
	}
	if err := checkStackName(in.StackName); err != nil {
		return Stack{}, err
	}
	st, exists, err := s.stackNamed(ctx, in.StackName)
	if err != nil {
		return Stack{}, err
	}
	if exists && st.Op != nil { // it goes on after a crash
		if _, err := s.wait(ctx, st.UUID, st.LastEvent, in.Progress); err != nil && !isFailed(err) {
			return Stack{}, err
		}
		if st, exists, err = s.stackNamed(ctx, in.StackName); err != nil {
			return Stack{}, err
		}
	}
	if exists && !updatable(st.Status) {
		if _, err := s.deleteAndWait(ctx, st, in.Progress); err != nil {
			return Stack{}, err
		}
		exists = false
	}
	if !exists {
		st = newStack(ctx, in.StackName)
	}
	set := settings{Capabilities: []string{"CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}}
	for _, k := range sortedNames(in.Tags) {
		set.Tags = append(set.Tags, tag{k, in.Tags[k]})
	}
	p, err := s.prepare(ctx, &request{Text: in.Template, Document: in.Document, Given: in.Parameters, Settings: set, Trusted: true, StackName: st.Name, StackID: st.ID})
	if err != nil {
		return Stack{}, err
	}
	from := st.LastEvent
	if !exists {
		err = s.startCreate(ctx, st, p, "")
	} else {
		changes, changeErr := s.checkUpdate(ctx, st, p)
		if changeErr != nil {
			return Stack{}, changeErr
		}
		if s.unchanged(st, p, changes) {
			return s.result(ctx, st, ErrNoChanges)
		}
		err = s.startUpdate(ctx, st, p.settings, &p.text, "")
	}
	if err != nil {
		return Stack{}, err
	}
	return s.wait(ctx, st.UUID, from, in.Progress)
}

func isFailed(err error) bool {
	var failed *FailedError
	return errors.As(err, &failed)
}

// Delete removes the stack of this name and returns when it is gone. Removing what is not there is no error.
func (s *Service) Delete(ctx context.Context, name string, progress func(Event)) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	st, ok, err := s.stackNamed(ctx, name)
	if err != nil || !ok || st.Status == "DELETE_COMPLETE" {
		return err
	}
	_, err = s.deleteAndWait(ctx, st, progress)
	return err
}

func (s *Service) deleteAndWait(ctx context.Context, st *stack, progress func(Event)) (Stack, error) {
	from := st.LastEvent
	if err := s.startDelete(ctx, st, "", nil); err != nil {
		return Stack{}, err
	}
	return s.wait(ctx, st.UUID, from, progress)
}

// errStop ends a watch.
var errStop = errors.New("stop")

// Watch calls f with each event of a stack, beginning with those that are there, oldest first, until ctx is done or f returns an
// error, which Watch returns.
func (s *Service) Watch(ctx context.Context, stackID string, f func(Event) error) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.watch(ctx, stackID[strings.LastIndexByte(stackID, '/')+1:], f)
}

func (s *Service) watch(ctx context.Context, uuid string, f func(Event) error) error {
	var early []Event
	caughtUp := false
	return s.docs().Watch(ctx, keysOf(ctx).events(uuid), func(e store.Event) error {
		var events []Event
		if e.CaughtUp {
			caughtUp = true
			events, early = early, nil
			slices.SortFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })
		} else if !e.Deleted {
			if err := decode(e.Data, &events); err != nil {
				return fmt.Errorf("decode %s: %w", e.Key, err)
			}
			if !caughtUp {
				early = append(early, events...)
				return nil
			}
		}
		for _, ev := range events {
			if err := f(ev); err != nil {
				return err
			}
		}
		return nil
	})
}

// wait returns when the operation under way on a stack has ended. Events after from are reported.
func (s *Service) wait(ctx context.Context, uuid string, from time.Time, progress func(Event)) (Stack, error) {
	err := s.watch(ctx, uuid, func(e Event) error {
		if !e.Time.After(from) {
			return nil
		}
		if progress != nil {
			progress(e)
		}
		if e.PhysicalID == e.StackID && !inProgress(e.Status) {
			return errStop
		}
		return nil
	})
	if !errors.Is(err, errStop) {
		return Stack{}, err
	}
	st, _, err := s.stackOf(ctx, uuid)
	if err != nil {
		return Stack{}, err
	}
	return s.result(ctx, st, nil)
}

// result returns a stack as callers see it; the error says how it ended, if err is nil.
func (s *Service) result(ctx context.Context, st *stack, err error) (Stack, error) {
	out := Stack{ID: st.ID, Name: st.Name, Status: st.Status, StatusReason: st.Reason}
	for _, o := range st.Outputs {
		out.Outputs = append(out.Outputs, Output{Key: o.Key, Value: o.Value, Description: o.Description})
	}
	resources, listErr := list[resourceState](ctx, s.docs(), keysOf(ctx).resources(st.UUID))
	if listErr != nil {
		return out, listErr
	}
	for _, r := range resources {
		if r.live() {
			out.Resources = append(out.Resources, Resource{r.LogicalID, r.PhysicalID, r.Type, r.Status})
		}
	}
	switch st.Status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE":
		return out, err
	}
	if err != nil {
		return out, err
	}
	reasons, err := s.failures(ctx, st)
	if err != nil {
		return out, err
	}
	return out, &FailedError{Stack: out, Reasons: reasons}
}

// failures returns why the last operation on a stack failed.
func (s *Service) failures(ctx context.Context, st *stack) ([]string, error) {
	events, err := s.eventsOf(ctx, st.UUID)
	if err != nil {
		return nil, err
	}
	var reasons []string
	for _, e := range events {
		if e.Operation == st.LastOp && strings.HasSuffix(e.Status, "_FAILED") && e.Reason != "" && e.Reason != "Resource creation cancelled" && e.PhysicalID != e.StackID {
			reasons = append(reasons, e.LogicalID+": "+e.Reason)
		}
	}
	if len(reasons) == 0 {
		for _, e := range events {
			if e.Operation == st.LastOp && strings.Contains(e.Status, "ROLLBACK") && e.Reason != "" {
				reasons = append(reasons, e.Reason)
			}
		}
	}
	return reasons, nil
}
