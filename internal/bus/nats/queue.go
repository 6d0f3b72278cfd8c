package nats

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/natsd/streams"
)

// Headers of a job.
const (
	headerID       = "Sp-Id" // the id in base64
	headerAt       = "Sp-At" // when it is due, in Unix nanoseconds
	headerExpected = "Nats-Expected-Last-Subject-Sequence"
)

// Codes of the server's API: the subject's last message is not the expected one; there is no such message.
const (
	codeWrongLastSequence         = 10071
	codeWrongLastSequenceConstant = 10164
	codeNoMessage                 = 10037
)

// ackWait is how long a job stays with a process that says nothing: then the process is dead.
const ackWait = 6 * time.Second

// errTaken says that the subject has another message: a job of the same id, or the job that took one's place.
var errTaken = errors.New("the job's subject is taken")

func (b *natsBus) Queue(ctx context.Context, name string) (bus.Queue, error) {
	if err := bus.CheckQueue(name); err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	js, err := jetstream.New(b.conn)
	if err != nil {
		return nil, unavailable(err)
	}
	q := &queue{conn: b.conn, name: name, subjects: "queue." + name + ".", replicas: b.replicas, sync: b.sync}
	stream, err := streams.Open(ctx, js, jetstream.StreamConfig{
		Name:              "queue-" + name,
		Subjects:          []string{q.subjects + ">"},
		Retention:         jetstream.WorkQueuePolicy,
		MaxMsgsPerSubject: 1, // the next job of an id removes the one before
		Storage:           jetstream.FileStorage,
		Replicas:          b.replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", name, ended(ctx, err))
	}
	var consumer jetstream.Consumer
	err = streams.Try(ctx, func(ctx context.Context) error {
		consumer, err = stream.CreateOrUpdateConsumer(ctx, workersConfig(ackWait))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", name, ended(ctx, err))
	}
	if _, opened := b.opened.LoadOrStore(name, true); !opened && b.sync != nil && consumer.CachedInfo().NumAckPending > 0 {
		q.reclaim = func(ctx context.Context) { reclaim(ctx, stream) }
	}
	q.pulls = "$JS.API.CONSUMER.MSG.NEXT.queue-" + name + ".workers"
	return q, nil
}

func workersConfig(ackWait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       "workers",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		MaxAckPending: -1, // jobs that wait for their time count too
		MaxWaiting:    10_000,
	}
}

// reclaimTime is what the server needs to notice that it trusts workers for less long.
const reclaimTime = 250 * time.Millisecond

// reclaim lets the server give out at once what a process had that is dead. It is for an engine that lives and dies with its one process.
func reclaim(ctx context.Context, stream jetstream.Stream) {
	if _, err := stream.UpdateConsumer(ctx, workersConfig(time.Millisecond)); err != nil {
		return // then it comes after ackWait
	}
	sleep(ctx, reclaimTime)
	for {
		_, err := stream.UpdateConsumer(context.WithoutCancel(ctx), workersConfig(ackWait))
		if err == nil || ctx.Err() != nil { // whoever opens the queue next does it
			return
		}
		sleep(ctx, pullPause)
	}
}

type queue struct {
	conn     *nats.Conn
	name     string
	subjects string // what the subject of every job begins with, up to and with a dot
	pulls    string // where jobs are asked for
	replicas int
	sync     func(ctx context.Context, stream string) error
	reclaim  func(ctx context.Context) // nil: there is nothing that a dead process had
}

func (q *queue) Send(ctx context.Context, id string, data []byte, at time.Time) error {
	m := nats.NewMsg(q.subjects + "job." + nuid.Next())
	if id != "" {
		sum := sha256.Sum256([]byte(id))
		m.Subject = q.subjects + "id." + hex.EncodeToString(sum[:])
		m.Header[headerID] = []string{base64.StdEncoding.EncodeToString([]byte(id))}
		m.Header[headerExpected] = []string{"0"}
	}
	err := q.put(ctx, m, data, at)
	if errors.Is(err, errTaken) {
		return nil
	}
	return err
}

// put stores a job. It returns errTaken if its subject's last message is not the one that its header expects.
func (q *queue) put(ctx context.Context, m *nats.Msg, data []byte, at time.Time) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	if time.Until(at) > 0 {
		m.Header[headerAt] = []string{strconv.FormatInt(at.UnixNano(), 10)}
	}
	m.Data = data
	var answer *nats.Msg
	err := streams.AcrossElection(ctx, q.replicas > 1, func() (err error) {
		answer, err = q.conn.RequestMsgWithContext(ctx, m)
		return err
	})
	if err != nil {
		return fmt.Errorf("send to queue %s: %w", q.name, ended(ctx, err))
	}
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error *struct {
			ErrCode     int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return fmt.Errorf("send to queue %s: %w: read answer of the engine: %w", q.name, bus.ErrUnavailable, err)
	}
	switch {
	case ack.Error == nil && ack.Seq > 0:
		return q.durable(ctx)
	case ack.Error == nil:
		return fmt.Errorf("send to queue %s: %w: the engine's answer has no sequence: %.200q", q.name, bus.ErrUnavailable, answer.Data)
	case ack.Error.ErrCode == codeWrongLastSequence, ack.Error.ErrCode == codeWrongLastSequenceConstant:
		if err := q.durable(ctx); err != nil { // the other may have been stored a moment ago
			return err
		}
		return errTaken
	}
	return fmt.Errorf("send to queue %s: %w: %s (%d)", q.name, bus.ErrUnavailable, ack.Error.Description, ack.Error.ErrCode)
}

