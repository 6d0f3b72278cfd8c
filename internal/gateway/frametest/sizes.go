package frametest

import (
	"fmt"
	"testing"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// sizes: large messages in one frame, in many, and in any pieces.
func sizes(short bool) (out []Case) {
	whole, cut := []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib}, 4*mib
	if short {
		whole, cut = whole[:3], 256*kib
	}
	for kind, op := range []byte{textOp, binaryOp} {
		payload := repeat
		if op == binaryOp {
			payload = bytesOf
		}
		for i, n := range whole {
			data := payload(n)
			out = append(out, Case{Name: fmt.Sprintf("9.%d.%d %d KiB", 1+kind, i+1, n/kib), Send: frame(fin|op, data), Want: echo(op, data)})
		}
		data := payload(cut)
		for i, n := range []int{64, 256, kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, mib, 4 * mib} {
			out = append(out, Case{Name: fmt.Sprintf("9.%d.%d %d KiB in frames of %d", 3+kind, i+1, cut/kib, n), Send: fragments(op, data, n), Want: echo(op, data)})
		}
		data = payload(min(mib, cut))
		for i, n := range []int{64, 128, 256, 512, 1024, 2048} {
			out = append(out, Case{Name: fmt.Sprintf("9.%d.%d %d KiB in pieces of %d", 5+kind, i+1, len(data)/kib, n), Send: frame(fin|op, data), Chop: n, Want: echo(op, data)})
		}
	}
	data := repeat(64 * kib)
	out = append(out, Case{Name: "10.1.1 cut by the sender", Send: fragments(textOp, data, 1300), Want: echo(textOp, data)})
	if !short {
		data = bytesOf(16 * mib)
		out = append(out, Case{Name: "9.9 16 MiB in 65,536 frames", Send: fragments(binaryOp, data, 256), Want: echo(binaryOp, data)})
	}
	return out
}

// roundTrips: many messages, one after the other.
func (e *Endpoint) roundTrips(t *testing.T) {
	times := 1000
	if testing.Short() {
		times = 50
	}
	for kind, op := range []byte{textOp, binaryOp} {
		for i, n := range []int{0, 16, 64, 256, 1024, 4096} {
			t.Run(fmt.Sprintf("9.%d.%d %d messages of %d", 7+kind, i+1, times, n), func(t *testing.T) {
				c := e.connect(t)
				data := repeat(n)
				f := frame(fin|op, data)
				for range times {
					if err := c.write(f, 0); err != nil {
						t.Fatal(err)
					}
					if m, err := c.read(); err != nil || m != (Message{op, data}) {
						t.Fatalf("got %v %v", m, err)
					}
				}
				c.goodbye()
			})
		}
	}
}
