package cloudformation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
	"github.com/sallyport/sallyport/internal/store"
)

// A run works off the operation of one stack. While it runs, nobody else writes the stack's document.
type run struct {
	s       *Service
	k       keys
	stack   *stack
	journal *journal
	eval    *template.Evaluation // of the template to be reached; nil while deleting
	imports map[string]bool
	failing atomic.Bool // a resource could not be made: do not complete others

	mu        sync.Mutex // guards what follows, and stack
	resources map[string]*resourceState
	dirty     map[string]bool // resources to be written
	pending   []Event         // events to be written
	final     []store.Write   // what the last write of the operation carries besides
}

// perform takes the operation of a stack from wherever it is to its end. It returns an error only if it has to be repeated.
func (s *Service) perform(ctx context.Context, uuid, operationID string) error {
	k := keysOf(ctx)
	st, ok, err := get[stack](ctx, s.docs(), k.stack(uuid))
	if err != nil {
		return err
	}
	if !ok || st.Op == nil || st.Op.ID != operationID {
		return nil // it has been done
	}
	resources, err := s.resourcesOf(ctx, uuid)
	if err != nil {
		return err
	}
	r := &run{s: s, k: k, stack: st, resources: resources, dirty: map[string]bool{}, imports: map[string]bool{}}
	r.journal = newJournal(context.WithoutCancel(ctx), s.docs(), r.take)
	defer r.journal.close()
	for r.stack.Op != nil {
		if err := r.phase(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// phase works off one phase of the operation, and writes down the next.
func (r *run) phase(ctx context.Context) error {
	switch r.stack.Op.Phase {
	case phaseApply:
		return r.apply(ctx)
	case phaseCleanup:
		return r.cleanup(ctx, "UPDATE_COMPLETE")
	case phaseRollback:
		if r.stack.Op.Kind == opCreate {
			return r.rollbackCreate(ctx)
		}
		return r.rollbackUpdate(ctx)
	case phaseRollbackCleanup:
		return r.cleanup(ctx, "UPDATE_ROLLBACK_COMPLETE")
	case phaseDelete:
		return r.delete(ctx)
	}
	return fmt.Errorf("stack %s is in the unknown phase %q", r.stack.Name, r.stack.Op.Phase)
}

// apply makes and changes resources until they are as the template says.
func (r *run) apply(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return r.stackFailed(ctx, err)
	}
	before := map[string][]string{}
	for _, id := range r.eval.Active() {
		before[id] = r.eval.Dependencies(id)
	}
	work := ctx
	if m := r.stack.TimeoutInMinutes; m > 0 && r.stack.Op.Kind == opCreate {
		var cancel context.CancelFunc
		work, cancel = context.WithDeadline(ctx, r.stack.Op.Started.Add(time.Duration(m)*time.Minute))
		defer cancel()
	}
	failed := walk(work, r.eval.Active(), before, r.applyOne)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if work.Err() != nil {
		return r.stackFailed(ctx, errors.New("Stack creation time exceeded the specified timeout."))
	}
	if len(failed) > 0 {
		slices.Sort(failed)
		verb := "create"
		if r.stack.Op.Kind == opUpdate {
			verb = "update"
		}
		return r.fail(ctx, fmt.Sprintf("The following resource(s) failed to %s: [%s]. ", verb, strings.Join(failed, ", ")))
	}
	outputs, err := r.outputs(ctx)
	if err != nil {
		return r.stackFailed(ctx, err)
	}
	r.mu.Lock()
	r.stack.Outputs = outputs
	r.stack.Imports = slices.Sorted(maps.Keys(r.imports))
	r.mu.Unlock()
	if r.stack.Op.Kind == opCreate {
		return r.finish("CREATE_COMPLETE", "")
	}
	r.enter(phaseCleanup, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")
	return nil
}

// load evaluates the stack's template, with the resources as they are.
func (r *run) load(ctx context.Context) error {
	text, err := r.s.templateOf(ctx, r.stack.UUID, r.stack.Template)
	if err != nil {
		return err
	}
	r.eval, err = r.s.evaluate(ctx, text, r.stack, r.env(ctx))
	return err
}

// stackFailed fails the operation for a reason that is no resource's.
func (r *run) stackFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return r.fail(ctx, message(err)+" ")
}

// fail ends the phase of making, as the stack's options say.
func (r *run) fail(_ context.Context, reason string) error {
	update := r.stack.Op.Kind == opUpdate
	keep := r.stack.DisableRollback || r.stack.OnFailure == "DO_NOTHING"
	switch {
	case keep && update:
		return r.finish("UPDATE_FAILED", strings.TrimSuffix(reason, " "))
	case keep:
		return r.finish("CREATE_FAILED", strings.TrimSuffix(reason, " "))
	case update:
		r.enter(phaseRollback, "UPDATE_ROLLBACK_IN_PROGRESS", strings.TrimSuffix(reason, " "))
	case r.stack.OnFailure == "DELETE":
		r.enter(phaseDelete, "DELETE_IN_PROGRESS", reason+"Delete requested by user.")
	default:
		r.enter(phaseRollback, "ROLLBACK_IN_PROGRESS", reason+"Rollback requested by user.")
	}
	return nil
}

// enter begins a phase. It is written with what comes next: the phase before can be repeated without harm.
func (r *run) enter(phase, status, reason string) {
	r.mu.Lock()
	r.stack.Op.Phase = phase
	r.setStatus(status, reason)
	r.mu.Unlock()
	r.journal.kick()
}

// setStatus changes the stack's status and adds the event. The caller holds mu.
func (r *run) setStatus(status, reason string) {
	r.stack.Status, r.stack.Reason = status, reason
	r.addEvent(Event{LogicalID: r.stack.Name, PhysicalID: r.stack.ID, Type: "AWS::CloudFormation::Stack", Status: status, Reason: reason})
}

// addEvent completes an event and adds it to what is to be written. The caller holds mu.
func (r *run) addEvent(e Event) {
	r.pending = append(r.pending, r.stack.event(e))
}

// event completes an event of the stack: events of a stack are at least a millisecond apart.
func (st *stack) event(e Event) Event {
	now := time.Now().UTC().Truncate(time.Millisecond)
	if !now.After(st.LastEvent) {
		now = st.LastEvent.Add(time.Millisecond)
	}
	st.LastEvent = now
	st.EventSeq++
	e.StackID, e.StackName, e.Time = st.ID, st.Name, now
	e.ID = newUUID()
	if e.Type != "AWS::CloudFormation::Stack" || e.LogicalID != st.Name {
		e.ID = fmt.Sprintf("%s-%s-%s", e.LogicalID, e.Status, now.Format("2006-01-02T15:04:05.000Z"))
	}
	if st.Op != nil {
		e.Operation, e.Token = st.Op.ID, st.Op.Token
	}
	return e
}

// take returns what is to be written now: resources and what goes with the end of an operation, then events, then the stack, which says
// what is true of them.
func (r *run) take() []store.Write {
	r.mu.Lock()
	defer r.mu.Unlock()
	var writes []store.Write
	for _, id := range slices.Sorted(maps.Keys(r.dirty)) {
		writes = append(writes, store.Write{Key: r.k.resource(r.stack.UUID, id), Data: encode(r.resources[id])})
	}
	clear(r.dirty)
	writes = append(writes, r.final...)
	r.final = nil
	if len(r.pending) > 0 {
		writes = append(writes, store.Write{Key: r.k.event(r.stack.UUID, r.stack.EventSeq), Data: encode(r.pending)})
		r.pending = nil
	}
	return append(writes, store.Write{Key: r.k.stack(r.stack.UUID), Data: encode(r.stack)})
}

// save changes one resource's state; change runs with all locks held.
func (r *run) save(id string, change func(res *resourceState), events ...Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.resources[id]
	if res == nil {
		res = &resourceState{LogicalID: id}
		r.resources[id] = res
	}
	for _, e := range events {
		r.addEvent(e)
	}
	change(res)
	res.Updated = r.stack.LastEvent
	r.dirty[id] = true
}

// state returns a copy of a resource's state, or nil.
func (r *run) state(id string) *resourceState {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.resources[id] == nil {
		return nil
	}
	c := *r.resources[id]
	return &c
}

// cleanup removes what the template no longer has and what has been replaced.
func (r *run) cleanup(ctx context.Context, end string) error {
	if r.eval == nil {
		if err := r.load(ctx); err != nil {
			return err
		}
	}
	active := map[string]bool{}
	for _, id := range r.eval.Active() {
		active[id] = true
	}
	var nodes []string
	before := map[string][]string{}
	for id, res := range r.resources {
		if len(res.Stale) > 0 || res.live() && !active[id] {
			nodes = append(nodes, id)
			before[id] = res.DependsOn
		}
	}
	slices.Sort(nodes)
	walkOn(ctx, nodes, reverse(before), func(ctx context.Context, id string) error {
		if err := r.removeStale(ctx, id); err != nil {
			return err
		}
		if !active[id] {
			return r.remove(ctx, id)
		}
		return nil
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.finish(end, "") // AWS: an update is complete even if something could not be removed
}

// rollbackCreate removes what was made.
func (r *run) rollbackCreate(ctx context.Context) error {
	if failed := r.removeAll(ctx, nil); len(failed) > 0 {
		return r.finish("ROLLBACK_FAILED", fmt.Sprintf("The following resource(s) failed to delete: [%s]. ", strings.Join(failed, ", ")))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.finish("ROLLBACK_COMPLETE", "")
}

// delete removes all resources.
func (r *run) delete(ctx context.Context) error {
	if failed := r.removeAll(ctx, r.stack.Op.Retain); len(failed) > 0 {
		return r.finish("DELETE_FAILED", fmt.Sprintf("The following resource(s) failed to delete: [%s]. ", strings.Join(failed, ", ")))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.finish("DELETE_COMPLETE", "")
}

// removeAll removes every resource, those first that nothing depends on.
func (r *run) removeAll(ctx context.Context, retain []string) (failed []string) {
	var nodes []string
	before := map[string][]string{}
	for id, res := range r.resources {
		if res.live() || len(res.Stale) > 0 {
			nodes = append(nodes, id)
			before[id] = res.DependsOn
		}
	}
	slices.Sort(nodes)
	failed = walkOn(ctx, nodes, reverse(before), func(ctx context.Context, id string) error {
		if err := r.removeStale(ctx, id); err != nil {
			return err
		}
		if slices.Contains(retain, id) {
			return r.skip(id)
		}
		return r.remove(ctx, id)
	})
	if ctx.Err() != nil {
		return nil
	}
	slices.Sort(failed)
	return failed
}

// rollbackUpdate brings back what the update has changed.
func (r *run) rollbackUpdate(ctx context.Context) error {
	var nodes []string
	before := map[string][]string{}
	for id, res := range r.resources {
		if res.Op == cmp.Or(r.stack.Op.Resumes, r.stack.Op.ID) && !slices.Contains(r.stack.Op.Retain, id) {
			nodes = append(nodes, id)
			before[id] = res.DependsOn
		}
	}
	slices.Sort(nodes)
	failed := walkOn(ctx, nodes, before, r.restoreOne)
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(failed) > 0 {
		slices.Sort(failed)
		return r.finish("UPDATE_ROLLBACK_FAILED", fmt.Sprintf("The following resource(s) failed to update: [%s]. ", strings.Join(failed, ", ")))
	}
	r.mu.Lock()
	if previous := r.stack.Op.Previous; previous != nil && previous.Template != r.stack.Template {
		r.dropTemplate(r.stack.Template)
		r.stack.settings = *previous
	}
	r.eval = nil
	r.mu.Unlock()
	r.enter(phaseRollbackCleanup, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")
	return nil
}

// message returns what an error says to the owner of a stack.
func message(err error) string {
	var e *awsapi.Error
	var t *template.Error
	switch {
	case errors.As(err, &t):
		return t.Message
	case errors.As(err, &e):
		return e.Message
	}
	return err.Error()
}

func stackName(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) == 3 {
		return parts[1]
	}
	return arn
}
