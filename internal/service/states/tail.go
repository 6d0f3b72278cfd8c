package states

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

// The events of an execution's document stand below its JSON, one in each line: a step appends its events to them, and does not read those
// before.

// splitTail divides a document.
func splitTail(data []byte) (head, tail []byte) {
	head, tail, _ = bytes.Cut(data, []byte("\n"))
	return head, tail
}

// encode makes the document of an execution, with its new events. They are kept as they are encoded.
func (x *execution) encode() ([]byte, error) {
	for i := range x.Events {
		x.tail = appendEvent(x.tail, &x.Events[i])
	}
	x.Events = nil
	head, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("encode execution %s: %w", x.key, err)
	}
	if len(x.tail) == 0 {
		return head, nil
	}
	data := make([]byte, 0, len(head)+1+len(x.tail))
	return append(append(append(data, head...), '\n'), x.tail...), nil
}

// appendEvent appends an event as encoding/json would write it, and a newline. Details are compact.
func appendEvent(b []byte, e *machine.Event) []byte {
	b = strconv.AppendInt(append(b, `{"i":`...), e.ID, 10)
	b = strconv.AppendInt(append(b, `,"p":`...), e.Prev, 10)
	b = strconv.AppendInt(append(b, `,"t":`...), e.At, 10)
	b = append(append(append(b, `,"y":"`...), e.Type...), '"')
	if e.Child > 0 {
		b = strconv.AppendInt(append(b, `,"c":`...), int64(e.Child), 10)
	}
	if len(e.Details) > 0 {
		b = append(append(b, `,"d":`...), e.Details...)
	}
	return append(b, "}\n"...)
}

func decodeEvents(tail []byte) ([]machine.Event, error) {
	var events []machine.Event
	for line := range bytes.Lines(tail) {
		var e machine.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("decode event: %w", err)
		}
		events = append(events, e)
	}
	return events, nil
}

// spill moves the events of the document to a chunk when they have become many.
func (s *Service) spill(ctx context.Context, docs store.Store, x *execution) error {
	size := len(x.tail)
	for i := range x.Events {
		size += len(x.Events[i].Details) + 64
	}
	if size <= maxTail {
		return nil
	}
	data := x.tail
	for i := range x.Events {
		data = appendEvent(data, &x.Events[i])
	}
	c := chunk{First: 1, Last: x.LastEvent, ID: newID(), At: s.millis()}
	if n := len(x.Chunks); n > 0 {
		c.First = x.Chunks[n-1].Last + 1
	}
	data = compress(data)
	for n := 0; n == 0 || len(data) > 0; n++ {
		part := data[:min(len(data), maxPart)]
		data = data[len(part):]
		if _, err := store.Put(ctx, docs, chunkKey(x.key, c, n), part, store.Always); err != nil {
			return fmt.Errorf("write events of %s: %w", x.key, err)
		}
	}
	x.Chunks = append(x.Chunks, c)
	x.Events, x.tail = nil, nil
	return nil
}
