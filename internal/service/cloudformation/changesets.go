package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	"github.com/sallyport/sallyport/internal/service/cloudformation/sam"
	"github.com/sallyport/sallyport/internal/store"
)

const reasonNoChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

func (s *Service) createChangeSet(ctx context.Context, in *api.CreateChangeSetInput) (*api.CreateChangeSetOutput, error) {
	name, kind := str(in.StackName), str(in.ChangeSetType)
	if kind == "" {
		kind = "UPDATE"
	}
	if kind == "IMPORT" {
		return nil, errValidation("change sets of type IMPORT are not supported")
	}
	st, err := s.changeSetStack(ctx, name, kind, str(in.ChangeSetName))
	if err != nil {
		return nil, err
	}
	if same, err := s.changeSetNamed(ctx, str(in.ChangeSetName), st); err == nil {
		if token := str(in.ClientToken); token != "" && token == same.ClientToken {
			return &api.CreateChangeSetOutput{Id: &same.ID, StackId: &st.ID}, nil
		}
		if same.Status != "FAILED" && same.Execution != "EXECUTE_COMPLETE" {
			return nil, awsapi.Errorf("AlreadyExistsException", 400, "ChangeSet %s already exists", same.ID)
		}
		// The aws command names change sets by the second. AWS takes longer than that, and never sees a name twice.
		if err := s.removeChangeSet(ctx, same); err != nil {
			return nil, err
		}
	}
	text, err := s.updateBody(ctx, st, in.TemplateBody, in.TemplateURL, yes(in.UsePreviousTemplate))
	if err != nil {
		return nil, err
	}
	values, err := given(in.Parameters, st.Parameters)
	if err != nil {
		return nil, err
	}
	set := s.updateSettings(st, in.Tags, in.Capabilities, in.NotificationARNs, in.RoleARN)
	c := awsapi.CallerOf(ctx)
	cs := &changeSet{
		UUID: newUUID(), Name: str(in.ChangeSetName), StackUUID: st.UUID, StackID: st.ID, StackName: st.Name, Kind: kind, Description: str(in.Description),
		Created: time.Now().UTC().Truncate(time.Millisecond), Nested: yes(in.IncludeNestedStacks), OnFailure: str(in.OnStackFailure),
		ClientToken: str(in.ClientToken), settings: set,
	}
	cs.ID = arn.New("cloudformation", c.Region, c.Account, "changeSet/"+cs.Name+"/"+cs.UUID).String()
	writes, err := s.fillChangeSet(ctx, cs, st, &request{Text: text, Given: values, Settings: set, StackName: st.Name, StackID: st.ID})
	if err != nil {
		return nil, err
	}
	return &api.CreateChangeSetOutput{Id: &cs.ID, StackId: &st.ID}, s.saveChangeSet(ctx, cs, st, writes)
}

// changeSetStack returns the stack that a change set is for; a new one has no revision yet.
func (s *Service) changeSetStack(ctx context.Context, name, kind, changeSet string) (*stack, error) {
	st, ok, err := s.stackNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == "CREATE" && ok && st.Status != "REVIEW_IN_PROGRESS":
		return nil, errValidation("Stack [%s] already exists and cannot be created again with the changeSet [%s].", name, changeSet)
	case kind == "CREATE" && ok:
		return st, nil
	case kind == "CREATE":
		if err := checkStackName(name); err != nil {
			return nil, err
		}
		return newStack(ctx, name), nil
	case !ok:
		return nil, errNoStack(name)
	case !updatable(st.Status):
		return nil, errCannotUpdate(st)
	}
	return st, nil
}

