package frametest

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// An Endpoint is what is tested.
type Endpoint struct {
	Dial         func(t *testing.T) net.Conn // opens a connection, TLS included
	Host, Target string                      // of the upgrade

	// Late says that it echoes beside the reading of frames: the order is not known, and a message may be lost when
	// what comes behind it breaks the protocol.
	Late bool
}

// A Case is one connection: what is sent over it, and what must come back.
type Case struct {
	Name string // begins with the number of the section, or with that of the Autobahn test suite
	Send []byte // frames, one behind the other
	Chop int    // bytes of each write; 0: all at once
	Want []Message

	// How it ends. Fails is the code with which the endpoint must close, after what was sent and no more. Closed is the
	// code with which it must answer the close frame that is at the end of Send. If both are zero, the client closes.
	Fails, Closed int
}

// echo is what comes back of a message.
func echo(op byte, data string) []Message { return []Message{{op, data}} }

// pongs are what comes back of pings.
func pongs(data ...string) (out []Message) {
	for _, d := range data {
		out = append(out, Message{pongOp, d})
	}
	return out
}

// Run holds an endpoint to all cases. In short mode the largest messages are left out.
func Run(t *testing.T, e Endpoint) {
	for _, section := range []struct {
		name  string
		cases []Case
	}{
		{"framing", framing()},
		{"pings", pings()},
		{"reserved", reserved()},
		{"fragments", fragmentation()},
		{"utf8", texts()},
		{"closing", closings()},
		{"sizes", sizes(testing.Short())},
		{"beyond", beyond()},
	} {
		t.Run(section.name, func(t *testing.T) {
			for _, c := range section.cases {
				t.Run(c.Name, func(t *testing.T) { e.run(t, c) })
			}
		})
	}
	t.Run("roundtrips", func(t *testing.T) { e.roundTrips(t) })
	t.Run("behaviour", func(t *testing.T) { e.behaviour(t) })
}

// run runs one case.
func (e *Endpoint) run(t *testing.T, test Case) {
	c := e.connect(t)
	sent := make(chan error, 1)
	go func() { sent <- c.write(test.Send, test.Chop) }()
	var got []Message
	open := true // the endpoint has not closed
	want := len(test.Want)
	for len(got) < want || test.Fails+test.Closed > 0 {
		m, err := c.read()
		if err != nil {
			t.Fatalf("%v, after %v", err, got)
		}
		if m.Op == closeOp {
			open = false
			e.ended(t, c, test, m)
			break
		}
		got = append(got, m)
	}
	if !e.Late || test.Fails == 0 { // else what came before the mistake may be lost
		compare(t, e.order(got), e.order(test.Want))
	}
	if open {
		if err := <-sent; err != nil {
			t.Errorf("send: %v", err)
		}
		c.goodbye()
	}
}

// ended looks at the close frame of the endpoint and what comes behind it: nothing.
func (e *Endpoint) ended(t *testing.T, c *client, test Case, m Message) {
	t.Helper()
	want := max(test.Fails, test.Closed)
	if code := codeOf(m); code != want {
		t.Errorf("closed with %d %.40q, want %d", code, m.Data, want)
	}
	if len(m.Data) > 2 && !utf8.ValidString(m.Data[2:]) {
		t.Errorf("the reason %q is no text", m.Data[2:])
	}
	c.expectEnd()
}

// order returns messages as far as their order is known: for a late endpoint, not at all.
func (e *Endpoint) order(all []Message) []Message {
	if !e.Late {
		return all
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Message) int { return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Data, b.Data)) })
	return all
}

func compare(t *testing.T, got, want []Message) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// goodbye closes as a client should, and expects the same of the endpoint.
func (c *client) goodbye() {
	c.t.Helper()
	if err := c.write(closing(1000, ""), 0); err != nil {
		c.t.Fatalf("send close frame: %v", err)
	}
	m, err := c.read()
	if err != nil || m.Op != closeOp || codeOf(m) != 1000 {
		c.t.Fatalf("got %v %v, want the answer to a close frame", m, err)
	}
	c.expectEnd()
}

// expectEnd expects that TCP ends in order: a reset could have destroyed the close frame on its way.
func (c *client) expectEnd() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if err != nil || len(rest) > 0 {
		c.t.Errorf("behind the close frame came %d bytes and %v, want the end", len(rest), err)
	}
}

// repeat returns n bytes of text, of which no part looks like another.
func repeat(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()[:n]
}

// bytesOf returns n bytes that are no text.
func bytesOf(n int) string {
	b := []byte(repeat(n))
	for i := range b {
		b[i] = b[i]*7 + 0xFE
	}
	return string(b)
}
