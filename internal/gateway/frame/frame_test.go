package frame

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var rules = Rules{Frame: 32 << 10, Message: 128 << 10}

// client builds a masked frame.
func client(h Header, payload string) []byte {
	h.Masked, h.Key, h.Len = true, 0x1234ABCD, uint64(len(payload))
	b := AppendHeader(nil, h)
	n := len(b)
	b = append(b, payload...)
	Mask(b[n:], h.Key, 0)
	return b
}

type event struct {
	Op   Opcode
	Data string
}

// readAll reads b in chunks of the given sizes, the last of which repeats.
func readAll(r Rules, b []byte, chunks ...int) (events []event, idle bool, err *Error) {
	var p Partial
	b = bytes.Clone(b)
	for i := 0; len(b) > 0; i++ {
		n := min(max(1, chunks[min(i, len(chunks)-1)]), len(b))
		chunk := bytes.Clone(b[:n]) // so that what is kept of it is seen to be a copy
		b = b[n:]
		for rest := chunk; len(rest) > 0; {
			ev, n, err := r.Next(&p, rest)
			if err != nil {
				return events, false, err
			}
			rest = rest[n:]
			if ev.Op != 0 {
				events = append(events, event{ev.Op, string(ev.Data)})
			}
		}
		clear(chunk)
	}
	return events, p.Idle(), nil
}

func TestNext(t *testing.T) {
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	for _, tt := range []struct {
		name string
		in   []byte
		want []event
		code int
	}{
		{name: "text", in: client(Header{Fin: true, Op: Text}, "hello"), want: []event{{Text, "hello"}}},
		{name: "empty text", in: client(Header{Fin: true, Op: Text}, ""), want: []event{{Text, ""}}},
		{name: "two", in: join(client(Header{Fin: true, Op: Text}, "a"), client(Header{Fin: true, Op: Text}, "b")), want: []event{{Text, "a"}, {Text, "b"}}},
		{
			name: "fragments with control frames between",
			in: join(client(Header{Op: Text}, "h\xC3"), client(Header{Fin: true, Op: Ping}, "p"), client(Header{}, ""),
				client(Header{Fin: true, Op: Pong}, ""), client(Header{}, "\xA4"), client(Header{Fin: true}, "!"), client(Header{Fin: true, Op: Text}, "next")),
			want: []event{{Ping, "p"}, {Pong, ""}, {Text, "hä!"}, {Text, "next"}},
		},
		{name: "empty fragments", in: join(client(Header{Op: Text}, ""), client(Header{Fin: true}, "")), want: []event{{Text, ""}}},
		{name: "largest frame", in: client(Header{Fin: true, Op: Text}, strings.Repeat("x", 32768)), want: []event{{Text, strings.Repeat("x", 32768)}}},
		{name: "close", in: client(Header{Fin: true, Op: Close}, "\x03\xE8"), want: []event{{Close, "\x03\xE8"}}},
		{name: "frame too big", in: client(Header{Fin: true, Op: Text}, strings.Repeat("x", 32769)), code: MessageTooBig},
		{name: "binary", in: client(Header{Fin: true, Op: Binary}, "x"), code: UnsupportedData},
		{name: "binary within a message", in: join(client(Header{Op: Text}, "a"), client(Header{Fin: true, Op: Binary}, "x")), code: ProtocolError},
		{name: "reserved bits before the opcode's meaning", in: client(Header{Fin: true, RSV: 1, Op: Binary}, "x"), code: ProtocolError},
		{name: "unmasked and too big", in: []byte{0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0}, code: ProtocolError},
		{name: "negative length", in: []byte{0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, code: ProtocolError},
		{name: "overlong UTF-8 fails before the end", in: join(client(Header{Op: Text}, "\xE0\x80")), code: InvalidPayload},
		{name: "surrogate fails before the end", in: join(client(Header{Op: Text}, "\xED\xA0")), code: InvalidPayload},
		{name: "beyond Unicode fails before the end", in: join(client(Header{Op: Text}, "\xF4\x90")), code: InvalidPayload},
		{name: "open character at the end", in: join(client(Header{Op: Text}, "\xF0\x9F"), client(Header{Fin: true}, "\x98")), code: InvalidPayload},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, chunk := range []int{1, 2, 3, 7, 64, 1 << 20} {
				got, idle, err := readAll(rules, tt.in, chunk)
				if tt.code != 0 {
					if err == nil || err.Code != tt.code {
						t.Errorf("chunks of %d: got %v, want code %d", chunk, err, tt.code)
					}
					continue
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || err != nil || !idle {
					t.Errorf("chunks of %d: idle %t, %v, events (-want +got):\n%s", chunk, idle, err, diff)
				}
			}
		})
	}
}