// fillChangeSet finds what a change set would do.
func (s *Service) fillChangeSet(ctx context.Context, cs *changeSet, st *stack, req *request) ([]store.Write, error) {
	fail := func(reason string) {
		cs.Status, cs.Execution, cs.Reason = "FAILED", "UNAVAILABLE", reason
	}
	p, err := s.prepare(ctx, req)
	var invalid *sam.Error
	if errors.As(err, &invalid) {
		fail(invalid.Reason())
		name, w := saveTemplate(ctx, st.UUID, templateText{Original: string(req.Text), Processed: []byte("{}")})
		cs.Template = name
		return []store.Write{w}, nil
	}
	if err != nil {
		return nil, err
	}
	cs.settings = p.settings
	name, w := saveTemplate(ctx, st.UUID, p.text)
	cs.Template = name
	if cs.Kind == "CREATE" {
		cs.Changes, err = s.compare(ctx, nil, p, false)
	} else {
		cs.Changes, err = s.checkUpdate(ctx, st, p)
	}
	if err != nil {
		return nil, err
	}
	old := st
	if cs.Kind == "CREATE" {
		old = nil
	}
	if cs.Values, err = s.compare(ctx, old, p, true); err != nil {
		return nil, err
	}
	for i := range cs.Changes {
		cs.Changes[i].Before, cs.Changes[i].After = "", "" // Values has them
	}
	cs.Status, cs.Execution = "CREATE_COMPLETE", "AVAILABLE"
	if cs.Kind == "UPDATE" && s.unchanged(st, p, cs.Changes) {
		fail(reasonNoChanges)
	}
	return []store.Write{w}, nil
}

// saveChangeSet writes a change set, and the stack under review if that is new.
func (s *Service) saveChangeSet(ctx context.Context, cs *changeSet, st *stack, writes []store.Write) error {
	k := keysOf(ctx)
	if st.rev == 0 {
		st.Status, st.Reason = "REVIEW_IN_PROGRESS", "User Initiated"
		e := st.event(Event{LogicalID: st.Name, PhysicalID: st.ID, Type: nestedStack, Status: st.Status, Reason: st.Reason})
		writes = append(writes,
			store.Write{Key: k.name(st.Name), Data: encode(st.UUID), When: store.Absent},
			store.Write{Key: k.event(st.UUID, st.EventSeq), Data: encode([]Event{e})},
			store.Write{Key: k.stack(st.UUID), Data: encode(st), When: store.Absent})
	}
	writes = append(writes, store.Write{Key: k.changeSet(cs.UUID), Data: encode(cs)})
	_, err := s.docs().Apply(ctx, writes...)
	if errors.Is(err, store.ErrConflict) {
		return errValidation("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.Name, cs.Name)
	}
	return err
}

// changeSetsOf returns the change sets of a stack, oldest first.
func (s *Service) changeSetsOf(ctx context.Context, uuid string) ([]*changeSet, error) {
	all, err := list[changeSet](ctx, s.docs(), keysOf(ctx).changeSets())
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c *changeSet) bool { return c.StackUUID != uuid })
	slices.SortFunc(all, func(a, b *changeSet) int { return a.Created.Compare(b.Created) })
	return all, nil
}

// changeSetNamed finds a change set by its name among those of st, or by its ARN.
func (s *Service) changeSetNamed(ctx context.Context, nameOrARN string, st *stack) (*changeSet, error) {
	if strings.HasPrefix(nameOrARN, "arn:") {
		cs, ok, err := get[changeSet](ctx, s.docs(), keysOf(ctx).changeSet(nameOrARN[strings.LastIndexByte(nameOrARN, '/')+1:]))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errNoChangeSet(nameOrARN)
		}
		return cs, nil
	}
	all, err := s.changeSetsOf(ctx, st.UUID)
	if err != nil {
		return nil, err
	}
	for _, cs := range slices.Backward(all) {
		if cs.Name == nameOrARN {
			return cs, nil
		}
	}
	return nil, errNoChangeSet(nameOrARN)
}

