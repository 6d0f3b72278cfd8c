package nats

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/sallyport/sallyport/internal/bus"
)

// Headers of a job.
const (
	headerID = "Sp-Id" // the id in base64
	headerAt = "Sp-At" // when it is due, in Unix nanoseconds
)

// ackWait is how long a job stays with a process that says nothing: then the process is dead.
const ackWait = 6 * time.Second

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
	q := &queue{js: js, name: name, subjects: "queue." + name + "."}
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:                 "queue-" + name,
		Subjects:             []string{q.subjects + ">"},
		Retention:            jetstream.WorkQueuePolicy,
		Discard:              jetstream.DiscardNew,
		MaxMsgsPerSubject:    1,
		DiscardNewPerSubject: true,
		Storage:              jetstream.FileStorage,
		Replicas:             b.replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", name, ended(ctx, err))
	}
	q.consumer, err = stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:       "workers",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		MaxAckPending: -1, // jobs that wait for their time count too
		MaxWaiting:    10_000,
	})
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", name, ended(ctx, err))
	}
	return q, nil
}

type queue struct {
	js       jetstream.JetStream
	name     string
	subjects string // what the subject of every job begins with, up to and with a dot
	consumer jetstream.Consumer
}

func (q *queue) Send(ctx context.Context, id string, data []byte, at time.Time) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	m := nats.NewMsg(q.subjects + "job." + nuid.Next())
	if id != "" {
		sum := sha256.Sum256([]byte(id))
		m.Subject = q.subjects + "id." + hex.EncodeToString(sum[:])
		m.Header.Set(headerID, base64.StdEncoding.EncodeToString([]byte(id)))
	}
	if time.Until(at) > 0 {
		m.Header.Set(headerAt, strconv.FormatInt(at.UnixNano(), 10))
	}
	m.Data = data
	_, err := q.js.PublishMsg(ctx, m)
	if isTaken(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("send to queue %s: %w", q.name, ended(ctx, err))
	}
	return nil
}

// isTaken tells that the subject has a message, which is a job of the same id. The server has no code of its own for that.
func isTaken(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && strings.Contains(api.Description, "maximum messages per subject exceeded")
}

// job decodes a delivery. Due is zero for jobs without a time.
func decode(m jetstream.Msg) (job bus.Job, due time.Time, err error) {
	meta, err := m.Metadata()
	if err != nil {
		return bus.Job{}, time.Time{}, err
	}
	id, err := base64.StdEncoding.DecodeString(m.Headers().Get(headerID))
	if err != nil {
		return bus.Job{}, time.Time{}, fmt.Errorf("id of job %d: %w", meta.Sequence.Stream, err)
	}
	job = bus.Job{ID: string(id), Data: m.Data(), Attempt: int(meta.NumDelivered)}
	if text := m.Headers().Get(headerAt); text != "" {
		nanos, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return bus.Job{}, time.Time{}, fmt.Errorf("time of job %d: %w", meta.Sequence.Stream, err)
		}
		due = time.Unix(0, nanos)
	}
	return job, due, nil
}
