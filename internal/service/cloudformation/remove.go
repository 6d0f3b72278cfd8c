package cloudformation

import (
	"context"
	"slices"
	"strings"
)

// remove deletes one resource, unless its policy says to keep it.
func (r *run) remove(ctx context.Context, id string) error {
	cur := r.state(id)
	if !cur.live() {
		return nil
	}
	if cur.DeletionPolicy == "Retain" || cur.DeletionPolicy == "RetainExceptOnCreate" && r.stack.Op.Phase != phaseRollback {
		return r.skip(id)
	}
	r.save(id, func(res *resourceState) { res.Status, res.Reason = "DELETE_IN_PROGRESS", "" }, deletion(cur, "DELETE_IN_PROGRESS", ""))
	r.journal.kick()
	if err := r.destroy(ctx, cur); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		reason := handlerReason(err, cur.Type, id, token(r.stack.Op.ID, id, "error"))
		r.save(id, func(res *resourceState) { res.Status, res.Reason = "DELETE_FAILED", reason }, deletion(cur, "DELETE_FAILED", reason))
		return err
	}
	r.save(id, func(res *resourceState) {
		res.Status, res.Reason, res.Before = "DELETE_COMPLETE", "", nil
	}, deletion(cur, "DELETE_COMPLETE", ""))
	return r.journal.commit()
}

func deletion(res *resourceState, status, reason string) Event {
	return Event{LogicalID: res.LogicalID, PhysicalID: res.PhysicalID, Type: res.Type, Status: status, Reason: reason}
}

func (r *run) destroy(ctx context.Context, res *resourceState) error {
	req := r.request(res.LogicalID, token(r.stack.Op.ID, res.LogicalID, "delete"+res.PhysicalID), res.Properties)
	req.PhysicalID = res.PhysicalID
	return r.s.typeOf(res.Type).Delete(ctx, req)
}

// skip leaves a resource alone and forgets it.
func (r *run) skip(id string) error {
	cur := r.state(id)
	r.save(id, func(res *resourceState) { res.Status, res.Reason = "DELETE_SKIPPED", "" }, deletion(cur, "DELETE_SKIPPED", ""))
	return r.journal.commit()
}

// removeStale deletes the physical resources that id's newer one has replaced.
func (r *run) removeStale(ctx context.Context, id string) error {
	for {
		cur := r.state(id)
		if len(cur.Stale) == 0 {
			return nil
		}
		old := cur.Stale[0]
		drop := func(res *resourceState) { res.Stale = res.Stale[1:] }
		if old.UpdateReplacePolicy == "Retain" || old.UpdateReplacePolicy == "RetainExceptOnCreate" {
			r.save(id, drop, deletion(&old, "DELETE_SKIPPED", ""))
			continue
		}
		r.save(id, func(*resourceState) {}, deletion(&old, "DELETE_IN_PROGRESS", ""))
		r.journal.kick()
		if err := r.destroy(ctx, &old); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			reason := handlerReason(err, old.Type, id, token(r.stack.Op.ID, id, "error"))
			r.save(id, drop, deletion(&old, "DELETE_FAILED", reason))
			return err
		}
		r.save(id, drop, deletion(&old, "DELETE_COMPLETE", ""))
		if err := r.journal.commit(); err != nil {
			return err
		}
	}
}

// restoreOne undoes what a failed update did to one resource.
func (r *run) restoreOne(ctx context.Context, id string) error {
	cur := r.state(id)
	done := r.stack.Op.ID + "/rollback"
	before := cur.Before
	switch {
	case before == nil: // it was made by the update: cleanup removes it, as the old template does not have it
		r.save(id, func(res *resourceState) { res.Op = done })
		return nil
	case cur.PhysicalID != before.PhysicalID: // it was replaced: the old one is still there
		replaced := *cur
		replaced.Before, replaced.Stale, replaced.UpdateReplacePolicy = nil, nil, ""
		r.save(id, func(res *resourceState) {
			*res = *before
			res.Op = done
			res.Stale = []resourceState{replaced}
			res.Status, res.Reason = "UPDATE_COMPLETE", ""
		}, deletion(before, "UPDATE_COMPLETE", ""))
		return r.journal.commit()
	case len(changedProperties(before.Properties, cur.Properties)) == 0 && !strings.HasSuffix(cur.Status, "_FAILED") && slices.Equal(before.Tags, cur.Tags):
		r.save(id, func(res *resourceState) { *res = *before; res.Op = done })
		return nil
	}
	r.save(id, func(*resourceState) {}, deletion(before, "UPDATE_IN_PROGRESS", ""))
	r.journal.kick()
	req := r.request(id, token(r.stack.Op.ID, id, "restore"), before.Properties)
	req.PhysicalID, req.Old = before.PhysicalID, cur.Properties
	result, err := r.s.typeOf(before.Type).Update(ctx, req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		reason := handlerReason(err, before.Type, id, req.Token)
		r.save(id, func(res *resourceState) { res.Status, res.Reason = "UPDATE_FAILED", reason }, deletion(before, "UPDATE_FAILED", reason))
		return err
	}
	r.save(id, func(res *resourceState) {
		*res = *before
		res.Op = done
		if result.PhysicalID != "" {
			res.PhysicalID, res.Ref, res.Attributes = result.PhysicalID, result.Ref, normal(result.Attributes)
		}
		res.Status, res.Reason = "UPDATE_COMPLETE", ""
	}, deletion(before, "UPDATE_COMPLETE", ""))
	return r.journal.commit()
}
