package cloudformation

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

// env is what the template of a running operation sees of the world.
func (r *run) env(ctx context.Context) *template.Env {
	e := r.s.environment(ctx, r.stack)
	e.Ref = func(id string) any {
		if res := r.state(id); res.live() {
			return res.ref()
		}
		return resource.Unknown
	}
	e.GetAtt = func(id, attr string) (any, error) {
		res := r.state(id)
		if !res.live() {
			return resource.Unknown, nil
		}
		return res.attribute(attr)
	}
	e.Import = func(name string) (any, error) {
		r.mu.Lock()
		r.imports[name] = true
		r.mu.Unlock()
		return r.s.imported(ctx, name)
	}
	return e
}

func (res *resourceState) ref() any {
	if res.Ref != "" {
		return res.Ref
	}
	return res.PhysicalID
}

func (res *resourceState) attribute(name string) (any, error) {
	if v, ok := res.Attributes[name]; ok {
		return v, nil
	}
	var v any = res.Attributes // "Endpoint.Address" may be an attribute inside another
	for part := range strings.SplitSeq(name, ".") {
		m, _ := v.(map[string]any)
		if v = m[part]; v == nil {
			return nil, &template.NoAttributeError{Type: res.Type, Attribute: name}
		}
	}
	return v, nil
}

// applyOne makes one resource as the template says.
func (r *run) applyOne(ctx context.Context, id string) error {
	cur := r.state(id)
	if cur != nil && cur.Op == r.stack.Op.ID {
		if strings.HasSuffix(cur.Status, "_FAILED") {
			return errors.New(cur.Reason)
		}
		return nil // before a crash
	}
	step := &step{run: r, id: id, def: r.eval.Resources[id], deps: r.eval.Dependencies(id), before: cur}
	if r.stack.Op.Kind == opUpdate {
		operation, asked, err := get[string](ctx, r.s.docs(), r.k.cancel(r.stack.UUID))
		if err != nil {
			return err
		}
		if asked && *operation == r.stack.Op.ID {
			r.failing.Store(true)
			return errors.New("Resource update cancelled")
		}
	}
	properties, err := r.eval.Properties(id)
	step.properties = properties
	if !cur.live() {
		return step.create(ctx, err, "")
	}
	if err != nil {
		return step.failed(ctx, cur, "UPDATE", err)
	}
	changed := changedProperties(cur.Properties, properties)
	if !slices.Equal(cur.Tags, r.stack.Tags) && r.s.taggable(cur) {
		changed = append(changed, "Tags")
	}
	switch {
	case len(changed) == 0:
		return step.keep(cur)
	case slices.ContainsFunc(changed, func(p string) bool { return slices.Contains(r.s.typeOf(cur.Type).CreateOnly(), p) }):
		return step.create(ctx, nil, "Requested update requires the creation of a new physical resource; hence creating one.")
	}
	return step.update(ctx, cur)
}

// A step is the making or changing of one resource.
type step struct {
	*run
	id         string
	def        *template.Resource
	deps       []string
	properties map[string]any
	before     *resourceState // nil if there was none
}

// event is the frame of an event of the resource.
func (st *step) event(physicalID, status, reason string) Event {
	return Event{
		LogicalID: st.id, PhysicalID: physicalID, Type: st.def.Type, Status: status, Reason: reason, Properties: eventProperties(st.properties),
	}
}

// maxEventProperties bounds how long the properties in an event may be.
const maxEventProperties = 8 << 10

func eventProperties(p map[string]any) string {
	b := encode(p)
	if p == nil || len(b) > maxEventProperties {
		return ""
	}
	return string(b)
}

// define writes what the template says of the resource into its state.
func (st *step) define(res *resourceState) {
	before := st.before
	if before != nil {
		b := *before
		b.Before, b.Stale = nil, nil
		if !b.live() {
			before = nil
		} else {
			before = &b
		}
	}
	res.Before = before
	res.Type = st.def.Type
	res.DependsOn = st.deps
	res.DeletionPolicy, res.UpdateReplacePolicy = st.def.DeletionPolicy, st.def.UpdateReplacePolicy
	res.Metadata = st.def.Metadata
	res.Tags = st.stack.Tags
	res.Op = st.stack.Op.ID
}

// create makes a new physical resource: the first, or one that replaces another for the reason given.
func (st *step) create(ctx context.Context, bad error, replace string) error {
	verb := "CREATE"
	old := ""
	if replace != "" {
		verb, old = "UPDATE", st.before.PhysicalID
	}
	st.save(st.id, func(res *resourceState) {
		res.Type, res.Status, res.Reason = st.def.Type, verb+"_IN_PROGRESS", replace
	}, st.event(old, verb+"_IN_PROGRESS", replace))
	st.journal.kick()
	typ := st.s.typeOf(st.def.Type)
	if bad == nil {
		bad = typ.Check(st.properties)
	}
	if bad != nil {
		return st.failed(ctx, st.before, verb, bad)
	}
	req := st.request("create")
	result, err := typ.Create(ctx, req)
	if err != nil {
		var partial *resourceState
		if result.PhysicalID != "" && replace == "" {
			partial = &resourceState{PhysicalID: result.PhysicalID, Properties: st.properties}
		}
		return st.failed(ctx, cmpOr(partial, st.before), verb, err)
	}
	if st.failing.Load() && replace == "" {
		return st.cancelled(result)
	}
	initiated := "Resource creation Initiated"
	st.save(st.id, func(res *resourceState) {
		st.define(res)
		if replace != "" {
			res.Stale = append(res.Stale, *res.Before)
		}
		st.result(res, result, verb)
	}, st.event(result.PhysicalID, verb+"_IN_PROGRESS", initiated), st.event(result.PhysicalID, verb+"_COMPLETE", st.s.remark(st.def.Type)))
	return st.journal.commit()
}

