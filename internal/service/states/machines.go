package states

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/store"
)

const (
	standard = "STANDARD"
	express  = "EXPRESS"
)

func machineKey(p place, name string) string { return "machine/" + p.String() + "/" + name }

func (s *Service) createStateMachine(ctx context.Context, in *shapes.CreateStateMachineInput) (*shapes.CreateStateMachineOutput, error) {
	p := placeOf(ctx)
	m := &stateMachine{
		Name: *in.Name, Type: cmp.Or(deref(in.Type), standard), Role: *in.RoleArn, Created: s.millis(),
		Tracing: in.TracingConfiguration != nil && deref(in.TracingConfiguration.Enabled), Tags: tagMap(in.Tags), NextVersion: 1,
	}
	if in.VersionDescription != nil && !deref(in.Publish) {
		return nil, errValidation("Version description can only be set when publish is true")
	}
	var err error
	if m.Encryption, err = encryptionOf(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	if err := s.makeMachine(ctx, p, m, *in.Definition, in.LoggingConfiguration); err != nil {
		return nil, err
	}
	out := &shapes.CreateStateMachineOutput{StateMachineArn: new(p.arn("stateMachine", m.Name)), CreationDate: date(m.Created)}
	if deref(in.Publish) {
		v, err := s.publish(ctx, p, m.Name, "", deref(in.VersionDescription))
		if err != nil {
			return nil, err
		}
		out.StateMachineVersionArn = new(versionARN(p, m.Name, v.Number))
	}
	return out, nil
}

// makeMachine checks and keeps a new state machine. AWS: making one again that is the same is no error; m is then the one that is there.
func (s *Service) makeMachine(ctx context.Context, p place, m *stateMachine, definition string, logs *shapes.LoggingConfiguration) error {
	if err := checkName(m.Name); err != nil {
		return err
	}
	if err := checkRole(m.Role); err != nil {
		return err
	}
	var err error
	if m.Logging, err = loggingOf(logs); err != nil {
		return err
	}
	if err := s.checkDefinition(definition, m.Type); err != nil {
		return err
	}
	if err := s.checkTrust(ctx, p.arn("stateMachine", m.Name), m.Role); err != nil {
		return err
	}
	if m.Definition, err = s.keepDefinition(ctx, definition); err != nil {
		return err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return err
	}
	_, err = write(ctx, docs, machineKey(p, m.Name), m, store.Absent)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	before := &stateMachine{}
	rev, err := read(ctx, docs, machineKey(p, m.Name), before)
	if err != nil {
		return err
	}
	same := rev != 0 && before.Definition == m.Definition && before.Type == m.Type && before.Tracing == m.Tracing && sameJSON(before.Logging, m.Logging) && before.Encryption.same(m.Encryption)
	if m.Token != "" {
		same = same && before.Token == m.Token
	}
	if !same {
		return failure("StateMachineAlreadyExists", "State Machine Already Exists: '%s'", p.arn("stateMachine", m.Name))
	}
	*m = *before
	return nil
}

func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

func checkRole(role string) error {
	if !strings.HasPrefix(role, "arn:") || !strings.Contains(role, ":role/") {
		return errARN("Invalid Role Arn: %s", role)
	}
	return nil
}

func (s *Service) checkDefinition(text, kind string) error {
	d, diagnostics := asl.Parse([]byte(text), asl.Options{Express: kind == express, Extensions: s.cfg.Extensions})
	if d == nil {
		return errDefinition(diagnostics)
	}
	return nil
}

func date(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	return new(time.UnixMilli(ms))
}

// machine reads a state machine by its ARN, which may have a version or an alias behind it.
func (s *Service) machine(ctx context.Context, arn string) (n name, m *stateMachine, rev uint64, err error) {
	if n, err = parseARN(arn, "stateMachine"); err != nil {
		return n, nil, 0, err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return n, nil, 0, err
	}
	m = &stateMachine{}
	if rev, err = read(ctx, docs, machineKey(n.place, n.parts[0]), m); err == nil && (rev == 0 || n.Account != placeOf(ctx).Account) {
		err = errNoMachine(arn)
	}
	return n, m, rev, err
}

func (s *Service) updateStateMachine(ctx context.Context, in *shapes.UpdateStateMachineInput) (*shapes.UpdateStateMachineOutput, error) {
	if in.Definition == nil && in.RoleArn == nil && in.LoggingConfiguration == nil && in.TracingConfiguration == nil && in.EncryptionConfiguration == nil {
		return nil, failure("MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	}
	n, m, err := s.editMachine(ctx, *in.StateMachineArn, func(m *stateMachine) error { return s.change(ctx, m, in) })
	if err != nil {
		return nil, err
	}
	out := &shapes.UpdateStateMachineOutput{UpdateDate: date(m.Updated), RevisionId: new(m.Revision)}
	if deref(in.Publish) {
		v, err := s.publish(ctx, n.place, m.Name, "", deref(in.VersionDescription))
		if err != nil {
			return nil, err
		}
		out.StateMachineVersionArn = new(versionARN(n.place, m.Name, v.Number))
	}
	return out, nil
}

func (s *Service) change(ctx context.Context, m *stateMachine, in *shapes.UpdateStateMachineInput) error {
	if in.RoleArn != nil {
		if err := checkRole(*in.RoleArn); err != nil {
			return err
		}
		if err := s.checkTrust(ctx, placeOf(ctx).arn("stateMachine", m.Name), *in.RoleArn); err != nil {
			return err
		}
		m.Role = *in.RoleArn
	}
	if in.LoggingConfiguration != nil {
		var err error
		if m.Logging, err = loggingOf(in.LoggingConfiguration); err != nil {
			return err
		}
	}
	if in.TracingConfiguration != nil {
		m.Tracing = deref(in.TracingConfiguration.Enabled)
	}
	if in.EncryptionConfiguration != nil {
		var err error
		if m.Encryption, err = encryptionOf(in.EncryptionConfiguration); err != nil {
			return err
		}
	}
	if in.Definition != nil {
		if err := s.checkDefinition(*in.Definition, m.Type); err != nil {
			return err
		}
		hash, err := s.keepDefinition(ctx, *in.Definition)
		if err != nil {
			return err
		}
		m.Definition = hash
	}
	m.Updated, m.Revision = s.millis(), newUUID()
	return nil
}

// editMachine changes a state machine, again if somebody else did meanwhile.
func (s *Service) editMachine(ctx context.Context, arn string, f func(*stateMachine) error) (name, *stateMachine, error) {
	docs, err := s.config(ctx)
	if err != nil {
		return name{}, nil, err
	}
	for {
		n, m, rev, err := s.machine(ctx, arn)
		if err != nil {
			return n, nil, err
		}
		if err := f(m); err != nil {
			return n, nil, err
		}
		_, err = write(ctx, docs, machineKey(n.place, m.Name), m, store.AtRev(rev))
		if !errors.Is(err, store.ErrConflict) {
			return n, m, err
		}
	}
}

func (s *Service) deleteStateMachine(ctx context.Context, in *shapes.DeleteStateMachineInput) (*shapes.DeleteStateMachineOutput, error) {
	n, err := parseARN(*in.StateMachineArn, "stateMachine")
	if err != nil {
		return nil, err
	}
	return nil, s.removeMachine(ctx, n.place, n.parts[0])
}

// removeMachine removes a state machine with its versions and aliases. Executions run to their end. Removing what is gone is no error.
func (s *Service) removeMachine(ctx context.Context, p place, name string) error {
	docs, err := s.config(ctx)
	if err != nil {
		return err
	}
	for _, prefix := range []string{"alias/", "version/"} {
		found, err := docs.List(ctx, prefix+p.String()+"/"+name+"/")
		if err != nil {
			return fmt.Errorf("list versions of %s: %w", name, err)
		}
		for _, doc := range found {
			if err := store.Delete(ctx, docs, doc.Key, store.Always); err != nil {
				return fmt.Errorf("remove %s: %w", doc.Key, err)
			}
		}
	}
	if err := store.Delete(ctx, docs, machineKey(p, name), store.Always); err != nil {
		return fmt.Errorf("remove state machine %s: %w", name, err)
	}
	return nil
}

func (s *Service) describeStateMachine(ctx context.Context, in *shapes.DescribeStateMachineInput) (*shapes.DescribeStateMachineOutput, error) {
	t, err := s.target(ctx, *in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	text, err := s.definitionText(ctx, t.machine.Definition)
	if err != nil {
		return nil, err
	}
	m := t.machine
	out := &shapes.DescribeStateMachineOutput{
		StateMachineArn: in.StateMachineArn, Name: new(m.Name), Status: new("ACTIVE"), Definition: new(text), RoleArn: new(m.Role), Type: new(m.Type),
		CreationDate: date(m.Created), LoggingConfiguration: m.Logging.shape(), TracingConfiguration: &shapes.TracingConfiguration{Enabled: new(m.Tracing)},
		EncryptionConfiguration: m.Encryption.shape(),
	}
	if m.Revision != "" {
		out.RevisionId = new(m.Revision)
	}
	if t.version != nil {
		out.CreationDate = date(t.version.Published)
		if t.version.Description != "" {
			out.Description = new(t.version.Description)
		}
	}
	return out, nil
}

func (s *Service) describeStateMachineForExecution(ctx context.Context, in *shapes.DescribeStateMachineForExecutionInput) (*shapes.DescribeStateMachineForExecutionOutput, error) {
	c, err := s.childExecution(ctx, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	var x *execution
	if c != nil {
		x = c.x
	} else if x, err = s.find(ctx, *in.ExecutionArn); err != nil {
		return nil, err
	}
	text, err := s.definitionText(ctx, x.Definition)
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeStateMachineForExecutionOutput{
		StateMachineArn: new(x.MachineARN), Name: new(x.MachineName), Definition: new(text), RoleArn: new(x.RoleARN), UpdateDate: date(x.Started),
		LoggingConfiguration: x.Logging.shape(), TracingConfiguration: &shapes.TracingConfiguration{Enabled: new(false)},
	}
	if _, m, _, err := s.machine(ctx, x.MachineARN); err == nil {
		out.UpdateDate, out.EncryptionConfiguration = date(cmp.Or(m.Updated, m.Created)), m.Encryption.shape()
		if m.Revision != "" {
			out.RevisionId = new(m.Revision)
		}
	}
	if c != nil { // AWS: the definition is the whole machine's
		out.MapRunArn, out.Label, out.StateMachineArn = new(c.run.ARN), new(c.run.Label()), new(c.run.MachineARN())
	}
	return out, nil
}

func (s *Service) listStateMachines(ctx context.Context, in *shapes.ListStateMachinesInput) (*shapes.ListStateMachinesOutput, error) {
	p := placeOf(ctx)
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[stateMachine](ctx, docs, machineKey(p, ""))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b *stateMachine) int { return cmp.Compare(a.Created, b.Created) })
	part, next, err := page(all, in.MaxResults, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListStateMachinesOutput{StateMachines: []*shapes.StateMachineListItem{}, NextToken: next}
	for _, m := range part {
		out.StateMachines = append(out.StateMachines, &shapes.StateMachineListItem{
			StateMachineArn: new(p.arn("stateMachine", m.Name)), Name: new(m.Name), Type: new(m.Type), CreationDate: date(m.Created),
		})
	}
	return out, nil
}

// list decodes all documents under a prefix.
func list[T any](ctx context.Context, docs store.Store, prefix string) ([]*T, error) {
	found, err := docs.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	all := make([]*T, len(found))
	for i, doc := range found {
		all[i] = new(T)
		if err := json.Unmarshal(doc.Data, all[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
	}
	return all, nil
}

func (s *Service) validateStateMachineDefinition(_ context.Context, in *validateInput) (*validateOutput, error) {
	d, diagnostics := asl.Parse([]byte(*in.Definition), asl.Options{Express: deref(in.Type) == express, Extensions: s.cfg.Extensions})
	out := &validateOutput{Result: "OK", Diagnostics: []*diagnostic{}, Truncated: new(false)}
	if d == nil {
		out.Result = "FAIL"
	}
	most := int(cmp.Or(deref(in.MaxResults), 100))
	for _, d := range diagnostics {
		if d.Severity != "ERROR" && deref(in.Severity) != "WARNING" {
			continue
		}
		if len(out.Diagnostics) == most {
			*out.Truncated = true
			break
		}
		shape := &diagnostic{Severity: d.Severity, Code: d.Code, Message: d.Message}
		if d.Location != "" {
			shape.Location = new(d.Location)
		}
		out.Diagnostics = append(out.Diagnostics, shape)
	}
	return out, nil
}

// validateInput and what follows are newer than the model that the shapes are made from.
type validateInput struct {
	Definition *string `aws:"definition,required,min=1,max=1048576"`
	Type       *string `aws:"type" enum:"STANDARD,EXPRESS"`
	Severity   *string `aws:"severity" enum:"ERROR,WARNING"`
	MaxResults *int64  `aws:"maxResults,min=0,max=100"`
}

type validateOutput struct {
	Result      string        `aws:"result"`
	Diagnostics []*diagnostic `aws:"diagnostics"`
	Truncated   *bool         `aws:"truncated"`
}

type diagnostic struct {
	Severity string  `aws:"severity"`
	Code     string  `aws:"code"`
	Message  string  `aws:"message"`
	Location *string `aws:"location"`
}
