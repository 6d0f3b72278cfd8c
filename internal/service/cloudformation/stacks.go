package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	"github.com/sallyport/sallyport/internal/store"
)

var stackNamePattern = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*$`)

func checkStackName(name string) error {
	if !stackNamePattern.MatchString(name) {
		return errValidation("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*", name)
	}
	if len(name) > 128 {
		return errValidation("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must have length less than or equal to 128", name)
	}
	return nil
}

// newStack returns a stack without a template.
func newStack(ctx context.Context, name string) *stack {
	c := awsapi.CallerOf(ctx)
	st := &stack{UUID: newUUID(), Name: name, Created: time.Now().UTC().Truncate(time.Millisecond)}
	st.ID = arn.New("cloudformation", c.Region, c.Account, "stack/"+name+"/"+st.UUID).String()
	return st
}

// begin writes a stack with a new operation, whose first event it adds, and gives the operation to the workers.
// writes are made together with it.
func (s *Service) begin(ctx context.Context, st *stack, op *operation, status, reason string, writes ...store.Write) error {
	k := keysOf(ctx)
	op.ID, op.Started = newUUID(), time.Now().UTC()
	when := store.AtRev(st.rev)
	st.Op, st.LastToken = op, op.Token
	st.Status, st.Reason = status, reason
	e := st.event(Event{LogicalID: st.Name, PhysicalID: st.ID, Type: nestedStack, Status: status, Reason: reason})
	writes = append(writes,
		store.Write{Key: k.event(st.UUID, st.EventSeq), Data: encode([]Event{e})},
		store.Write{Key: k.stack(st.UUID), Data: encode(st), When: when})
	if _, err := s.docs().Apply(ctx, writes...); err != nil {
		return fmt.Errorf("begin to %s stack %s: %w", op.Kind, st.Name, err)
	}
	if st.ParentID != "" {
		return nil // the operation on its parent works it off
	}
	return s.send(ctx, st)
}

// saveTemplate returns the write of a template, and its name.
func saveTemplate(ctx context.Context, uuid string, t templateText) (name string, w store.Write) {
	name = newUUID()
	return name, store.Write{Key: keysOf(ctx).template(uuid, name), Data: encodeTemplate(t)}
}

// startCreate begins to make a stack. st has no operation yet: it is new, or a change set has made it.
func (s *Service) startCreate(ctx context.Context, st *stack, p *prepared, token string) error {
	var writes []store.Write
	reason := "User Initiated"
	if st.rev == 0 {
		writes = append(writes, store.Write{Key: keysOf(ctx).name(st.Name), Data: encode(st.UUID), When: store.Absent})
		if st.ParentID != "" {
			reason = ""
		}
	}
	if p != nil {
		st.settings = p.settings
		name, w := saveTemplate(ctx, st.UUID, p.text)
		st.Template = name
		writes = append(writes, w)
	}
	err := s.begin(ctx, st, &operation{Kind: opCreate, Phase: phaseApply, Token: token}, "CREATE_IN_PROGRESS", reason, writes...)
	if errors.Is(err, store.ErrConflict) {
		return errStackExists(st.Name)
	}
	return err
}

// startUpdate begins to bring a stack to p.
func (s *Service) startUpdate(ctx context.Context, st *stack, settings settings, text *templateText, token string) error {
	var writes []store.Write
	previous := st.settings
	onFailure, rollback, timeout := st.OnFailure, settings.DisableRollback, st.TimeoutInMinutes
	st.settings = settings
	st.OnFailure, st.DisableRollback, st.TimeoutInMinutes = onFailure, rollback, timeout
	if text != nil {
		name, w := saveTemplate(ctx, st.UUID, *text)
		st.Template = name
		writes = append(writes, w)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	st.Updated = &now
	reason := "User Initiated"
	if st.ParentID != "" {
		reason = ""
	}
	err := s.begin(ctx, st, &operation{Kind: opUpdate, Phase: phaseApply, Token: token, Previous: &previous}, "UPDATE_IN_PROGRESS", reason, writes...)
	if errors.Is(err, store.ErrConflict) {
		st.Status = "UPDATE_IN_PROGRESS"
		return errCannotUpdate(st)
	}
	return err
}

// startDelete begins to remove a stack.
func (s *Service) startDelete(ctx context.Context, st *stack, token string, retain []string) error {
	reason := "User Initiated"
	if st.ParentID != "" {
		reason = ""
	}
	return s.begin(ctx, st, &operation{Kind: opDelete, Phase: phaseDelete, Token: token, Retain: retain}, "DELETE_IN_PROGRESS", reason)
}

// updatable reports whether a stack in this status can be updated.
func updatable(status string) bool {
	switch status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE":
		return true
	}
	return false
}

func inProgress(status string) bool { return strings.HasSuffix(status, "_IN_PROGRESS") }

// given returns the parameters of a request, with previous values where they are asked for.
func given(in []*api.Parameter, previous []parameterValue) (map[string]string, error) {
	values := map[string]string{}
	for _, p := range in {
		if p == nil || p.ParameterKey == nil {
			continue
		}
		key := *p.ParameterKey
		if p.UsePreviousValue != nil && *p.UsePreviousValue {
			i := slices.IndexFunc(previous, func(v parameterValue) bool { return v.Key == key })
			if i < 0 {
				return nil, errValidation("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", key)
			}
			if p.ParameterValue != nil {
				return nil, errValidation("Invalid input for parameter key %s. Cannot specify usePreviousValue as true and non empty value for a parameter", key)
			}
			values[key] = previous[i].Value
			continue
		}
		if p.ParameterValue != nil {
			values[key] = *p.ParameterValue
		}
	}
	return values, nil
}

func tagsOf(in []*api.Tag) []tag {
	var all []tag
	for _, t := range in {
		if t != nil {
			all = append(all, tag{str(t.Key), str(t.Value)})
		}
	}
	slices.SortFunc(all, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// checkOptions refuses options of a request that do not go with its template.
func checkOptions(p *prepared, types []string, rollback *api.RollbackConfiguration) error {
	if rollback != nil {
		for _, t := range rollback.RollbackTriggers {
			if typ := str(t.Type); typ != "AWS::CloudWatch::Alarm" && typ != "AWS::CloudWatch::CompositeAlarm" {
				return errValidation("Rollback Trigger Type not supported")
			}
		}
	}
	if len(types) == 0 {
		return nil
	}
	for _, id := range p.evaluation.Active() {
		typ := p.template.Resources[id].Type
		if !slices.ContainsFunc(types, func(allowed string) bool {
			prefix, any := strings.CutSuffix(allowed, "::*")
			return allowed == typ || any && (strings.HasPrefix(typ, prefix+"::") || prefix == "AWS" || prefix == "Custom" && strings.HasPrefix(typ, "Custom::"))
		}) {
			return errValidation("Resource type %s is not allowed by parameter ResourceTypes [%s]", typ, strings.Join(types, ", "))
		}
	}
	return nil
}

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func yes(p *bool) bool { return p != nil && *p }

func (s *Service) createStack(ctx context.Context, in *api.CreateStackInput) (*api.CreateStackOutput, error) {
	name := str(in.StackName)
	if err := checkStackName(name); err != nil {
		return nil, err
	}
	old, exists, err := s.stackNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	if exists {
		if token := str(in.ClientRequestToken); token != "" && token == old.LastToken {
			return &api.CreateStackOutput{StackId: &old.ID}, nil // the same request, sent again
		}
		return nil, errStackExists(name)
	}
	text, err := s.body(ctx, in.TemplateBody, in.TemplateURL)
	if err != nil {
		return nil, err
	}
	if in.OnFailure != nil && in.DisableRollback != nil {
		return nil, errValidation("Either DisableRollback or OnFailure can be specified, not both.")
	}
	values, err := given(in.Parameters, nil)
	if err != nil {
		return nil, err
	}
	st := newStack(ctx, name)
	set := settings{
		Tags: tagsOf(in.Tags), Capabilities: in.Capabilities, NotificationARNs: in.NotificationARNs, RoleARN: str(in.RoleARN),
		DisableRollback: yes(in.DisableRollback), OnFailure: str(in.OnFailure),
	}
	if in.TimeoutInMinutes != nil {
		set.TimeoutInMinutes = *in.TimeoutInMinutes
	}
	p, err := s.prepare(ctx, &request{Text: text, Given: values, Settings: set, StackName: name, StackID: st.ID})
	if err != nil {
		return nil, err
	}
	if err := checkOptions(p, in.ResourceTypes, in.RollbackConfiguration); err != nil {
		return nil, err
	}
	if err := s.startCreate(ctx, st, p, str(in.ClientRequestToken)); err != nil {
		return nil, err
	}
	if yes(in.EnableTerminationProtection) {
		if err := s.protect(ctx, st, true); err != nil {
			return nil, err
		}
	}
	if in.StackPolicyBody != nil {
		if err := s.setPolicy(ctx, st, *in.StackPolicyBody); err != nil {
			return nil, err
		}
	}
	return &api.CreateStackOutput{StackId: &st.ID}, nil
}

func (s *Service) updateStack(ctx context.Context, in *api.UpdateStackInput) (*api.UpdateStackOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok || st.Status == "DELETE_COMPLETE" {
		return nil, errNoStack(str(in.StackName))
	}
	if token := str(in.ClientRequestToken); token != "" && token == st.LastToken {
		return &api.UpdateStackOutput{StackId: &st.ID}, nil
	}
	text, err := s.updateBody(ctx, st, in.TemplateBody, in.TemplateURL, yes(in.UsePreviousTemplate))
	if err != nil {
		return nil, err
	}
	if !updatable(st.Status) {
		return nil, errCannotUpdate(st)
	}
	values, err := given(in.Parameters, st.Parameters)
	if err != nil {
		return nil, err
	}
	set := s.updateSettings(st, in.Tags, in.Capabilities, in.NotificationARNs, in.RoleARN)
	set.DisableRollback = yes(in.DisableRollback)
	p, err := s.prepare(ctx, &request{Text: text, Given: values, Settings: set, StackName: st.Name, StackID: st.ID})
	if err != nil {
		return nil, err
	}
	if err := checkOptions(p, in.ResourceTypes, in.RollbackConfiguration); err != nil {
		return nil, err
	}
	changes, err := s.checkUpdate(ctx, st, p)
	if err != nil {
		return nil, err
	}
	if s.unchanged(st, p, changes) {
		return nil, errValidation("No updates are to be performed.")
	}
	if err := s.startUpdate(ctx, st, p.settings, &p.text, str(in.ClientRequestToken)); err != nil {
		return nil, err
	}
	return &api.UpdateStackOutput{StackId: &st.ID, OperationId: &st.Op.ID}, nil
}

// updateBody returns the template of an update, which may be the one before.
func (s *Service) updateBody(ctx context.Context, st *stack, inline, location *string, previous bool) ([]byte, error) {
	if !previous {
		return s.body(ctx, inline, location)
	}
	if inline != nil || location != nil {
		return nil, errValidation("UsePreviousTemplate cannot be true if either templateBody or templateURL is specified.")
	}
	if st.Template == "" {
		return nil, errValidation("Either Template URL or Template Body must be specified.")
	}
	text, err := s.templateOf(ctx, st.UUID, st.Template)
	if err != nil {
		return nil, err
	}
	return []byte(text.Original), nil
}

// updateSettings returns the settings of an update: what is not given stays.
func (s *Service) updateSettings(st *stack, tags []*api.Tag, capabilities, notify []string, role *string) settings {
	set := settings{Tags: st.Tags, Capabilities: capabilities, NotificationARNs: st.NotificationARNs, RoleARN: st.RoleARN}
	if tags != nil {
		set.Tags = tagsOf(tags)
	}
	if notify != nil {
		set.NotificationARNs = notify
	}
	if role != nil {
		set.RoleARN = *role
	}
	return set
}

// checkUpdate compares a stack with what it shall be.
func (s *Service) checkUpdate(ctx context.Context, st *stack, p *prepared) ([]change, error) {
	resources, err := s.resourcesOf(ctx, st.UUID)
	if err != nil {
		return nil, err
	}
	var retyped []string
	for _, id := range p.evaluation.Active() {
		if cur := resources[id]; cur.live() && cur.Type != p.template.Resources[id].Type {
			retyped = append(retyped, id)
		}
	}
	if len(retyped) > 0 {
		slices.Sort(retyped)
		return nil, errValidation("Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]", strings.Join(retyped, ", "))
	}
	changes, err := s.compare(ctx, st, p, false)
	if err != nil {
		return nil, err
	}
	env := s.environment(ctx, &stack{ID: st.ID, Name: st.Name, settings: p.settings})
	env.Parameters = parameterRefs(p.template.Parameters, p.settings.Parameters)
	env.Ref = func(id string) any { return (&comparison{resources: resources}).ref(id) }
	env.GetAtt = func(id, a string) (any, error) { return (&comparison{resources: resources}).attribute(id, a) }
	env.Import = func(name string) (any, error) { return s.imported(ctx, name) }
	p.evaluation = p.evaluation.With(env)
	return changes, nil
}

func (s *Service) deleteStack(ctx context.Context, in *api.DeleteStackInput) (*api.DeleteStackOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	out := &api.DeleteStackOutput{}
	if !ok || st.Status == "DELETE_COMPLETE" || st.Status == "DELETE_IN_PROGRESS" {
		return out, nil
	}
	protected, err := s.protected(ctx, st)
	if err != nil {
		return nil, err
	}
	if protected {
		return nil, errValidation("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.Name)
	}
	if st.Op != nil {
		return nil, errValidation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
	}
	for _, o := range st.Outputs {
		if o.Export == "" {
			continue
		}
		users, err := s.importers(ctx, o.Export)
		if err != nil {
			return nil, err
		}
		if len(users) > 0 {
			return nil, errValidation("Export %s cannot be deleted as it is in use by %s", o.Export, strings.Join(users, ", "))
		}
	}
	err = s.startDelete(ctx, st, str(in.ClientRequestToken), in.RetainResources)
	if errors.Is(err, store.ErrConflict) {
		return nil, errValidation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
	}
	return out, err
}

// protect turns termination protection on or off. It is a document of its own: the stack's belongs to the operation under way.
func (s *Service) protect(ctx context.Context, st *stack, on bool) error {
	_, err := store.Put(ctx, s.docs(), keysOf(ctx).protection(st.UUID), encode(on), store.Always)
	return err
}

func (s *Service) protected(ctx context.Context, st *stack) (bool, error) {
	on, ok, err := get[bool](ctx, s.docs(), keysOf(ctx).protection(st.UUID))
	return ok && *on, err
}
