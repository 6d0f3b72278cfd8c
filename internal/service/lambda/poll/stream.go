package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

const (
	streamPoll  = 250 * time.Millisecond // AWS: four times a second
	streamPause = 10 * time.Second       // after trouble with the stream
	maxRetryGap = time.Minute
)

// A Checkpoint says how far a stream has been handled. It outlives the poller.
type Checkpoint struct {
	Shard    string    `json:"shard"`
	Sequence string    `json:"sequence,omitempty"` // of the last record that is done; "" for none
	Began    time.Time `json:"began"`              // when the poller first looked

	// Of the batch behind it:
	Attempts int       `json:"attempts,omitempty"` // that the function has failed
	Until    string    `json:"until,omitempty"`    // the last record of it
	Tried    time.Time `json:"tried,omitzero"`     // when it was first
}

// A Stream polls a stream of DynamoDB.
type Stream struct {
	Poller
	Latest  bool  // begin with what comes, else with what is there
	Bisect  bool  // try the halves of a batch that failed
	Retries int64 // of a batch; negative for no limit
	MaxAge  time.Duration
	Name    string // of the function: its ARN

	Load func(ctx context.Context) (Checkpoint, error)
	Save func(ctx context.Context, c Checkpoint) error
	Bury func(ctx context.Context, report []byte) error // nil: what is given up is lost

	at       Checkpoint
	iterator string
}

// Run polls until ctx is done. Began is told when records that are written from now on will be read.
func (s *Stream) Run(ctx context.Context, began func()) error {
	var err error
	if s.at, err = s.Load(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := s.begin(ctx); err == nil {
			began()
			err = s.read(ctx)
			if err == nil || ctx.Err() != nil || awsapi.Code(err) == "ExpiredIteratorException" { // a batch took its time
				continue
			}
			s.trouble(ctx, err)
		} else if ctx.Err() == nil {
			s.trouble(ctx, err)
		}
	}
	return nil
}

func (s *Stream) trouble(ctx context.Context, err error) {
	s.Log.Warn("a stream cannot be read; trying again", "stream", s.ARN, "err", err)
	s.Result("PROBLEM: " + err.Error())
	sleep(ctx, streamPause)
}

// begin finds the place to read on.
func (s *Stream) begin(ctx context.Context) error {
	var about struct {
		StreamDescription struct{ Shards []struct{ ShardId string } }
	}
	if err := s.call(ctx, "dynamodbstreams", "DescribeStream", map[string]any{"StreamArn": s.ARN}, &about); err != nil {
		return err
	}
	shards := about.StreamDescription.Shards
	if len(shards) == 0 {
		return errors.New("the stream has no shards")
	}
	first := s.at.Shard == ""
	if first {
		s.at = Checkpoint{Shard: shards[0].ShardId, Began: time.Now().UTC()}
	}
	in := map[string]any{"StreamArn": s.ARN, "ShardId": s.at.Shard, "ShardIteratorType": "TRIM_HORIZON"}
	switch {
	case s.at.Sequence != "":
		in["ShardIteratorType"], in["SequenceNumber"] = "AFTER_SEQUENCE_NUMBER", s.at.Sequence
	case s.Latest && first: // later, what came before it began is left out by its time
		in["ShardIteratorType"] = "LATEST"
	}
	var out struct{ ShardIterator string }
	err := s.call(ctx, "dynamodbstreams", "GetShardIterator", in, &out)
	if awsapi.Code(err) == "TrimmedDataAccessException" { // what was behind the checkpoint is gone
		in["ShardIteratorType"] = "TRIM_HORIZON"
		delete(in, "SequenceNumber")
		err = s.call(ctx, "dynamodbstreams", "GetShardIterator", in, &out)
	}
	if err != nil {
		return err
	}
	s.iterator = out.ShardIterator
	if first {
		return s.Save(ctx, s.at)
	}
	return nil
}