// durable returns when what the engine has acknowledged is durable.
func (q *queue) durable(ctx context.Context) error {
	if q.sync == nil {
		return nil
	}
	if err := q.sync(ctx, "queue-"+q.name); err != nil {
		return fmt.Errorf("send to queue %s: %w: %w", q.name, bus.ErrUnavailable, err)
	}
	return nil
}

// A delivery is a job that the server has given to this process.
type delivery struct {
	q   *queue
	msg *nats.Msg
	seq uint64
	job bus.Job
	due time.Time // zero: at once
	far bool      // the server keeps it until it is nearly due

	reported time.Time // guarded by deliveries
}

// decode reads a delivery.
func (q *queue) decode(m *nats.Msg) (*delivery, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	id, err := base64.StdEncoding.DecodeString(m.Header.Get(headerID))
	if err != nil {
		return nil, fmt.Errorf("id of job %d: %w", meta.Sequence.Stream, err)
	}
	d := &delivery{q: q, msg: m, seq: meta.Sequence.Stream, job: bus.Job{ID: string(id), Data: m.Data, Attempt: int(meta.NumDelivered)}}
	if text := m.Header.Get(headerAt); text != "" {
		nanos, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("time of job %d: %w", meta.Sequence.Stream, err)
		}
		d.due = time.Unix(0, nanos)
		if d.far = d.due.Sub(meta.Timestamp) > holdTime; d.far && d.job.Attempt > 1 {
			d.job.Attempt-- // the delivery that was too early
			d.far = false
		}
	}
	return d, nil
}

// The answers to a delivery.
var (
	ack      = []byte("+ACK")
	progress = []byte("+WPI")
)

func (d *delivery) answer(text []byte) {
	d.q.conn.Publish(d.msg.Reply, text) //nolint:errcheck // else it comes again after ackWait
}

// giveBack returns the job to the server, which gives it to somebody after a while.
func (d *delivery) giveBack(after time.Duration) {
	d.answer(fmt.Appendf(nil, `-NAK {"delay": %d}`, max(after, 1).Nanoseconds()))
}

// finish removes the job. The answer is waited for: whoever heard that the job is done may send its id again.
func (d *delivery) finish(ctx context.Context) {
	if _, err := d.q.conn.RequestWithContext(ctx, d.msg.Reply, ack); err != nil {
		return // it is done once more, as the contract allows
	}
	if d.q.replicas > 1 && d.job.ID != "" {
		d.q.awaitRemoval(ctx, d.seq)
	}
	d.q.durable(ctx) //nolint:errcheck // see above
}

// awaitRemoval returns when a job that is done has no message any more: the servers of a cluster answer first, and then agree to
// remove it. Until then its id is taken.
func (q *queue) awaitRemoval(ctx context.Context, seq uint64) {
	request := fmt.Appendf(nil, `{"seq":%d}`, seq)
	for wait := time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 100*time.Millisecond) {
		answer, err := q.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET.queue-"+q.name, request)
		var found struct {
			Error *struct {
				ErrCode int `json:"err_code"`
			} `json:"error"`
		}
		if err == nil && json.Unmarshal(answer.Data, &found) == nil && found.Error != nil && found.Error.ErrCode == codeNoMessage {
			return
		}
		sleep(ctx, wait)
	}
}

// follow puts the next job in the place of this one.
func (d *delivery) follow(ctx context.Context, next *bus.Next) error {
	m := nats.NewMsg(d.msg.Subject)
	m.Header[headerExpected] = []string{strconv.FormatUint(d.seq, 10)}
	if id := d.msg.Header.Get(headerID); id != "" {
		m.Header[headerID] = []string{id}
	}
	err := d.q.put(ctx, m, next.Data, next.At)
	if errors.Is(err, errTaken) {
		return nil
	}
	return err
}
