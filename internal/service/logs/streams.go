package logs

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
	"github.com/sallyport/sallyport/internal/store"
)

func encodeName(name string) string { return base64.RawURLEncoding.EncodeToString([]byte(name)) }

func decodeName(token string) (string, error) {
	name, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", errToken()
	}
	return string(name), nil
}

func (s *Service) createLogStream(ctx context.Context, in *shapes.CreateLogStreamInput) (*shapes.CreateLogStreamOutput, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	g, _, err := s.readGroup(ctx, docs, *in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if err := s.makeStream(ctx, docs, g, *in.LogStreamName); err != nil {
		return nil, err
	}
	return &shapes.CreateLogStreamOutput{}, nil
}

// makeStream stores a stream of which there is none yet.
func (s *Service) makeStream(ctx context.Context, docs store.Store, g *group, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	data, err := encode(stream{ID: newID(), Name: name, Created: s.millis()})
	if err != nil {
		return err
	}
	_, err = store.Put(ctx, docs, streamKey(g.ID, name), data, store.Absent)
	if errors.Is(err, store.ErrConflict) {
		return errStreamExists()
	} else if err != nil {
		return fmt.Errorf("write log stream %s: %w", name, err)
	}
	return nil
}

func (s *Service) deleteLogStream(ctx context.Context, in *shapes.DeleteLogStreamInput) (*shapes.DeleteLogStreamOutput, error) {
	if err := s.removeStream(ctx, *in.LogGroupName, *in.LogStreamName); err != nil {
		return nil, err
	}
	return &shapes.DeleteLogStreamOutput{}, nil
}

func (s *Service) removeStream(ctx context.Context, groupName, name string) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	g, _, err := s.readGroup(ctx, docs, groupName)
	if err != nil {
		return err
	}
	st, err := readStream(ctx, docs, g, name)
	if err != nil {
		return err
	}
	left := g.ID + "/" + st.ID
	_, err = docs.Apply(ctx,
		store.Write{Key: streamKey(g.ID, name), Delete: true},
		store.Write{Key: deletingPrefix + left, Data: []byte("{}")})
	if err != nil {
		return fmt.Errorf("delete log stream %s: %w", name, err)
	}
	if err := s.removeLeft(ctx, docs, left); err != nil {
		s.log.Warn("documents of a deleted log stream are left for later", "group", groupName, "stream", name, "error", err)
	}
	return nil
}

func (s *Service) describeLogStreams(ctx context.Context, in *shapes.DescribeLogStreamsInput) (*shapes.DescribeLogStreamsOutput, error) {
	name, err := groupNamed(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy != nil && *in.OrderBy == "LastEventTime"
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, errParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	g, _, err := s.readGroup(ctx, docs, name)
	if err != nil {
		return nil, err
	}
	streams, err := listStreams(ctx, docs, g, value(in.LogStreamNamePrefix))
	if err != nil {
		return nil, err
	}
	if byTime {
		slices.SortStableFunc(streams, func(a, b *stream) int { return cmp.Compare(a.Last, b.Last) })
	}
	if value(in.Descending) {
		slices.Reverse(streams)
	}
	// Names and times change their order between calls, so a token is a place in the list.
	start := 0
	if in.NextToken != nil {
		text, err := decodeName(*in.NextToken)
		if err != nil {
			return nil, err
		}
		if start, err = strconv.Atoi(text); err != nil || start < 0 {
			return nil, errToken()
		}
	}
	size := pageSize
	if in.Limit != nil {
		size = int(*in.Limit)
	}
	out := &shapes.DescribeLogStreamsOutput{LogStreams: []*shapes.LogStream{}}
	if rest := streams[min(start, len(streams)):]; len(rest) > size {
		out.NextToken = new(encodeName(strconv.Itoa(start + size)))
		streams = rest[:size]
	} else {
		streams = rest
	}
	for _, st := range streams {
		out.LogStreams = append(out.LogStreams, showStream(placeOf(ctx), g, st))
	}
	return out, nil
}

func showStream(p place, g *group, st *stream) *shapes.LogStream {
	out := &shapes.LogStream{
		Arn:                 new(groupARN(p, g.Name) + ":log-stream:" + st.Name),
		CreationTime:        &st.Created,
		LogStreamName:       &st.Name,
		StoredBytes:         new(int64(0)), // AWS: always zero since 2019
		UploadSequenceToken: new(sequenceToken(max(st.Ingested, st.Created))),
	}
	if st.Ingested > 0 {
		out.FirstEventTimestamp, out.LastEventTimestamp, out.LastIngestionTime = &st.First, &st.Last, &st.Ingested
	}
	return out
}