func TestBinaryByRule(t *testing.T) {
	r := rules
	r.Binary = true
	got, _, err := readAll(r, client(Header{Fin: true, Op: Binary}, "\xFF\x00"), 100)
	if want := []event{{Binary, "\xFF\x00"}}; err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("got %v %v, want %v", got, err, want)
	}
}

func TestMessageLimitCountsAllFragments(t *testing.T) {
	frames := func(last int) []byte {
		var b []byte
		for i := range 4 {
			h := Header{}
			if i == 0 {
				h.Op = Text
			}
			b = append(b, client(h, strings.Repeat("x", 32<<10))...)
		}
		return append(b, client(Header{Fin: true}, strings.Repeat("x", last))...)
	}
	if _, _, err := readAll(rules, frames(0), 5000); err != nil {
		t.Errorf("131072 bytes: %v", err)
	}
	if _, _, err := readAll(rules, frames(1), 5000); err == nil || err.Code != MessageTooBig || err.Reason != "Message too big" {
		t.Errorf("131073 bytes: %v", err)
	}
}

func TestParseClose(t *testing.T) {
	for _, tt := range []struct {
		in     string
		code   int
		reason string
		fails  int
	}{
		{in: "", code: NoStatus},
		{in: "\x03\xE8", code: 1000},
		{in: "\x03\xE8done", code: 1000, reason: "done"},
		{in: "\x0F\xA1bye", code: 4001, reason: "bye"},
		{in: "\x03", fails: ProtocolError},
		{in: "\x03\xE7", fails: ProtocolError}, // 999
		{in: "\x03\xEC", fails: ProtocolError}, // 1004
		{in: "\x03\xED", fails: ProtocolError}, // 1005
		{in: "\x03\xEE", fails: ProtocolError}, // 1006
		{in: "\x03\xF7", fails: ProtocolError}, // 1015
		{in: "\x0B\xB7", fails: ProtocolError}, // 2999
		{in: "\x13\x88", fails: ProtocolError}, // 5000
		{in: "\x03\xE8\xFF", fails: InvalidPayload},
	} {
		code, reason, err := ParseClose([]byte(tt.in))
		if tt.fails != 0 {
			if err == nil || err.Code != tt.fails {
				t.Errorf("ParseClose(%q) = %v, want %d", tt.in, err, tt.fails)
			}
			continue
		}
		if code != tt.code || reason != tt.reason || err != nil {
			t.Errorf("ParseClose(%q) = %d %q %v", tt.in, code, reason, err)
		}
		wire := AppendClose(nil, code, reason)
		if string(wire[2:]) != tt.in {
			t.Errorf("AppendClose(%d, %q) = %q", code, reason, wire)
		}
	}
}

func TestAppendCloseCutsAtACharacter(t *testing.T) {
	b := AppendClose(nil, 1000, strings.Repeat("ä", 100))
	if len(b) > 2+MaxControl || !utf8.Valid(b[4:]) || len(b) < 2+MaxControl-1 {
		t.Errorf("%d bytes, valid %t", len(b), utf8.Valid(b[4:]))
	}
}

func TestErrorIsAnError(t *testing.T) {
	var err error = errTooBig
	if e, ok := errors.AsType[*Error](err); !ok || e.Error() != "Message too big" {
		t.Error(err)
	}
}

