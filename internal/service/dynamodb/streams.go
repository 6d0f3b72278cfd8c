package dynamodb

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	streams "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodbstreams"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Limits of GetRecords and of iterators.
const (
	maxRecords   = 1000
	iteratorLife = 15 * time.Minute
)

// streamService is DynamoDB Streams, which is a service of its own on the wire.
type streamService struct{ s *Service }

// Streams returns DynamoDB Streams over the same tables.
func (s *Service) Streams() awsapi.Service { return streamService{s} }

// API implements awsapi.Service.
func (streamService) API() *awsapi.API { return streams.API }

// Operations implements awsapi.Service.
func (t streamService) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"ListStreams":      op(t.s.listStreams),
		"DescribeStream":   op(t.s.describeStream),
		"GetShardIterator": op(t.s.getShardIterator),
		"GetRecords":       op(t.s.getRecords),
	}
}

func errStreamNotFound(arn string) *awsapi.Error {
	return awsapi.Errorf("ResourceNotFoundException", 400, "Requested resource not found: Stream: %s not found", arn)
}

func (s *Service) listStreams(ctx context.Context, in *streams.ListStreamsInput) (*streams.ListStreamsOutput, error) {
	sp, err := s.space(ctx)
	if err != nil {
		return nil, err
	}
	out := &streams.ListStreamsOutput{Streams: []*streams.Stream{}}
	limit := maxTables
	if in.Limit != nil {
		limit = min(limit, int(*in.Limit))
	}
	started := in.ExclusiveStartStreamArn == nil
	for _, name := range sp.Names() {
		t := sp.Table(name)
		if t == nil || in.TableName != nil && *in.TableName != name {
			continue
		}
		d, err := definitionOf(t.Schema())
		if err != nil {
			return nil, err
		}
		for _, st := range d.Streams {
			arn := d.streamARN(st)
			if !started {
				started = arn == *in.ExclusiveStartStreamArn
				continue
			}
			if len(out.Streams) == limit {
				out.LastEvaluatedStreamArn = out.Streams[limit-1].StreamArn
				return out, nil
			}
			out.Streams = append(out.Streams, &streams.Stream{StreamArn: &arn, StreamLabel: new(st.Label), TableName: new(name)})
		}
	}
	return out, nil
}

// A streamHandle is a stream that an operation works on.
type streamHandle struct {
	stream
	d *definition
	h *handle
}

// stream finds a stream by its ARN.
func (s *Service) stream(ctx context.Context, arn string) (*streamHandle, error) {
	tableARN, label, ok := strings.Cut(arn, "/stream/")
	if !ok {
		return nil, errValidation("Invalid StreamArn: %s", arn)
	}
	d, h, err := s.defined(ctx, tableARN)
	if awsapi.Code(err) == "ResourceNotFoundException" {
		return nil, errStreamNotFound(arn)
	} else if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.Streams, func(st stream) bool { return st.Label == label })
	if i < 0 {
		return nil, errStreamNotFound(arn)
	}
	return &streamHandle{d.Streams[i], d, h}, nil
}

// shardID names the one shard that a stream has.
func (st *streamHandle) shardID() string {
	return fmt.Sprintf("shardId-%020d-%s", st.Created.UnixMilli(), st.d.ID[:8])
}

// sequence writes a sequence number: 21 digits or more, that grow.
func sequence(seq uint64) string { return fmt.Sprintf("1%020d", seq) }

func parseSequence(s string) (uint64, error) {
	seq, err := strconv.ParseUint(strings.TrimPrefix(s, "1"), 10, 64)
	if err != nil {
		return 0, errValidation("Invalid SequenceNumber: %s", s)
	}
	return seq, nil
}

func (s *Service) describeStream(ctx context.Context, in *streams.DescribeStreamInput) (*streams.DescribeStreamOutput, error) {
	st, err := s.stream(ctx, *in.StreamArn)
	if err != nil {
		return nil, err
	}
	status := "ENABLED"
	shard := &streams.Shard{ShardId: new(st.shardID()), SequenceNumberRange: &streams.SequenceNumberRange{StartingSequenceNumber: new(sequence(0))}}
	if seq, ok := st.h.table.Tail(st.Label); ok {
		shard.SequenceNumberRange.StartingSequenceNumber = new(sequence(seq))
	}
	if st.Closed != nil {
		status = "DISABLED"
		shard.SequenceNumberRange.EndingSequenceNumber = new(sequence(st.h.table.Head()))
	}
	out := &streams.StreamDescription{
		StreamArn: in.StreamArn, StreamLabel: &st.Label, StreamStatus: &status, StreamViewType: &st.View, TableName: &st.h.Name,
		CreationRequestDateTime: &st.Created, Shards: []*streams.Shard{shard},
	}
	for _, e := range st.d.KeySchema {
		out.KeySchema = append(out.KeySchema, &streams.KeySchemaElement{AttributeName: e.AttributeName, KeyType: e.KeyType})
	}
	// The one shard has no children, and comes on the first page.
	if in.ExclusiveStartShardId != nil || in.ShardFilter != nil {
		out.Shards = []*streams.Shard{}
	}
	return &streams.DescribeStreamOutput{StreamDescription: out}, nil
}

// An iterator says where in a stream to read on.
type iterator struct {
	ARN  string
	Seq  uint64
	Made int64 // seconds
}

