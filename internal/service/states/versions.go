package states

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/store"
)

func versionKey(p place, machine string, number int) string {
	return fmt.Sprintf("version/%s/%s/%09d", p, machine, number)
}

func aliasKey(p place, machine, alias string) string {
	return "alias/" + p.String() + "/" + machine + "/" + alias
}

func versionARN(p place, machine string, number int) string {
	return p.arn("stateMachine", machine) + ":" + strconv.Itoa(number)
}

// A target is what an ARN of a state machine, version or alias leads to.
type target struct {
	place
	arn        string // of the state machine itself
	machine    *stateMachine
	version    *version // nil: the machine as it is now
	versionARN string
	aliasARN   string
}

// target follows an ARN. An alias with two versions leads to one of them by its weights.
func (s *Service) target(ctx context.Context, arn string) (*target, error) {
	n, m, _, err := s.machine(ctx, arn)
	if err != nil {
		return nil, err
	}
	t := &target{place: n.place, arn: n.arn("stateMachine", m.Name), machine: m}
	if len(n.parts) == 1 {
		return t, nil
	}
	qualifier := n.parts[1]
	number, err := strconv.Atoi(qualifier)
	if err != nil {
		a, _, err := s.alias(ctx, n.place, m.Name, qualifier)
		if err != nil {
			return nil, err
		}
		if a == nil {
			return nil, errNoMachine(arn)
		}
		t.aliasARN = arn
		picked := a.pick()
		number, _ = strconv.Atoi(picked[strings.LastIndexByte(picked, ':')+1:])
	}
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	v := &version{}
	if rev, err := read(ctx, docs, versionKey(n.place, m.Name, number), v); err != nil {
		return nil, err
	} else if rev == 0 {
		return nil, errNoMachine(arn)
	}
	t.version, t.machine, t.versionARN = v, &v.stateMachine, versionARN(n.place, m.Name, number)
	return t, nil
}

func (a *alias) pick() string {
	n := rand.Int64N(100)
	for _, r := range a.Routes {
		if n < r.Weight {
			return r.Version
		}
		n -= r.Weight
	}
	return a.Routes[0].Version
}

func (s *Service) alias(ctx context.Context, p place, machine, name string) (*alias, uint64, error) {
	docs, err := s.config(ctx)
	if err != nil {
		return nil, 0, err
	}
	a := &alias{}
	rev, err := read(ctx, docs, aliasKey(p, machine, name), a)
	if err != nil || rev == 0 {
		return nil, 0, err
	}
	return a, rev, nil
}

func (s *Service) publishStateMachineVersion(ctx context.Context, in *shapes.PublishStateMachineVersionInput) (*shapes.PublishStateMachineVersionOutput, error) {
	n, err := parseARN(*in.StateMachineArn, "stateMachine")
	if err != nil {
		return nil, err
	}
	v, err := s.publish(ctx, n.place, n.parts[0], deref(in.RevisionId), deref(in.Description))
	if err != nil {
		return nil, err
	}
	return &shapes.PublishStateMachineVersionOutput{CreationDate: date(v.Published), StateMachineVersionArn: new(versionARN(n.place, n.parts[0], v.Number))}, nil
}

// publish makes a version of the machine as it is. AWS: if nothing changed since the last one, that is the answer.
func (s *Service) publish(ctx context.Context, p place, machine, revision, description string) (*version, error) {
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	arn := p.arn("stateMachine", machine)
	for {
		_, m, rev, err := s.machine(ctx, arn)
		if err != nil {
			return nil, err
		}
		current := cmp.Or(m.Revision, "INITIAL")
		if revision != "" && revision != current {
			return nil, failure("ConflictException", "Failed to publish the State Machine version for revision %s. The current State Machine revision is %s.", revision, current)
		}
		if m.LastVersion == current {
			if last, err := s.lastVersion(ctx, docs, p, machine); err != nil || last != nil {
				return last, err
			}
		}
		v := &version{Number: max(m.NextVersion, 1), Description: description, Published: s.millis(), Revision: current, stateMachine: *m}
		m.NextVersion, m.LastVersion = v.Number+1, current
		if _, err := write(ctx, docs, versionKey(p, machine, v.Number), v, store.Always); err != nil {
			return nil, err
		}
		if _, err = write(ctx, docs, machineKey(p, machine), m, store.AtRev(rev)); !errors.Is(err, store.ErrConflict) {
			return v, err
		}
	}
}

func (s *Service) lastVersion(ctx context.Context, docs store.Store, p place, machine string) (*version, error) {
	all, err := list[version](ctx, docs, "version/"+p.String()+"/"+machine+"/")
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[len(all)-1], nil
}

