package nats

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/sallyport/sallyport/internal/natsd/streams"
	"github.com/sallyport/sallyport/internal/store"
)

// A page of a listing ends after so many messages or bytes, so that no listing floods the connection.
const (
	pageMessages = 1000
	pageBytes    = 8 << 20
)

// message is one message of the stream as it was read.
type message struct {
	subject string
	header  nats.Header
	data    []byte
	seq     uint64
	deleted bool // a tombstone
}

func (d *documents) Get(ctx context.Context, key string) (store.Doc, error) {
	if len(key) > store.MaxKey {
		return store.Doc{}, store.ErrNotFound
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	subject, _ := subjectOf(key)
	m, err := d.last(ctx, d.subjects+subject)
	if err == nil {
		err = d.disk.await(ctx, m.seq)
	}
	if err != nil {
		return store.Doc{}, ended(ctx, err)
	}
	if m.deleted {
		return store.Doc{}, store.ErrNotFound
	}
	doc, err := d.document(m)
	if err == nil && doc.Key != key {
		err = fmt.Errorf("%w: two keys have the subject %s", store.ErrUnavailable, m.subject)
	}
	return doc, err
}

// last returns the newest message of subject, or ErrNotFound.
func (d *documents) last(ctx context.Context, subject string) (message, error) {
	if d.leaderReads {
		return d.lastOfLeader(ctx, subject)
	}
	answer, err := d.conn.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+d.stream+"."+subject, nil)
	if err != nil {
		return message{}, unavailable(err)
	}
	return read(answer)
}

// lastOfLeader is last for replicated streams: direct reads may be answered by a replica that is behind.
func (d *documents) lastOfLeader(ctx context.Context, subject string) (message, error) {
	request, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return message{}, err
	}
	answer, err := d.ask(ctx, &nats.Msg{Subject: "$JS.API.STREAM.MSG.GET." + d.stream, Data: request})
	if err != nil {
		return message{}, unavailable(err)
	}
	var body struct {
		Error   *apiError `json:"error"`
		Message struct {
			Subject string `json:"subject"`
			Seq     uint64 `json:"seq"`
			Header  []byte `json:"hdrs"`
			Data    []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &body); err != nil {
		return message{}, fmt.Errorf("read answer of the engine: %w", err)
	}
	if body.Error != nil {
		if body.Error.ErrCode == codeNoMessage {
			return message{}, store.ErrNotFound
		}
		return message{}, body.Error.toError()
	}
	m := message{subject: body.Message.Subject, seq: body.Message.Seq, data: body.Message.Data}
	if len(body.Message.Header) > 0 {
		if m.header, err = nats.DecodeHeadersMsg(body.Message.Header); err != nil {
			return message{}, fmt.Errorf("read headers of %s: %w", m.subject, err)
		}
		m.deleted = len(m.header[headerDeleted]) > 0
	}
	return m, nil
}

// ask sends a request, on a cluster until somebody hears it.
func (d *documents) ask(ctx context.Context, m *nats.Msg) (answer *nats.Msg, err error) {
	err = streams.AcrossElection(ctx, d.leaderReads, func() error {
		answer, err = d.conn.RequestMsgWithContext(ctx, m)
		return err
	})
	return answer, err
}

// read takes a message out of an answer to a direct read.
func read(answer *nats.Msg) (message, error) {
	switch status := answer.Header.Get("Status"); status {
	case "":
	case "404":
		return message{}, store.ErrNotFound
	default:
		return message{}, fmt.Errorf("%w: %s %s", store.ErrUnavailable, status, answer.Header.Get("Description"))
	}
	seq, err := strconv.ParseUint(answer.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return message{}, fmt.Errorf("read answer of the engine: %w", err)
	}
	return message{
		subject: answer.Header.Get("Nats-Subject"),
		header:  answer.Header,
		data:    answer.Data,
		seq:     seq,
		deleted: len(answer.Header[headerDeleted]) > 0,
	}, nil
}