// read gives batches to the function until the iterator is of no use any more.
func (s *Stream) read(ctx context.Context) error {
	for ctx.Err() == nil {
		batch, err := s.gather(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		if len(batch) > 0 {
			if err := s.handle(ctx, batch); err != nil {
				return err
			}
		}
		if s.iterator == "" { // AWS: the shard is closed, and has been read
			sleep(ctx, streamPause)
			return nil
		}
	}
	return nil
}

// gather reads a batch. It waits for the first record, and for others as long as the window is.
func (s *Stream) gather(ctx context.Context) (batch []record, err error) {
	var until time.Time
	size := 0
	limit := s.Batch
	for ctx.Err() == nil && s.iterator != "" {
		var out struct {
			Records           []change
			NextShardIterator string
		}
		err := s.call(ctx, "dynamodbstreams", "GetRecords", map[string]any{"ShardIterator": s.iterator, "Limit": min(limit-len(batch), 1000)}, &out)
		if err != nil {
			return nil, err
		}
		s.iterator = out.NextShardIterator
		for _, c := range out.Records {
			r, err := c.ready(s.ARN)
			if err != nil {
				return nil, fmt.Errorf("decode record %s: %w", c.EventID, err)
			}
			if s.Latest && s.at.Sequence == "" && r.arrived.Before(s.at.Began.Truncate(time.Second)) {
				continue
			}
			batch, size = append(batch, r), size+len(r.data)
		}
		if len(batch) == 0 {
			sleep(ctx, streamPoll)
			continue
		}
		if until.IsZero() {
			until = time.Now().Add(s.Window)
		}
		wait := time.Until(until)
		if len(batch) >= limit || size > maxPayload || wait <= 0 {
			break
		}
		if len(out.Records) == 0 {
			sleep(ctx, min(wait, streamPoll))
		}
	}
	return batch, ctx.Err()
}

// handle gives records to the function until they are done or given up.
func (s *Stream) handle(ctx context.Context, batch []record) error {
	var wanted []record
	for _, r := range batch {
		if s.Filter.wants(r.data) {
			wanted = append(wanted, r)
		}
	}
	for len(wanted) > 0 {
		n, size := 0, 0 // AWS: six megabytes
		for n < len(wanted) && (n == 0 || size+len(wanted[n].data) < maxPayload) {
			size += len(wanted[n].data) + 1
			n++
		}
		if err := s.try(ctx, wanted[:n]); err != nil {
			return err
		}
		wanted = wanted[n:]
	}
	return s.done(ctx, batch[len(batch)-1])
}

// done notes that everything up to a record has been handled.
func (s *Stream) done(ctx context.Context, last record) error {
	if s.at.Sequence == last.sequence {
		return nil
	}
	s.at = Checkpoint{Shard: s.at.Shard, Began: s.at.Began, Sequence: last.sequence}
	return s.Save(ctx, s.at)
}

// try gives a batch to the function again and again, until it takes it or the batch is given up.
func (s *Stream) try(ctx context.Context, batch []record) error {
	for throttled := 0; len(batch) > 0; {
		last := batch[len(batch)-1]
		if s.at.Until != last.sequence { // another batch than the one that was tried before
			s.at.Until, s.at.Attempts, s.at.Tried = last.sequence, 0, time.Now().UTC()
		}
		id, out, err := s.give(ctx, batch)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.Result("PROBLEM: " + err.Error())
			s.Log.Warn("a function was not given records of its stream", "stream", s.ARN, "err", err)
			throttled++
			if s.tooOld(batch) {
				return s.giveUp(ctx, batch, id, "RecordAgeExceeded", nil)
			}
			sleep(ctx, gap(throttled))
			continue
		}
		from := 0 // the first that failed
		if out.Failure == "" {
			if from = s.firstFailed(batch, out); from == len(batch) {
				s.Result(resultOK)
				return s.done(ctx, last)
			}
		}
		s.Result(resultFailed)
		if from > 0 {
			if err := s.done(ctx, batch[from-1]); err != nil {
				return err
			}
			batch = batch[from:]
			s.at.Until, s.at.Tried = last.sequence, time.Now().UTC()
		}
		if s.Bisect && from == 0 && len(batch) > 1 { // AWS: that is no retry
			half := len(batch) / 2
			if err := s.try(ctx, batch[:half]); err != nil {
				return err
			}
			batch = batch[half:]
			continue
		}
		s.at.Attempts++
		switch {
		case s.Retries >= 0 && int64(s.at.Attempts) > s.Retries:
			return s.giveUp(ctx, batch, id, "RetryAttemptsExhausted", &out)
		case s.tooOld(batch):
			return s.giveUp(ctx, batch, id, "RecordAgeExceeded", &out)
		}
		if err := s.Save(ctx, s.at); err != nil {
			return err
		}
		sleep(ctx, gap(s.at.Attempts))
	}
	return ctx.Err()
}

// gap is how long to wait before the attempt after the nth.
func gap(n int) time.Duration { return min(time.Second<<min(n-1, 6), maxRetryGap) }

func (s *Stream) give(ctx context.Context, batch []record) (id string, out Outcome, err error) {
	records := make([]json.RawMessage, len(batch))
	for i, r := range batch {
		records[i] = r.data
	}
	event, err := encode(records)
	if err != nil {
		return "", out, err
	}
	id = awsapi.NewRequestID()
	out, err = s.Function(ctx, id, event)
	return id, out, err
}

// firstFailed returns the place of the first record that failed, or how many there are.
func (s *Stream) firstFailed(batch []record, out Outcome) int {
	if !s.Partial {
		return len(batch)
	}
	failed, all := failedItems(out.Payload)
	if all {
		return 0
	}
	first := len(batch)
	for _, id := range failed {
		i := slices.IndexFunc(batch, func(r record) bool { return r.sequence == id })
		if i < 0 { // AWS: an unknown one fails the batch
			return 0
		}
		first = min(first, i)
	}
	return first
}

func (s *Stream) tooOld(batch []record) bool {
	return s.MaxAge > 0 && time.Since(batch[0].arrived) > s.MaxAge
}

// giveUp reports a batch that the function does not take, and goes on behind it.
func (s *Stream) giveUp(ctx context.Context, batch []record, id, condition string, out *Outcome) error {
	first, last := batch[0], batch[len(batch)-1]
	s.Log.Warn("records of a stream are given up", "stream", s.ARN, "function", s.Name, "records", len(batch), "condition", condition, "attempts", s.at.Attempts)
	if s.Bury != nil {
		r := report{Version: "1.0", Time: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), Info: reportInfo{
			s.at.Shard, first.sequence, last.sequence, first.arrived.Format(time.RFC3339), last.arrived.Format(time.RFC3339), len(batch), s.ARN,
		}}
		r.Request.ID, r.Request.Function, r.Request.Condition, r.Request.Count = id, s.Name, condition, max(s.at.Attempts, 1)
		if out != nil {
			r.Response = &reportResponse{200, out.Version, out.Failure}
		}
		data, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode report: %w", err)
		}
		if err := s.Bury(ctx, data); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.Log.Error("a report of records that were given up could not be delivered", "stream", s.ARN, "err", err)
		}
	}
	return s.done(ctx, last)
}
