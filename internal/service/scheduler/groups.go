package scheduler

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/scheduler"
)

type group struct {
	Place   place
	Name    string
	Tags    map[string]string `json:",omitempty"`
	Created time.Time
	Token   string `json:",omitempty"`
}

func (g *group) arn() string { return g.Place.arn("schedule-group/" + g.Name) }

// findGroup returns a group; the default one is always there.
func (s *Service) findGroup(ctx context.Context, name string) (*group, error) {
	p := placeOf(ctx)
	g, err := s.groups.Get(ctx, p.groupKey(name))
	if err == nil && g == nil {
		if name != defaultGroup {
			return nil, errNoGroup(name)
		}
		g = &group{Place: p, Name: name, Created: time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	return g, err
}

func (s *Service) createScheduleGroup(ctx context.Context, in *shapes.CreateScheduleGroupInput) (*shapes.CreateScheduleGroupOutput, error) {
	g, err := s.makeGroup(ctx, &group{Name: *in.Name, Tags: tagMap(in.Tags), Token: value(in.ClientToken)})
	if err != nil {
		return nil, err
	}
	return &shapes.CreateScheduleGroupOutput{ScheduleGroupArn: new(g.arn())}, nil
}

func (s *Service) makeGroup(ctx context.Context, g *group) (*group, error) {
	taken := awsapi.Errorf("ConflictException", 409, "Schedule group %s already exists.", g.Name)
	if g.Name == defaultGroup {
		return nil, taken
	}
	g.Place, g.Created = placeOf(ctx), now()
	return s.groups.Edit(ctx, g.Place.groupKey(g.Name), func(old *group) (*group, error) {
		if old != nil && (g.Token == "" || g.Token != old.Token) {
			return nil, taken
		}
		return g, nil
	})
}

func (s *Service) getScheduleGroup(ctx context.Context, in *shapes.GetScheduleGroupInput) (*shapes.GetScheduleGroupOutput, error) {
	g, err := s.findGroup(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	return &shapes.GetScheduleGroupOutput{Arn: new(g.arn()), Name: &g.Name, State: new("ACTIVE"), CreationDate: &g.Created, LastModificationDate: &g.Created}, nil
}

func (s *Service) deleteScheduleGroup(ctx context.Context, in *shapes.DeleteScheduleGroupInput) (*shapes.DeleteScheduleGroupOutput, error) {
	if *in.Name == defaultGroup {
		return nil, invalid("The default schedule group cannot be deleted.")
	}
	g, err := s.findGroup(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	if _, err := s.groups.Edit(ctx, g.Place.groupKey(g.Name), func(*group) (*group, error) { return nil, nil }); err != nil {
		return nil, err
	}
	all, err := s.schedules.List(ctx, g.Place.schedulesPrefix(g.Name))
	for _, e := range all {
		if err == nil {
			_, err = s.schedules.Edit(ctx, e.key(), func(*entry) (*entry, error) { return nil, nil })
		}
	}
	return &shapes.DeleteScheduleGroupOutput{}, err
}

func (s *Service) listScheduleGroups(ctx context.Context, in *shapes.ListScheduleGroupsInput) (*shapes.ListScheduleGroupsOutput, error) {
	all, err := s.groups.List(ctx, placeOf(ctx).groupKey(""))
	if err != nil {
		return nil, err
	}
	first, err := s.findGroup(ctx, defaultGroup)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(append(all, first), func(g *group) bool { return !strings.HasPrefix(g.Name, value(in.NamePrefix)) })
	slices.SortFunc(all, func(a, b *group) int { return strings.Compare(a.Name, b.Name) })
	all, next, err := page(all, func(g *group) string { return g.Name }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListScheduleGroupsOutput{ScheduleGroups: []*shapes.ScheduleGroupSummary{}, NextToken: next}
	for _, g := range all {
		out.ScheduleGroups = append(out.ScheduleGroups, &shapes.ScheduleGroupSummary{
			Arn: new(g.arn()), Name: &g.Name, State: new("ACTIVE"), CreationDate: &g.Created, LastModificationDate: &g.Created,
		})
	}
	return out, nil
}

// editTags changes the tags of a group, the only things that have some.
func (s *Service) editTags(ctx context.Context, resource string, f func(map[string]string)) error {
	a, err := arn.Parse(resource)
	name, ok := strings.CutPrefix(a.Resource, "schedule-group/")
	if err != nil || !ok {
		return invalid("Invalid ARN %s.", resource)
	}
	_, err = s.groups.Edit(ctx, place{a.Account, a.Region}.groupKey(name), func(g *group) (*group, error) {
		if g == nil {
			return nil, errNoGroup(name)
		}
		if g.Tags == nil {
			g.Tags = map[string]string{}
		}
		f(g.Tags)
		return g, nil
	})
	return err
}

func (s *Service) tagResource(ctx context.Context, in *shapes.TagResourceInput) (*shapes.TagResourceOutput, error) {
	return &shapes.TagResourceOutput{}, s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, tagMap(in.Tags)) })
}

func (s *Service) untagResource(ctx context.Context, in *shapes.UntagResourceInput) (*shapes.UntagResourceOutput, error) {
	return &shapes.UntagResourceOutput{}, s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
}

func (s *Service) listTagsForResource(ctx context.Context, in *shapes.ListTagsForResourceInput) (*shapes.ListTagsForResourceOutput, error) {
	a, err := arn.Parse(*in.ResourceArn)
	if err != nil {
		return nil, invalid("Invalid ARN %s.", *in.ResourceArn)
	}
	g, err := s.findGroup(ctx, strings.TrimPrefix(a.Resource, "schedule-group/"))
	if err != nil {
		return nil, err
	}
	out := &shapes.ListTagsForResourceOutput{Tags: []*shapes.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(g.Tags)) {
		out.Tags = append(out.Tags, &shapes.Tag{Key: &k, Value: new(g.Tags[k])})
	}
	return out, nil
}

func tagMap(tags []*shapes.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}
