package worker

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"sync"
	"time"
)

// Kinds of frames that a bootstrap sends; the bootstraps have the same list.
const (
	frameReady = iota + 1
	frameResponse
	frameError
	frameInitError
	frameFatal // an error after which the process ends
)

// frames speaks with one of our own bootstraps. A frame from the process is four bytes of length, a kind, and the
// payload; one to it is four bytes of length, two bytes of length of the head, the head as JSON, and the event.
//
// It is some four times as fast as the Runtime API, which costs two HTTP requests per event.
type frames struct {
	env  *environment
	conn net.Conn
	done chan struct{} // closed when run ends

	mu  sync.Mutex // guards out: the answer may be here before the write has returned
	out []byte
}

type frameHead struct {
	ID       string `json:"id"`
	ARN      string `json:"arn"`
	Deadline int64  `json:"deadline"`
	Trace    string `json:"trace,omitempty"`
	Client   string `json:"client,omitempty"`
	Identity string `json:"identity,omitempty"`
}

func (f *frames) deliver(c *call) error {
	head, err := json.Marshal(frameHead{ID: c.id, ARN: c.arn, Deadline: c.deadline.UnixMilli(), Trace: c.trace, Client: c.in.ClientContext, Identity: c.in.Identity})
	if err != nil {
		return err
	}
	event := c.in.Payload
	f.mu.Lock()
	defer f.mu.Unlock()
	b := binary.BigEndian.AppendUint32(f.out[:0], uint32(2+len(head)+len(event)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(head)))
	b = append(b, head...)
	if len(event) > 64<<10 {
		_, err = (&net.Buffers{b, event}).WriteTo(f.conn)
		return err
	}
	b = append(b, event...)
	f.out = b
	_, err = f.conn.Write(b)
	return err
}

// run reads what the process sends until it is gone.
func (f *frames) run() {
	defer close(f.done)
	r := bufio.NewReaderSize(f.conn, 4<<10)
	var head [5]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint32(head[:])) - 1
		if n < 0 {
			return
		}
		large := n > MaxResponse
		var body []byte
		var err error
		if large {
			_, err = io.CopyN(io.Discard, r, int64(n))
		} else {
			body = make([]byte, n)
			_, err = io.ReadFull(r, body)
		}
		if err != nil {
			return
		}
		f.handle(head[4], body, large)
	}
}

// close takes what the process has sent before its end.
func (f *frames) close() {
	f.conn.SetReadDeadline(time.Now().Add(lastWords))
	<-f.done
	f.conn.Close()
}

func (f *frames) handle(kind byte, body []byte, large bool) {
	var o outcome
	switch {
	case kind == frameReady:
		f.env.ask(f)
		return
	case large:
		o = tooLarge()
	case kind == frameResponse:
		o = outcome{payload: body}
	default:
		o = reported(body, "")
	}
	switch kind {
	case frameInitError:
		o.status = "error"
		f.env.initFailed(o)
	case frameFatal:
		o.status = "error"
		f.env.last(o)
	default:
		c := f.env.claim("")
		// An answer is also the wish for the next request.
		f.env.ask(f)
		if c != nil {
			f.env.finish(c, o)
		}
	}
}