// What is appended is read back, whatever the chunks, and is as long as foretold.
func FuzzMessageRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), uint32(7), uint16(3))
	f.Add(bytes.Repeat([]byte("x"), 70000), uint32(0), uint16(1000))
	f.Fuzz(func(t *testing.T, payload []byte, key uint32, chunk uint16) {
		wire := AppendMessage(nil, Binary, payload)
		if len(wire) != MessageLen(len(payload)) {
			t.Fatalf("MessageLen(%d) = %d, appended %d", len(payload), MessageLen(len(payload)), len(wire))
		}
		var frames []byte // the same as a client's
		for rest := wire; len(rest) > 0; {
			h, n, err := ParseHeader(rest)
			if err != nil || n == 0 || h.Masked || h.Len > Fragment {
				t.Fatalf("ParseHeader = %+v %d %v", h, n, err)
			}
			body := rest[n : n+int(h.Len)]
			rest = rest[n+int(h.Len):]
			h.Masked, h.Key = true, key
			frames = AppendHeader(frames, h)
			at := len(frames)
			frames = append(frames, body...)
			cut := min(int(chunk), len(body)) // masking may be done in parts
			Mask(frames[at:at+cut], key, 0)
			Mask(frames[at+cut:], key, uint64(cut))
		}
		r := Rules{Frame: Fragment, Message: len(payload), Binary: true}
		got, idle, err := readAll(r, frames, max(int(chunk), len(frames)/500))
		if err != nil || !idle || len(got) != 1 || got[0].Op != Binary || got[0].Data != string(payload) {
			t.Fatalf("read back %d events, idle %t, %v", len(got), idle, err)
		}
	})
}

// Any bytes: no panic, the chunks do not matter, and what comes out keeps the rules.
func FuzzNext(f *testing.F) {
	f.Add(client(Header{Fin: true, Op: Text}, "hello"), uint16(1), uint16(5))
	f.Add(append(client(Header{Op: Text}, "h\xC3"), client(Header{Fin: true}, "\xA4")...), uint16(3), uint16(2))
	f.Add(client(Header{Fin: true, Op: Close}, "\x03\xE8"), uint16(2), uint16(2))
	f.Fuzz(func(t *testing.T, b []byte, one, two uint16) {
		r := Rules{Frame: 100, Message: 300, Binary: len(b)%2 == 0}
		want, wantIdle, wantErr := readAll(r, b, 1<<20)
		got, idle, err := readAll(r, b, int(one), int(two))
		if diff := cmp.Diff(want, got); diff != "" || err != wantErr || err == nil && idle != wantIdle {
			t.Fatalf("chunks %d,%d change the result: %v and %v, idle %t and %t\n%s", one, two, wantErr, err, wantIdle, idle, diff)
		}
		for _, ev := range got {
			switch {
			case ev.Op == Text && !utf8.ValidString(ev.Data), ev.Op.Control() && len(ev.Data) > MaxControl,
				len(ev.Data) > 300, ev.Op == Binary && !r.Binary, !ev.Op.known(), ev.Op == Continuation:
				t.Fatalf("event %+v", ev)
			}
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(true, byte(0), byte(1), true, uint32(1), uint64(5))
	f.Add(false, byte(7), byte(15), false, uint32(0), uint64(1<<40))
	f.Fuzz(func(t *testing.T, fin bool, rsv, op byte, mask bool, key uint32, n uint64) {
		h := Header{Fin: fin, RSV: rsv & 7, Op: Opcode(op & 15), Masked: mask, Len: n >> 1}
		if mask {
			h.Key = key
		}
		b := AppendHeader(nil, h)
		got, size, err := ParseHeader(append(b, 'x'))
		if got != h || size != len(b) || err != nil {
			t.Fatalf("ParseHeader(AppendHeader(%+v)) = %+v %d %v", h, got, size, err)
		}
		for i := range b {
			if _, size, err := ParseHeader(b[:i]); size != 0 || err != nil {
				t.Fatalf("%d of %d bytes: %d %v", i, len(b), size, err)
			}
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, n := range []int{64, 1024, 16384} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			frame := client(Header{Fin: true, Op: Text}, strings.Repeat("x", n))
			buf := make([]byte, len(frame))
			var p Partial
			b.SetBytes(int64(n))
			for b.Loop() {
				copy(buf, frame)
				if ev, _, err := rules.Next(&p, buf); err != nil || ev.Op != Text {
					b.Fatal(err)
				}
			}
		})
	}
}