// document decodes m, which may be a tombstone.
func (d *documents) document(m message) (store.Doc, error) {
	doc := store.Doc{Rev: m.seq}
	if !m.deleted {
		doc.Data = m.data
		if doc.Data == nil {
			doc.Data = []byte{}
		}
	}
	subject, ok := strings.CutPrefix(m.subject, d.subjects)
	if !ok {
		return store.Doc{}, fmt.Errorf("message %d of stream %s: %q: %w", m.seq, d.stream, m.subject, errSubject)
	}
	var err error
	if encoded := m.header.Get(headerKey); encoded != "" {
		var key []byte
		key, err = base64.StdEncoding.DecodeString(encoded)
		doc.Key = string(key)
	} else {
		doc.Key, err = keyOf(subject)
	}
	if err != nil {
		return store.Doc{}, fmt.Errorf("read key of message %d of stream %s: %w", m.seq, d.stream, err)
	}
	return doc, nil
}

func (d *documents) List(ctx context.Context, prefix string) ([]store.Doc, error) {
	// A document that is written while we page is found a second time, further on: the newest counts.
	found := make(map[string]store.Doc)
	_, err := d.scan(ctx, prefix, func(doc store.Doc, deleted bool) error {
		if deleted {
			delete(found, doc.Key)
		} else {
			found[doc.Key] = doc
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]store.Doc, 0, len(found))
	for _, doc := range found {
		list = append(list, doc)
	}
	slices.SortFunc(list, func(a, b store.Doc) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

// scan calls f with all documents and tombstones under prefix in the order of their revisions, until the end of the
// stream, and returns the last revision it saw. Going only forward makes it consistent: what it has found
// when it ends is what was there at that moment, batches included.
func (d *documents) scan(ctx context.Context, prefix string, f func(doc store.Doc, deleted bool) error) (last uint64, err error) {
	sub, err := d.conn.SubscribeSync(d.conn.NewInbox())
	if err != nil {
		return 0, unavailable(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection is closed then
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return 0, unavailable(err)
	}
	for {
		var next, pending uint64
		err := streams.AcrossElection(ctx, d.leaderReads, func() (err error) {
			next, pending, err = d.page(ctx, sub, prefix, last+1, f)
			return err
		})
		if errors.Is(err, nats.ErrNoResponders) {
			return 0, unavailable(err)
		} else if err != nil {
			return 0, err
		}
		if pending > 0 && next == last {
			return 0, fmt.Errorf("%w: message after %d of stream %s cannot be read", store.ErrUnavailable, last, d.stream)
		}
		last = next
		if pending == 0 {
			return last, nil
		}
	}
}

// page reads one page that begins at seq. It returns the last revision read and how many messages follow.
func (d *documents) page(ctx context.Context, sub *nats.Subscription, prefix string, seq uint64, f func(store.Doc, bool) error) (last, pending uint64, err error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	last = seq - 1
	request, err := json.Marshal(map[string]any{
		"seq": seq, "next_by_subj": d.subjects + filterOf(prefix), "batch": pageMessages, "max_bytes": pageBytes,
	})
	if err != nil {
		return 0, 0, err
	}
	if err := d.conn.PublishRequest("$JS.API.DIRECT.GET."+d.stream, sub.Subject, request); err != nil {
		return 0, 0, unavailable(err)
	}
	for {
		answer, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return 0, 0, ended(ctx, err)
		}
		switch answer.Header.Get("Status") {
		case "503":
			return 0, 0, nats.ErrNoResponders
		case "204": // end of batch
			pending, err = strconv.ParseUint(answer.Header.Get("Nats-Num-Pending"), 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("read answer of the engine: %w", err)
			}
			return last, pending, nil
		}
		m, err := read(answer)
		if errors.Is(err, store.ErrNotFound) {
			return last, 0, nil
		} else if err != nil {
			return 0, 0, unavailable(err)
		}
		last = m.seq
		if err := d.disk.await(ctx, m.seq); err != nil {
			return 0, 0, ended(ctx, err)
		}
		doc, err := d.document(m)
		if err != nil {
			return 0, 0, err
		}
		if !strings.HasPrefix(doc.Key, prefix) {
			continue
		}
		if err := f(doc, m.deleted); err != nil {
			return 0, 0, err
		}
	}
}