func (s *Service) deleteStateMachineVersion(ctx context.Context, in *shapes.DeleteStateMachineVersionInput) (*shapes.DeleteStateMachineVersionOutput, error) {
	n, err := parseARN(*in.StateMachineVersionArn, "stateMachine")
	if err != nil {
		return nil, err
	}
	number := 0
	if len(n.parts) == 2 {
		number, _ = strconv.Atoi(n.parts[1])
	}
	if number == 0 {
		return nil, errARN("Resource type not valid in this context: %s", *in.StateMachineVersionArn)
	}
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	aliases, err := list[alias](ctx, docs, aliasKey(n.place, n.parts[0], ""))
	if err != nil {
		return nil, err
	}
	var using []string
	for _, a := range aliases {
		for _, r := range a.Routes {
			if r.Version == *in.StateMachineVersionArn {
				using = append(using, a.Name)
			}
		}
	}
	if len(using) > 0 {
		return nil, failure("ConflictException", "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [%s]", strings.Join(using, ", "))
	}
	return nil, store.Delete(ctx, docs, versionKey(n.place, n.parts[0], number), store.Always)
}

func (s *Service) listStateMachineVersions(ctx context.Context, in *shapes.ListStateMachineVersionsInput) (*shapes.ListStateMachineVersionsOutput, error) {
	n, _, _, err := s.machine(ctx, *in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[version](ctx, docs, "version/"+n.place.String()+"/"+n.parts[0]+"/")
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	part, next, err := page(all, in.MaxResults, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListStateMachineVersionsOutput{StateMachineVersions: []*shapes.StateMachineVersionListItem{}, NextToken: next}
	for _, v := range part {
		out.StateMachineVersions = append(out.StateMachineVersions, &shapes.StateMachineVersionListItem{
			StateMachineVersionArn: new(versionARN(n.place, n.parts[0], v.Number)), CreationDate: date(v.Published),
		})
	}
	return out, nil
}

// routes checks the versions of an alias, and returns the machine that they belong to.
func (s *Service) routes(ctx context.Context, items []*shapes.RoutingConfigurationListItem) (place, string, []route, error) {
	var routes []route
	var machines []string
	arns := make([]string, len(items))
	sum := int64(0)
	for i, item := range items {
		arns[i] = *item.StateMachineVersionArn
	}
	var p place
	for _, item := range items {
		n, err := parseARN(*item.StateMachineVersionArn, "stateMachine")
		if err != nil {
			return p, "", nil, err
		}
		if len(n.parts) != 2 || strings.Trim(n.parts[1], "0123456789") != "" {
			return p, "", nil, errValidation("Routing configuration must contain state machine version ARNs. Received: [%s]", strings.Join(arns, ", "))
		}
		if _, err := s.target(ctx, *item.StateMachineVersionArn); err != nil {
			return p, "", nil, errValidation("Version Does Not Exist: '%s'", *item.StateMachineVersionArn)
		}
		p = n.place
		machines = append(machines, n.parts[0])
		routes = append(routes, route{*item.StateMachineVersionArn, *item.Weight})
		sum += *item.Weight
	}
	switch {
	case sum != 100:
		return p, "", nil, errValidation("Sum of routing configuration weights must equal 100. Received: %s", weights(routes))
	case len(routes) == 2 && routes[0].Version == routes[1].Version:
		return p, "", nil, errValidation("Routing configuration must contain distinct state machine version ARNs. Received: [%s]", strings.Join(arns, ", "))
	case len(machines) == 2 && machines[0] != machines[1]:
		return p, "", nil, errValidation("Routing configuration must contain versions of one state machine. Received: [%s]", strings.Join(arns, ", "))
	}
	return p, machines[0], routes, nil
}

func weights(routes []route) string {
	texts := make([]string, len(routes))
	for i, r := range routes {
		texts[i] = strconv.FormatInt(r.Weight, 10)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func (s *Service) createStateMachineAlias(ctx context.Context, in *shapes.CreateStateMachineAliasInput) (*shapes.CreateStateMachineAliasOutput, error) {
	a := &alias{Name: *in.Name, Description: deref(in.Description)}
	arn, err := s.makeAlias(ctx, a, in.RoutingConfiguration)
	if err != nil {
		return nil, err
	}
	return &shapes.CreateStateMachineAliasOutput{StateMachineAliasArn: new(arn), CreationDate: date(a.Created)}, nil
}

func (s *Service) makeAlias(ctx context.Context, a *alias, items []*shapes.RoutingConfigurationListItem) (arn string, err error) {
	p, machine, routes, err := s.routes(ctx, items)
	if err != nil {
		return "", err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return "", err
	}
	a.Routes, a.Created = routes, s.millis()
	a.Updated = a.Created
	arn = p.arn("stateMachine", machine) + ":" + a.Name
	_, err = write(ctx, docs, aliasKey(p, machine, a.Name), a, store.Absent)
	if !errors.Is(err, store.ErrConflict) {
		return arn, err
	}
	before, _, err := s.alias(ctx, p, machine, a.Name)
	if err != nil {
		return "", err
	}
	if before != nil && before.Description == a.Description && slices.Equal(before.Routes, a.Routes) && before.Token == a.Token {
		*a = *before
		return arn, nil
	}
	return "", failure("ConflictException", "State Machine Alias with name %s already exists.", a.Name)
}

// parseAlias takes the ARN of an alias apart.
func parseAlias(arn string) (name, error) {
	n, err := parseARN(arn, "stateMachine")
	if err == nil && len(n.parts) != 2 {
		err = errARN("Resource type not valid in this context: %s", arn)
	}
	return n, err
}

func (s *Service) updateStateMachineAlias(ctx context.Context, in *shapes.UpdateStateMachineAliasInput) (*shapes.UpdateStateMachineAliasOutput, error) {
	n, err := parseAlias(*in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	for {
		a, rev, err := s.alias(ctx, n.place, n.parts[0], n.parts[1])
		if err != nil {
			return nil, err
		}
		if a == nil {
			return nil, errNoResource(*in.StateMachineAliasArn)
		}
		if in.Description != nil {
			a.Description = *in.Description
		}
		if in.RoutingConfiguration != nil {
			if _, _, a.Routes, err = s.routes(ctx, in.RoutingConfiguration); err != nil {
				return nil, err
			}
		}
		a.Updated = s.millis()
		if _, err = write(ctx, docs, aliasKey(n.place, n.parts[0], a.Name), a, store.AtRev(rev)); !errors.Is(err, store.ErrConflict) {
			return &shapes.UpdateStateMachineAliasOutput{UpdateDate: date(a.Updated)}, err
		}
	}
}

func (s *Service) deleteStateMachineAlias(ctx context.Context, in *shapes.DeleteStateMachineAliasInput) (*shapes.DeleteStateMachineAliasOutput, error) {
	n, err := parseAlias(*in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	if a, _, err := s.alias(ctx, n.place, n.parts[0], n.parts[1]); err != nil {
		return nil, err
	} else if a == nil {
		return nil, errNoResource(*in.StateMachineAliasArn)
	}
	return nil, store.Delete(ctx, docs, aliasKey(n.place, n.parts[0], n.parts[1]), store.Always)
}

func (s *Service) describeStateMachineAlias(ctx context.Context, in *shapes.DescribeStateMachineAliasInput) (*shapes.DescribeStateMachineAliasOutput, error) {
	n, err := parseAlias(*in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	a, _, err := s.alias(ctx, n.place, n.parts[0], n.parts[1])
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, errNoResource(*in.StateMachineAliasArn)
	}
	out := &shapes.DescribeStateMachineAliasOutput{
		StateMachineAliasArn: in.StateMachineAliasArn, Name: new(a.Name), Description: new(a.Description), CreationDate: date(a.Created), UpdateDate: date(a.Updated),
	}
	for _, r := range a.Routes {
		out.RoutingConfiguration = append(out.RoutingConfiguration, &shapes.RoutingConfigurationListItem{StateMachineVersionArn: new(r.Version), Weight: new(r.Weight)})
	}
	return out, nil
}

func (s *Service) listStateMachineAliases(ctx context.Context, in *shapes.ListStateMachineAliasesInput) (*shapes.ListStateMachineAliasesOutput, error) {
	n, _, _, err := s.machine(ctx, *in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	docs, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list[alias](ctx, docs, aliasKey(n.place, n.parts[0], ""))
	if err != nil {
		return nil, err
	}
	if len(n.parts) == 2 { // of one version
		all = slices.DeleteFunc(all, func(a *alias) bool {
			return !slices.ContainsFunc(a.Routes, func(r route) bool { return r.Version == *in.StateMachineArn })
		})
	}
	part, next, err := page(all, in.MaxResults, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListStateMachineAliasesOutput{StateMachineAliases: []*shapes.StateMachineAliasListItem{}, NextToken: next}
	for _, a := range part {
		out.StateMachineAliases = append(out.StateMachineAliases, &shapes.StateMachineAliasListItem{
			StateMachineAliasArn: new(n.arn("stateMachine", n.parts[0]) + ":" + a.Name), CreationDate: date(a.Created),
		})
	}
	return out, nil
}