// findChangeSet finds the change set of a request.
func (s *Service) findChangeSet(ctx context.Context, name, stackName *string) (*changeSet, error) {
	if strings.HasPrefix(str(name), "arn:") {
		return s.changeSetNamed(ctx, *name, nil)
	}
	if stackName == nil {
		return nil, errValidation("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	st, ok, err := s.stackNamed(ctx, *stackName)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(*stackName)
	}
	return s.changeSetNamed(ctx, str(name), st)
}

func (s *Service) executeChangeSet(ctx context.Context, in *api.ExecuteChangeSetInput) (*api.ExecuteChangeSetOutput, error) {
	cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	out := &api.ExecuteChangeSetOutput{}
	st, ok, err := s.stackOf(ctx, cs.StackUUID)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(cs.StackName)
	}
	if token := str(in.ClientRequestToken); token != "" && token == st.LastToken && st.ChangeSet == cs.ID {
		return out, nil
	}
	if cs.Execution != "AVAILABLE" {
		return nil, awsapi.Errorf("InvalidChangeSetStatus", 400, "ChangeSet [%s] cannot be executed in its current status of [%s]", cs.ID, cs.Status)
	}
	text, err := s.templateOf(ctx, cs.StackUUID, cs.Template)
	if err != nil {
		return nil, err
	}
	st.ChangeSet = cs.ID
	set := cs.settings
	set.DisableRollback = yes(in.DisableRollback)
	if cs.Kind == "CREATE" {
		if st.Status != "REVIEW_IN_PROGRESS" {
			return nil, errCannotUpdate(st)
		}
		st.settings = set
		st.OnFailure = cs.OnFailure
		err = s.startCreate(ctx, st, nil, str(in.ClientRequestToken))
	} else {
		if !updatable(st.Status) {
			return nil, errCannotUpdate(st)
		}
		err = s.startUpdate(ctx, st, set, text, str(in.ClientRequestToken))
	}
	if err != nil {
		return nil, err
	}
	return out, s.executed(ctx, cs, st)
}

// executed marks a change set as done, and removes the others of its stack: they no longer fit.
func (s *Service) executed(ctx context.Context, cs *changeSet, st *stack) error {
	all, err := s.changeSetsOf(ctx, cs.StackUUID)
	if err != nil {
		return err
	}
	k := keysOf(ctx)
	cs.Execution = "EXECUTE_COMPLETE"
	writes := []store.Write{{Key: k.changeSet(cs.UUID), Data: encode(cs)}}
	for _, other := range all {
		if other.UUID != cs.UUID {
			writes = append(writes, dropChangeSet(k, other, st)...)
		}
	}
	for len(writes) > 0 {
		n := min(len(writes), store.MaxBatch)
		if _, err := s.docs().Apply(ctx, writes[:n]...); err != nil {
			return fmt.Errorf("mark change set %s as executed: %w", cs.Name, err)
		}
		writes = writes[n:]
	}
	return nil
}

// dropChangeSet returns the writes that remove a change set, and its template unless the stack has that.
func dropChangeSet(k keys, cs *changeSet, st *stack) []store.Write {
	writes := []store.Write{{Key: k.changeSet(cs.UUID), Delete: true}}
	inUse := []string{st.Template}
	if st.Previous != nil {
		inUse = append(inUse, st.Previous.Template)
	}
	if st.Op != nil && st.Op.Previous != nil {
		inUse = append(inUse, st.Op.Previous.Template)
	}
	if !slices.Contains(inUse, cs.Template) {
		writes = append(writes, store.Write{Key: k.template(cs.StackUUID, cs.Template), Delete: true})
	}
	return writes
}

