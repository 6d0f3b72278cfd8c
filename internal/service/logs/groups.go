package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
	"github.com/sallyport/sallyport/internal/store"
)

const (
	defaultClass = "STANDARD"
	pageSize     = 50 // groups and streams of one answer
)

// retentions are the days that AWS keeps logs for.
var retentions = []int64{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func groupARN(p place, name string) string {
	return arn.New("logs", p.Region, p.Account, "log-group:"+name).String()
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

func (s *Service) createLogGroup(ctx context.Context, in *shapes.CreateLogGroupInput) (*shapes.CreateLogGroupOutput, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	g := &group{
		Name:      *in.LogGroupName,
		Tags:      in.Tags,
		KMSKeyID:  value(in.KmsKeyId),
		Class:     value(in.LogGroupClass),
		Protected: value(in.DeletionProtectionEnabled),
	}
	if err := s.makeGroup(ctx, docs, g); err != nil {
		return nil, err
	}
	return &shapes.CreateLogGroupOutput{}, nil
}

// makeGroup stores a group of which there is none yet.
func (s *Service) makeGroup(ctx context.Context, docs store.Store, g *group) error {
	if err := checkName(g.Name); err != nil {
		return err
	}
	g.ID, g.Created = newID(), s.millis()
	if g.Class == "" {
		g.Class = defaultClass
	}
	data, err := encode(g)
	if err != nil {
		return err
	}
	_, err = store.Put(ctx, docs, placeOf(ctx).groupKey(g.Name), data, store.Absent)
	if errors.Is(err, store.ErrConflict) {
		return errGroupExists()
	} else if err != nil {
		return fmt.Errorf("write log group %s: %w", g.Name, err)
	}
	return nil
}

// editGroup lets f change a group, again if somebody else was faster.
func (s *Service) editGroup(ctx context.Context, name string, f func(*group) error) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	for {
		g, rev, err := s.readGroup(ctx, docs, name)
		if err != nil {
			return err
		}
		if err := f(g); err != nil {
			return err
		}
		data, err := encode(g)
		if err != nil {
			return err
		}
		_, err = store.Put(ctx, docs, placeOf(ctx).groupKey(name), data, store.AtRev(rev))
		if err == nil {
			return nil
		} else if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("write log group %s: %w", name, err)
		}
	}
}

func (s *Service) deleteLogGroup(ctx context.Context, in *shapes.DeleteLogGroupInput) (*shapes.DeleteLogGroupOutput, error) {
	if err := s.removeGroup(ctx, *in.LogGroupName); err != nil {
		return nil, err
	}
	return &shapes.DeleteLogGroupOutput{}, nil
}

// removeGroup makes a group vanish at once; what it leaves is removed after that, or by a later sweep.
func (s *Service) removeGroup(ctx context.Context, name string) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	for {
		g, rev, err := s.readGroup(ctx, docs, name)
		if err != nil {
			return err
		}
		if g.Protected {
			return errParameter("The specified log group has deletion protection enabled.")
		}
		_, err = docs.Apply(ctx,
			store.Write{Key: placeOf(ctx).groupKey(name), Delete: true, When: store.AtRev(rev)},
			store.Write{Key: placeOf(ctx).subscriptionsKey(name), Delete: true},
			store.Write{Key: placeOf(ctx).metricsKey(name), Delete: true},
			store.Write{Key: deletingPrefix + g.ID, Data: []byte("{}")})
		if errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return fmt.Errorf("delete log group %s: %w", name, err)
		}
		if err := s.removeLeft(ctx, docs, g.ID); err != nil {
			s.log.Warn("documents of a deleted log group are left for later", "group", name, "error", err)
		}
		return nil
	}
}

