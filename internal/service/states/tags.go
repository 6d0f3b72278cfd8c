package states

import (
	"context"
	"errors"
	"maps"
	"slices"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/store"
)

func tagMap(tags []*shapes.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[deref(t.Key)] = deref(t.Value)
	}
	return m
}

func (s *Service) tagResource(ctx context.Context, in *shapes.TagResourceInput) (*shapes.TagResourceOutput, error) {
	return nil, s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, tagMap(in.Tags)) })
}

func (s *Service) untagResource(ctx context.Context, in *shapes.UntagResourceInput) (*shapes.UntagResourceOutput, error) {
	return nil, s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

// editTags changes the tags of a state machine or an activity.
func (s *Service) editTags(ctx context.Context, arn string, f func(tags map[string]string)) error {
	n, err := parseARN(arn, "stateMachine", "activity")
	if err != nil {
		return err
	}
	edit := func(tags *map[string]string) {
		*tags = maps.Clone(*tags)
		if *tags == nil {
			*tags = map[string]string{}
		}
		f(*tags)
	}
	if n.kind == "stateMachine" {
		_, _, err := s.editMachine(ctx, arn, func(m *stateMachine) error { edit(&m.Tags); return nil })
		return notResource(err, arn)
	}
	docs, err := s.config(ctx)
	if err != nil {
		return err
	}
	for {
		a, rev, err := s.activity(ctx, arn)
		if err != nil {
			return notResource(err, arn)
		}
		edit(&a.Tags)
		if _, err = write(ctx, docs, activityKey(n.place, a.Name), a, store.AtRev(rev)); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// notResource words that something does not exist as the operations on tags do.
func notResource(err error, arn string) error {
	switch code(err) {
	case codeNoMachine, codeNoActivity:
		return errNoResource(arn)
	}
	return err
}

func (s *Service) listTagsForResource(ctx context.Context, in *shapes.ListTagsForResourceInput) (*shapes.ListTagsForResourceOutput, error) {
	n, err := parseARN(*in.ResourceArn, "stateMachine", "activity")
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	if n.kind == "stateMachine" {
		_, m, _, err := s.machine(ctx, *in.ResourceArn)
		if err != nil {
			return nil, notResource(err, *in.ResourceArn)
		}
		tags = m.Tags
	} else {
		a, _, err := s.activity(ctx, *in.ResourceArn)
		if err != nil {
			return nil, notResource(err, *in.ResourceArn)
		}
		tags = a.Tags
	}
	out := &shapes.ListTagsForResourceOutput{Tags: []*shapes.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, &shapes.Tag{Key: new(key), Value: new(tags[key])})
	}
	return out, nil
}