func (i iterator) String() string {
	b, _ := json.Marshal(i) // strings and numbers
	return base64.StdEncoding.EncodeToString(b)
}

func (s *Service) getShardIterator(ctx context.Context, in *streams.GetShardIteratorInput) (*streams.GetShardIteratorOutput, error) {
	st, err := s.stream(ctx, *in.StreamArn)
	if err != nil {
		return nil, err
	}
	if *in.ShardId != st.shardID() {
		return nil, awsapi.Errorf("ResourceNotFoundException", 400, "Requested resource not found: Shard does not exist")
	}
	it := iterator{ARN: *in.StreamArn, Made: time.Now().Unix()}
	tail, some := st.h.table.Tail(st.Label)
	switch *in.ShardIteratorType {
	case "LATEST":
		it.Seq = st.h.table.Head()
	case "TRIM_HORIZON":
		it.Seq = tail
	default:
		if in.SequenceNumber == nil {
			return nil, errValidation("SequenceNumber is required for ShardIteratorType %s", *in.ShardIteratorType)
		}
		if it.Seq, err = parseSequence(*in.SequenceNumber); err != nil {
			return nil, err
		}
		if some && it.Seq < tail {
			return nil, awsapi.Errorf("TrimmedDataAccessException", 400, "The operation attempted to read past the oldest stream record in a shard")
		}
		if *in.ShardIteratorType == "AFTER_SEQUENCE_NUMBER" {
			it.Seq++
		}
	}
	return &streams.GetShardIteratorOutput{ShardIterator: new(it.String())}, nil
}

// What GetRecords gives. The images are our own, as items elsewhere.
type (
	getRecordsOutput struct {
		NextShardIterator *string
		Records           []*record
	}
	record struct {
		AwsRegion    *string           `aws:"awsRegion"`
		Dynamodb     *streamRecord     `aws:"dynamodb"`
		EventID      *string           `aws:"eventID"`
		EventName    *string           `aws:"eventName"`
		EventSource  *string           `aws:"eventSource"`
		EventVersion *string           `aws:"eventVersion"`
		UserIdentity *streams.Identity `aws:"userIdentity"`
	}
	streamRecord struct {
		ApproximateCreationDateTime *time.Time
		Keys                        item.Item
		NewImage                    item.Encoded
		OldImage                    item.Encoded
		SequenceNumber              *string
		SizeBytes                   *int64
		StreamViewType              *string
	}
)

func (s *Service) getRecords(ctx context.Context, in *streams.GetRecordsInput) (*getRecordsOutput, error) {
	var it iterator
	raw, err := base64.StdEncoding.DecodeString(*in.ShardIterator)
	if err != nil || json.Unmarshal(raw, &it) != nil {
		return nil, errValidation("Invalid ShardIterator")
	}
	if time.Since(time.Unix(it.Made, 0)) > iteratorLife {
		return nil, awsapi.Errorf("ExpiredIteratorException", 400, "Iterator expired. The iterator was created more than 15 minutes ago.")
	}
	st, err := s.stream(ctx, it.ARN)
	if err != nil {
		return nil, err
	}
	limit := maxRecords
	if in.Limit != nil {
		limit = min(limit, int(*in.Limit))
	}
	head := st.h.table.Head()
	found, err := st.h.space.Records(ctx, st.h.table, st.Label, it.Seq, limit)
	if err != nil {
		return nil, err
	}
	out := &getRecordsOutput{Records: []*record{}}
	region := awsapi.CallerOf(ctx).Region
	for _, r := range found {
		out.Records = append(out.Records, st.record(r, region))
		it.Seq = r.Seq + 1
	}
	if st.Closed == nil || it.Seq < head && len(found) > 0 {
		it.Made = time.Now().Unix()
		out.NextShardIterator = new(it.String())
	}
	return out, nil
}

// record returns a record as the stream's view shows it.
func (st *streamHandle) record(r engine.Record, region string) *record {
	image, name := r.New, "MODIFY"
	switch {
	case r.Old == nil:
		name = "INSERT"
	case r.New == nil:
		name, image = "REMOVE", r.Old
	}
	seq := sequence(r.Seq)
	sr := &streamRecord{
		ApproximateCreationDateTime: new(r.At.Truncate(time.Second)), SequenceNumber: &seq, StreamViewType: &st.View,
		Keys: keyItem(st.h.Schema, "", image),
	}
	size := item.Size(sr.Keys)
	if strings.HasPrefix(st.View, "NEW") {
		sr.NewImage = r.New
		size += r.New.Size()
	}
	if strings.HasSuffix(st.View, "OLD_IMAGE") || st.View == "NEW_AND_OLD_IMAGES" {
		sr.OldImage = r.Old
		size += r.Old.Size()
	}
	sr.SizeBytes = new(int64(size))
	id := fmt.Sprintf("%x%s", r.Seq, strings.ReplaceAll(st.d.ID, "-", ""))[:32]
	out := &record{AwsRegion: &region, Dynamodb: sr, EventID: &id, EventName: &name, EventSource: new("aws:dynamodb"), EventVersion: new("1.1")}
	if r.Expired {
		out.UserIdentity = &streams.Identity{PrincipalId: new("dynamodb.amazonaws.com"), Type: new("Service")}
	}
	return out
}