// cancelled writes down a resource that was made while another failed: it is there, and will be removed.
func (st *step) cancelled(result resource.Result) error {
	const reason = "Resource creation cancelled"
	st.save(st.id, func(res *resourceState) {
		st.define(res)
		st.result(res, result, "CREATE")
		res.Status, res.Reason = "CREATE_FAILED", reason
	}, st.event(result.PhysicalID, "CREATE_FAILED", reason))
	if err := st.journal.commit(); err != nil {
		return err
	}
	return errors.New(reason)
}

func cmpOr(a, b *resourceState) *resourceState {
	if a != nil {
		return a
	}
	return b
}

// result writes down what a handler has given.
func (st *step) result(res *resourceState, result resource.Result, verb string) {
	res.PhysicalID, res.Ref, res.Attributes = result.PhysicalID, result.Ref, normal(result.Attributes)
	res.Properties = st.properties
	res.Status, res.Reason = verb+"_COMPLETE", ""
}

// update changes a resource in place.
func (st *step) update(ctx context.Context, cur *resourceState) error {
	st.save(st.id, func(res *resourceState) { res.Status, res.Reason = "UPDATE_IN_PROGRESS", "" }, st.event(cur.PhysicalID, "UPDATE_IN_PROGRESS", ""))
	st.journal.kick()
	typ := st.s.typeOf(cur.Type)
	if err := typ.Check(st.properties); err != nil {
		return st.failed(ctx, cur, "UPDATE", err)
	}
	req := st.request("update")
	req.PhysicalID, req.Old = cur.PhysicalID, cur.Properties
	result, err := typ.Update(ctx, req)
	if err != nil {
		return st.failed(ctx, cur, "UPDATE", err)
	}
	if result.PhysicalID == "" {
		result.PhysicalID = cur.PhysicalID
	}
	st.save(st.id, func(res *resourceState) {
		st.define(res)
		if result.PhysicalID != cur.PhysicalID {
			res.Stale = append(res.Stale, *res.Before)
		}
		st.result(res, result, "UPDATE")
	}, st.event(result.PhysicalID, "UPDATE_COMPLETE", ""))
	return st.journal.commit()
}

// keep writes down what has changed of a resource that need not be touched.
func (st *step) keep(cur *resourceState) error {
	same := slices.Equal(cur.DependsOn, st.deps) && cur.DeletionPolicy == st.def.DeletionPolicy && cur.UpdateReplacePolicy == st.def.UpdateReplacePolicy &&
		bytes.Equal(encode(cur.Metadata), encode(st.def.Metadata))
	if same {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.define(st.resources[st.id])
	st.dirty[st.id] = true
	return nil
}

// failed writes down why a step did not succeed. physical is the resource that is there nevertheless, or nil.
func (st *step) failed(ctx context.Context, physical *resourceState, verb string, err error) error {
	if ctx.Err() != nil {
		return err // interrupted: it will be repeated
	}
	st.failing.Store(true)
	reason := st.reason(err)
	id := ""
	if physical != nil {
		id = physical.PhysicalID
	}
	st.save(st.id, func(res *resourceState) {
		st.define(res)
		res.Status, res.Reason = verb+"_FAILED", reason
		if physical != nil && res.PhysicalID == "" {
			res.PhysicalID, res.Properties = physical.PhysicalID, physical.Properties
		}
	}, st.event(id, verb+"_FAILED", reason))
	st.journal.kick()
	return err
}

// request is what a handler is told.
func (st *step) request(what string) resource.Request {
	return st.run.request(st.id, token(st.stack.Op.ID, st.id, what), st.properties)
}

func (r *run) request(id, tok string, properties map[string]any) resource.Request {
	tags := map[string]string{
		"aws:cloudformation:stack-name": r.stack.Name,
		"aws:cloudformation:stack-id":   r.stack.ID,
		"aws:cloudformation:logical-id": id,
	}
	for _, t := range r.stack.Tags {
		tags[t.Key] = t.Value
	}
	name := r.stack.Name
	return resource.Request{
		StackID: r.stack.ID, StackName: name, LogicalID: id, Token: tok, Properties: properties, Tags: tags,
		PhysicalName: func(max int) string { return physicalName(name, id, tok, max) },
	}
}

// changedProperties names the properties that differ, sorted.
func changedProperties(old, now map[string]any) []string {
	var changed []string
	for name, v := range now {
		if o, had := old[name]; !had || !sameValue(o, v) {
			changed = append(changed, name)
		}
	}
	for name := range old {
		if _, has := now[name]; !has {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	return changed
}

func sameValue(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// normal returns attributes as they will be after they have been written and read.
func normal(attributes map[string]any) map[string]any {
	var m map[string]any
	if decode(encode(attributes), &m) != nil {
		return attributes
	}
	return m
}
