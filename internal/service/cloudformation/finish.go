package cloudformation

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/store"
)

// finish ends the operation and writes all down.
func (r *run) finish(status, reason string) error {
	r.mu.Lock()
	op := r.stack.Op
	if status == "UPDATE_FAILED" || status == "UPDATE_ROLLBACK_FAILED" {
		r.stack.Previous = op.Previous // whoever rolls back needs it, and what the resources were before
	} else {
		r.forget()
	}
	r.setStatus(status, reason)
	r.stack.LastOp = cmp.Or(op.Resumes, op.ID)
	now := r.stack.LastEvent
	switch status {
	case "DELETE_COMPLETE":
		r.stack.Deleted = &now
		r.final = append(r.final, store.Write{Key: r.k.name(r.stack.Name), Delete: true})
		r.dropChangeSets()
		r.exports(nil)
		r.stack.Outputs = nil
	case "CREATE_COMPLETE", "UPDATE_COMPLETE":
		r.exports(r.stack.Outputs)
	}
	r.stack.Op = nil
	r.dropEvents()
	r.mu.Unlock()
	return r.journal.commit()
}

// How many events of a stack are kept at least, and how many more there may be before the oldest are removed.
const (
	keepEvents  = 2000
	extraEvents = 1000
)

// dropEvents removes the oldest events of a stack that is updated again and again. The caller holds mu.
func (r *run) dropEvents() {
	if r.stack.EventSeq < r.stack.OldestEvent+keepEvents+extraEvents {
		return
	}
	docs, err := r.s.docs().List(r.journal.ctx, r.k.events(r.stack.UUID))
	if err != nil {
		r.s.log.Error("list events", "error", err)
		return
	}
	oldest := r.stack.EventSeq - keepEvents
	for _, d := range docs {
		if d.Key < r.k.event(r.stack.UUID, oldest) {
			r.final = append(r.final, store.Write{Key: d.Key, Delete: true})
		}
	}
	r.stack.OldestEvent = oldest
}

// forget drops what only a rollback would need. The caller holds mu.
func (r *run) forget() {
	for id, res := range r.resources {
		if res.Before != nil || len(res.Stale) > 0 {
			res.Before, res.Stale = nil, nil
			r.dirty[id] = true
		}
	}
	for _, previous := range []*settings{r.stack.Op.Previous, r.stack.Previous} {
		if previous != nil && previous.Template != r.stack.Template {
			r.dropTemplate(previous.Template)
		}
	}
	r.stack.Previous = nil
}

// dropTemplate removes a template that nobody needs any more with the next write. The caller holds mu.
func (r *run) dropTemplate(name string) {
	if name != "" {
		r.final = append(r.final, store.Write{Key: r.k.template(r.stack.UUID, name), Delete: true})
	}
}

// exports adds the writes after which the stack exports just these outputs.
func (r *run) exports(outputs []output) {
	all, err := list[export](r.journal.ctx, r.s.docs(), r.k.exports())
	if err != nil {
		r.s.log.Error("list exports", "error", err)
		return
	}
	want := map[string]string{}
	for _, o := range outputs {
		if o.Export != "" {
			want[o.Export] = o.Value
		}
	}
	for _, e := range all {
		if _, keep := want[e.Name]; e.StackID == r.stack.ID && !keep {
			r.final = append(r.final, store.Write{Key: r.k.export(e.Name), Delete: true})
		}
	}
	for name, value := range want {
		r.final = append(r.final, store.Write{Key: r.k.export(name), Data: encode(export{name, value, r.stack.ID})})
	}
}

// dropChangeSets removes the stack's change sets with the next write. The caller holds mu.
func (r *run) dropChangeSets() {
	all, err := list[changeSet](r.journal.ctx, r.s.docs(), r.k.changeSets())
	if err != nil {
		r.s.log.Error("list change sets", "error", err)
		return
	}
	for _, cs := range all {
		if cs.StackUUID == r.stack.UUID {
			r.final = append(r.final, store.Write{Key: r.k.changeSet(cs.UUID), Delete: true})
		}
	}
}

// outputs resolves the outputs, and checks what the stack exports with what others do.
func (r *run) outputs(ctx context.Context) ([]output, error) {
	values, err := r.eval.ResolveOutputs()
	if err != nil {
		return nil, err
	}
	exports, err := list[export](ctx, r.s.docs(), r.k.exports())
	if err != nil {
		return nil, err
	}
	var outputs []output
	exported := map[string]string{}
	for _, v := range values {
		outputs = append(outputs, output{Key: v.Name, Value: v.Value, Description: v.Description, Export: v.Export})
		if v.Export != "" {
			exported[v.Export] = v.Value
		}
	}
	for _, e := range exports {
		value, same := exported[e.Name]
		if same && e.StackID != r.stack.ID {
			return nil, fmt.Errorf("Export with name %s is already exported by stack %s", e.Name, stackName(e.StackID))
		}
		if e.StackID != r.stack.ID || same && value == e.Value {
			continue
		}
		users, err := r.s.importers(ctx, e.Name)
		if err != nil {
			return nil, err
		}
		if len(users) > 0 {
			verb := "deleted"
			if same {
				verb = "updated"
			}
			return nil, fmt.Errorf("Export %s cannot be %s as it is in use by %s", e.Name, verb, strings.Join(users, ", "))
		}
	}
	return outputs, nil
}
