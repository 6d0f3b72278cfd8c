package cloudformation

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/internal/resource"
)

const nestedStack = "AWS::CloudFormation::Stack"

// nested is the type AWS::CloudFormation::Stack: a stack inside a stack. The operation on the outer stack works off that on the inner.
type nested struct{ s *Service }

// nestedProperties are its properties.
type nestedProperties struct {
	TemplateURL      string `cfn:"required"`
	Parameters       map[string]any
	NotificationARNs []string
	TimeoutInMinutes int64
	Tags             []resource.Tag
}

func (n *nested) typ() resource.Type {
	return resource.New(nestedStack, resource.Handlers[nestedProperties]{Create: n.create, Update: n.update, Delete: n.remove})
}

// create makes the inner stack, or goes on making it.
func (n *nested) create(ctx context.Context, r resource.Request, p *nestedProperties) (resource.Result, error) {
	s := n.s
	name := r.PhysicalName(128)
	st, exists, err := s.stackNamed(ctx, name)
	if err != nil {
		return resource.Result{}, err
	}
	if !exists {
		st = newStack(ctx, name)
		if err := n.adopt(ctx, st, r.StackID); err != nil {
			return resource.Result{}, err
		}
		prepared, err := n.prepare(ctx, st, r, p)
		if err != nil {
			return resource.Result{}, err
		}
		if err := s.startCreate(ctx, st, prepared, ""); err != nil {
			return resource.Result{}, err
		}
	}
	return n.finish(ctx, st.UUID, "created", "CREATE_COMPLETE")
}

// adopt says to an inner stack which stacks are around it.
func (n *nested) adopt(ctx context.Context, st *stack, parentID string) error {
	st.ParentID, st.RootID = parentID, parentID
	parent, ok, err := n.s.stackNamed(ctx, parentID)
	if err != nil {
		return err
	}
	if ok && parent.RootID != "" {
		st.RootID = parent.RootID
	}
	return nil
}

func (n *nested) prepare(ctx context.Context, st *stack, r resource.Request, p *nestedProperties) (*prepared, error) {
	text, err := n.s.fetch(ctx, p.TemplateURL)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for k, v := range p.Parameters {
		values[k] = parameterText(v)
	}
	set := settings{NotificationARNs: p.NotificationARNs, TimeoutInMinutes: p.TimeoutInMinutes}
	own := resource.TagMap(p.Tags)
	all := r.WithTags(own)
	for _, k := range sortedNames(all) {
		if len(k) < 4 || k[:4] != "aws:" {
			set.Tags = append(set.Tags, tag{k, all[k]})
		}
	}
	return n.s.prepare(ctx, &request{Text: text, Given: values, Settings: set, Trusted: true, StackName: st.Name, StackID: st.ID})
}

// parameterText returns the text of a parameter: a list is joined with commas.
func parameterText(v any) string {
	if list, ok := v.([]any); ok {
		s := ""
		for i, e := range list {
			if i > 0 {
				s += ","
			}
			s += fmt.Sprint(e)
		}
		return s
	}
	return fmt.Sprint(v)
}

// finish works off the operation on an inner stack.
func (n *nested) finish(ctx context.Context, uuid, verb, want string) (resource.Result, error) {
	st, ok, err := n.s.stackOf(ctx, uuid)
	if err != nil {
		return resource.Result{}, err
	}
	performed := ok && st.Op != nil
	if performed {
		if err := n.s.perform(ctx, uuid, st.Op.ID); err != nil {
			return resource.Result{}, err
		}
		if st, _, err = n.s.stackOf(ctx, uuid); err != nil {
			return resource.Result{}, err
		}
	}
	outputs := map[string]any{}
	for _, o := range st.Outputs {
		outputs[o.Key] = o.Value
	}
	result := resource.Result{PhysicalID: st.ID, Attributes: map[string]any{"Outputs": outputs}}
	if st.Status != want && st.Status != "UPDATE_COMPLETE" && !(verb == "updated" && !performed) {
		return result, fmt.Errorf("Embedded stack %s was not successfully %s: %s", st.ID, verb, n.why(ctx, st))
	}
	return result, nil
}

// why returns the reason that an inner stack failed for.
func (n *nested) why(ctx context.Context, st *stack) string {
	events, err := n.s.eventsOf(ctx, st.UUID)
	if err != nil {
		return st.Reason
	}
	for i := len(events) - 1; i >= 0; i-- {
		if e := events[i]; e.PhysicalID == st.ID && e.Reason != "" && e.Reason != "User Initiated" {
			return e.Reason
		}
	}
	return st.Reason
}

func (n *nested) update(ctx context.Context, r resource.Request, p, _ *nestedProperties) (resource.Result, error) {
	s := n.s
	st, ok, err := s.stackNamed(ctx, r.PhysicalID)
	if err != nil {
		return resource.Result{}, err
	}
	if !ok {
		return resource.Result{}, errNoStack(r.PhysicalID)
	}
	if st.Op == nil {
		prepared, err := n.prepare(ctx, st, r, p)
		if err != nil {
			return resource.Result{}, err
		}
		changes, err := s.checkUpdate(ctx, st, prepared)
		if err != nil {
			return resource.Result{}, err
		}
		if !s.unchanged(st, prepared, changes) {
			if err := s.startUpdate(ctx, st, prepared.settings, &prepared.text, ""); err != nil {
				return resource.Result{}, err
			}
		}
	}
	return n.finish(ctx, st.UUID, "updated", "CREATE_COMPLETE")
}

func (n *nested) remove(ctx context.Context, r resource.Request) error {
	st, ok, err := n.s.stackNamed(ctx, r.PhysicalID)
	if err != nil || !ok || st.Status == "DELETE_COMPLETE" {
		return err
	}
	if st.Op == nil || st.Op.Kind != opDelete {
		if st.Op != nil {
			if err := n.s.perform(ctx, st.UUID, st.Op.ID); err != nil {
				return err
			}
			if st, _, err = n.s.stackOf(ctx, st.UUID); err != nil {
				return err
			}
		}
		if err := n.s.startDelete(ctx, st, "", nil); err != nil {
			return err
		}
	}
	_, err = n.finish(ctx, st.UUID, "deleted", "DELETE_COMPLETE")
	return err
}