func (s *Service) deleteChangeSet(ctx context.Context, in *api.DeleteChangeSetInput) (*api.DeleteChangeSetOutput, error) {
	out := &api.DeleteChangeSetOutput{}
	cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if awsapi.Code(err) == "ChangeSetNotFound" {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	return out, s.removeChangeSet(ctx, cs)
}

func (s *Service) removeChangeSet(ctx context.Context, cs *changeSet) error {
	st, ok, err := s.stackOf(ctx, cs.StackUUID)
	if err != nil {
		return err
	}
	if !ok {
		st = &stack{}
	}
	if _, err := s.docs().Apply(ctx, dropChangeSet(keysOf(ctx), cs, st)...); err != nil {
		return fmt.Errorf("remove change set %s: %w", cs.Name, err)
	}
	return nil
}

func (s *Service) describeChangeSet(ctx context.Context, in *api.DescribeChangeSetInput) (*api.DescribeChangeSetOutput, error) {
	cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	changes := cs.Changes
	if yes(in.IncludePropertyValues) {
		changes = cs.Values
	}
	from, to, next, err := page(in.NextToken, len(changes), 100)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeChangeSetOutput{
		ChangeSetId: &cs.ID, ChangeSetName: &cs.Name, StackId: &cs.StackID, StackName: &cs.StackName, CreationTime: &cs.Created,
		Status: &cs.Status, StatusReason: optional(cs.Reason), ExecutionStatus: &cs.Execution, Description: optional(cs.Description),
		Parameters: shapeParameters(cs.Parameters), Tags: shapeTags(cs.Tags), Capabilities: cs.Capabilities, NotificationARNs: cs.NotificationARNs,
		RollbackConfiguration: &api.RollbackConfiguration{}, IncludeNestedStacks: &cs.Nested, OnStackFailure: optional(cs.OnFailure), NextToken: next,
	}
	for _, c := range changes[from:to] {
		out.Changes = append(out.Changes, shapeChange(c, yes(in.IncludePropertyValues)))
	}
	return out, nil
}

func shapeChange(c change, values bool) *api.Change {
	rc := &api.ResourceChange{
		Action: &c.Action, LogicalResourceId: &c.LogicalID, PhysicalResourceId: optional(c.PhysicalID), ResourceType: &c.Type,
		Replacement: optional(c.Replacement), PolicyAction: optional(c.PolicyAction), Scope: c.Scope, Details: []*api.ResourceChangeDetail{},
	}
	if rc.Scope == nil {
		rc.Scope = []string{}
	}
	if values {
		rc.BeforeContext, rc.AfterContext = optional(c.Before), optional(c.After)
	}
	for _, d := range c.Details {
		target := &api.ResourceTargetDefinition{Attribute: new(d.Attribute), Name: optional(d.Name), RequiresRecreation: new(d.Recreation)}
		if values && d.Kind != "" {
			name := d.Name
			if name == "" {
				name = d.Attribute
			}
			target.Path = new("/Properties/" + name)
			target.AttributeChangeType = new(d.Kind)
			if d.Kind != "Add" {
				target.BeforeValue = new(d.Before)
			}
			if d.Kind != "Remove" {
				target.AfterValue = new(d.After)
			}
		}
		rc.Details = append(rc.Details, &api.ResourceChangeDetail{
			ChangeSource: new(d.Source), CausingEntity: optional(d.Cause), Evaluation: new(d.Evaluation), Target: target,
		})
	}
	return &api.Change{Type: new("Resource"), ResourceChange: rc}
}

func (s *Service) listChangeSets(ctx context.Context, in *api.ListChangeSetsInput) (*api.ListChangeSetsOutput, error) {
	st, ok, err := s.stackNamed(ctx, str(in.StackName))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(str(in.StackName))
	}
	all, err := s.changeSetsOf(ctx, st.UUID)
	if err != nil {
		return nil, err
	}
	from, to, next, err := page(in.NextToken, len(all), 100)
	if err != nil {
		return nil, err
	}
	out := &api.ListChangeSetsOutput{NextToken: next, Summaries: []*api.ChangeSetSummary{}}
	for _, cs := range all[from:to] {
		out.Summaries = append(out.Summaries, &api.ChangeSetSummary{
			ChangeSetId: &cs.ID, ChangeSetName: &cs.Name, StackId: &cs.StackID, StackName: &cs.StackName, CreationTime: &cs.Created,
			Status: &cs.Status, StatusReason: optional(cs.Reason), ExecutionStatus: &cs.Execution, Description: optional(cs.Description),
			IncludeNestedStacks: &cs.Nested,
		})
	}
	return out, nil
}
