package scheduler

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/scheduler"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{
		resource.New("AWS::Scheduler::Schedule", resource.Handlers[scheduleProperties]{Create: s.createResource, Update: s.updateResource, Delete: s.deleteResource}),
		resource.New("AWS::Scheduler::ScheduleGroup", resource.Handlers[groupProperties]{Create: s.createGroupResource, Update: s.updateGroupResource, Delete: s.deleteGroupResource}),
	}
}

type scheduleProperties struct {
	ActionAfterCompletion      *string
	Description                *string
	EndDate                    *string
	FlexibleTimeWindow         shapes.FlexibleTimeWindow `cfn:"required"`
	GroupName                  *string                   `cfn:"createonly"`
	KmsKeyArn                  *string
	Name                       *string `cfn:"createonly"`
	ScheduleExpression         string  `cfn:"required"`
	ScheduleExpressionTimezone *string
	StartDate                  *string
	State                      *string
	Target                     shapes.Target `cfn:"required"`
}

func (p *scheduleProperties) entry(r resource.Request) (*entry, error) {
	e := &entry{
		Group: groupOf(p.GroupName), Name: value(p.Name), Expression: p.ScheduleExpression, Zone: value(p.ScheduleExpressionTimezone),
		Description: value(p.Description), KMSKey: value(p.KmsKeyArn), State: value(p.State), After: value(p.ActionAfterCompletion), Window: p.FlexibleTimeWindow, Target: p.Target, Token: r.Token,
	}
	for _, d := range []struct {
		text *string
		to   *time.Time
		name string
	}{{p.StartDate, &e.Start, "StartDate"}, {p.EndDate, &e.End, "EndDate"}} {
		if value(d.text) == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, *d.text)
		if err != nil {
			return nil, invalid("%s is not a time: %s", d.name, *d.text)
		}
		*d.to = at
	}
	return e, nil
}

func (s *Service) createResource(ctx context.Context, r resource.Request, p *scheduleProperties) (resource.Result, error) {
	e, err := p.entry(r)
	if err != nil {
		return resource.Result{}, err
	}
	if e.Name == "" {
		e.Name = r.PhysicalName(64)
	}
	if err := s.makeSchedule(ctx, e); err != nil {
		return resource.Result{}, err
	}
	return resource.Result{PhysicalID: e.Name, Attributes: map[string]any{"Arn": e.arn()}}, nil
}

func (s *Service) updateResource(ctx context.Context, r resource.Request, p, _ *scheduleProperties) (resource.Result, error) {
	e, err := p.entry(r)
	if err != nil {
		return resource.Result{}, err
	}
	e.Name = r.PhysicalID
	e, err = s.replace(ctx, e)
	if err != nil {
		return resource.Result{}, err
	}
	return resource.Result{PhysicalID: e.Name, Attributes: map[string]any{"Arn": e.arn()}}, nil
}

// gone makes a deletion of what does not exist a success.
func gone(err error) error {
	if awsapi.Code(err) == "ResourceNotFoundException" {
		return nil
	}
	return err
}

func (s *Service) deleteResource(ctx context.Context, r resource.Request) error {
	groupName, _ := r.Properties["GroupName"].(string)
	_, err := s.deleteSchedule(ctx, &shapes.DeleteScheduleInput{Name: &r.PhysicalID, GroupName: optional(groupName)})
	return gone(err)
}

type groupProperties struct {
	Name *string `cfn:"createonly"`
	Tags []resource.Tag
}

func groupResult(g *group) resource.Result {
	at := g.Created.Format(time.RFC3339)
	return resource.Result{PhysicalID: g.Name, Attributes: map[string]any{"Arn": g.arn(), "State": "ACTIVE", "CreationDate": at, "LastModificationDate": at}}
}

func (s *Service) createGroupResource(ctx context.Context, r resource.Request, p *groupProperties) (resource.Result, error) {
	name := value(p.Name)
	if name == "" {
		name = r.PhysicalName(64)
	}
	g, err := s.makeGroup(ctx, &group{Name: name, Tags: r.WithTags(resource.TagMap(p.Tags)), Token: r.Token})
	if err != nil {
		return resource.Result{}, err
	}
	return groupResult(g), nil
}

func (s *Service) updateGroupResource(ctx context.Context, r resource.Request, p, _ *groupProperties) (resource.Result, error) {
	g, err := s.groups.Edit(ctx, placeOf(ctx).groupKey(r.PhysicalID), func(g *group) (*group, error) {
		if g == nil {
			return nil, errNoGroup(r.PhysicalID)
		}
		g.Tags = r.WithTags(resource.TagMap(p.Tags))
		return g, nil
	})
	if err != nil {
		return resource.Result{}, err
	}
	return groupResult(g), nil
}

func (s *Service) deleteGroupResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteScheduleGroup(ctx, &shapes.DeleteScheduleGroupInput{Name: &r.PhysicalID})
	return gone(err)
}