func (s *Service) describeLogGroups(ctx context.Context, in *shapes.DescribeLogGroupsInput) (*shapes.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, errParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	p := placeOf(ctx)
	found, err := docs.List(ctx, p.groupKey(value(in.LogGroupNamePrefix)))
	if err != nil {
		return nil, fmt.Errorf("list log groups: %w", err)
	}
	var groups []*group
	for _, doc := range found {
		g := new(group)
		if err := json.Unmarshal(doc.Data, g); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		if in.LogGroupClass != nil && g.Class != *in.LogGroupClass ||
			in.LogGroupIdentifiers != nil && !slices.ContainsFunc(in.LogGroupIdentifiers, func(id string) bool { return groupOfARN(id) == g.Name }) ||
			!strings.Contains(g.Name, value(in.LogGroupNamePattern)) {
			continue
		}
		groups = append(groups, g)
	}
	groups, next, err := pageOf(groups, func(g *group) string { return g.Name }, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	filters, err := listMetricFilters(ctx, docs, p, value(in.LogGroupNamePrefix))
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeLogGroupsOutput{LogGroups: []*shapes.LogGroup{}, NextToken: next}
	for _, g := range groups {
		streams, err := listStreams(ctx, docs, g, "")
		if err != nil {
			return nil, err
		}
		shown := showGroup(p, g, streams)
		shown.MetricFilterCount = new(int64(len(filters[g.Name])))
		out.LogGroups = append(out.LogGroups, shown)
	}
	return out, nil
}

func showGroup(p place, g *group, streams []*stream) *shapes.LogGroup {
	bytes := int64(0)
	for _, st := range streams {
		bytes += st.Bytes
	}
	out := &shapes.LogGroup{
		Arn:               new(groupARN(p, g.Name) + ":*"),
		CreationTime:      &g.Created,
		LogGroupArn:       new(groupARN(p, g.Name)),
		LogGroupClass:     &g.Class,
		LogGroupName:      &g.Name,
		MetricFilterCount: new(int64(0)),
		StoredBytes:       &bytes,
	}
	if g.KMSKeyID != "" {
		out.KmsKeyId = &g.KMSKeyID
	}
	if g.Retention != 0 {
		out.RetentionInDays = new(int64(g.Retention))
	}
	if g.Protected {
		out.DeletionProtectionEnabled = new(true)
	}
	return out
}

// pageOf returns the items, sorted by name, that a request asks for. A token is the name of the last item given.
func pageOf[T any](items []T, name func(T) string, limit *int64, nextToken *string) ([]T, *string, error) {
	size := pageSize
	if limit != nil {
		size = int(*limit)
	}
	if nextToken != nil {
		after, err := decodeName(*nextToken)
		if err != nil {
			return nil, nil, err
		}
		for len(items) > 0 && name(items[0]) <= after {
			items = items[1:]
		}
	}
	if len(items) <= size {
		return items, nil, nil
	}
	return items[:size], new(encodeName(name(items[size-1]))), nil
}

func (s *Service) putRetentionPolicy(ctx context.Context, in *shapes.PutRetentionPolicyInput) (*shapes.PutRetentionPolicyOutput, error) {
	if err := s.setRetention(ctx, *in.LogGroupName, *in.RetentionInDays); err != nil {
		return nil, err
	}
	return &shapes.PutRetentionPolicyOutput{}, nil
}

func checkRetention(days int64) error {
	if !slices.Contains(retentions, days) {
		return errParameter("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %s",
			days, strings.ReplaceAll(fmt.Sprint(retentions), " ", ", "))
	}
	return nil
}

func (s *Service) setRetention(ctx context.Context, name string, days int64) error {
	if err := checkRetention(days); err != nil {
		return err
	}
	return s.editGroup(ctx, name, func(g *group) error { g.Retention = int(days); return nil })
}

func (s *Service) deleteRetentionPolicy(ctx context.Context, in *shapes.DeleteRetentionPolicyInput) (*shapes.DeleteRetentionPolicyOutput, error) {
	if err := s.editGroup(ctx, *in.LogGroupName, func(g *group) error { g.Retention = 0; return nil }); err != nil {
		return nil, err
	}
	return &shapes.DeleteRetentionPolicyOutput{}, nil
}

func (s *Service) tag(ctx context.Context, name string, tags map[string]string) error {
	return s.editGroup(ctx, name, func(g *group) error {
		if g.Tags == nil {
			g.Tags = map[string]string{}
		}
		maps.Copy(g.Tags, tags)
		return nil
	})
}

func (s *Service) untag(ctx context.Context, name string, keys []string) error {
	return s.editGroup(ctx, name, func(g *group) error {
		for _, k := range keys {
			delete(g.Tags, k)
		}
		return nil
	})
}

func (s *Service) tags(ctx context.Context, name string) (map[string]string, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	g, _, err := s.readGroup(ctx, docs, name)
	if err != nil {
		return nil, err
	}
	if g.Tags == nil {
		return map[string]string{}, nil
	}
	return g.Tags, nil
}

func (s *Service) tagResource(ctx context.Context, in *shapes.TagResourceInput) (*shapes.TagResourceOutput, error) {
	if err := s.tag(ctx, groupOfARN(*in.ResourceArn), in.Tags); err != nil {
		return nil, err
	}
	return &shapes.TagResourceOutput{}, nil
}

func (s *Service) untagResource(ctx context.Context, in *shapes.UntagResourceInput) (*shapes.UntagResourceOutput, error) {
	if err := s.untag(ctx, groupOfARN(*in.ResourceArn), in.TagKeys); err != nil {
		return nil, err
	}
	return &shapes.UntagResourceOutput{}, nil
}

func (s *Service) listTagsForResource(ctx context.Context, in *shapes.ListTagsForResourceInput) (*shapes.ListTagsForResourceOutput, error) {
	tags, err := s.tags(ctx, groupOfARN(*in.ResourceArn))
	if err != nil {
		return nil, err
	}
	return &shapes.ListTagsForResourceOutput{Tags: tags}, nil
}

func (s *Service) tagLogGroup(ctx context.Context, in *shapes.TagLogGroupInput) (*shapes.TagLogGroupOutput, error) {
	if err := s.tag(ctx, *in.LogGroupName, in.Tags); err != nil {
		return nil, err
	}
	return &shapes.TagLogGroupOutput{}, nil
}

func (s *Service) untagLogGroup(ctx context.Context, in *shapes.UntagLogGroupInput) (*shapes.UntagLogGroupOutput, error) {
	if err := s.untag(ctx, *in.LogGroupName, in.Tags); err != nil {
		return nil, err
	}
	return &shapes.UntagLogGroupOutput{}, nil
}

func (s *Service) listTagsLogGroup(ctx context.Context, in *shapes.ListTagsLogGroupInput) (*shapes.ListTagsLogGroupOutput, error) {
	tags, err := s.tags(ctx, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	return &shapes.ListTagsLogGroupOutput{Tags: tags}, nil
}
