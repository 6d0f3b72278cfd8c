package loop

import (
	"net"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

type binaryRig struct{ *rig }

func (g binaryRig) Binary(c Conn, data []byte) { c.WriteBinary(append(data, '!')) }

func TestBinaryByChoice(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		if err := New(Config{Limits: Limits{Binary: true}}).Run(t.Context(), &rig{}); err == nil {
			t.Error("a handler without Binary is accepted")
		}
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		g := &rig{transport: tr, addr: l.Addr().String(), opened: make(chan opening, 1), closed: make(chan ending, 1)}
		if tr.wrap != nil {
			l = tr.wrap(l)
		}
		g.Server = New(Config{Limits: Limits{Binary: true}, TLS: serverTLS(t)})
		done := make(chan error, 1)
		go func() { done <- g.Run(t.Context(), binaryRig{g}, l) }()
		c := g.open(t)
		c.send(masked(frame.Header{Fin: true, Op: frame.Binary}, []byte{0xFF}))
		if h, p := c.read(); h.Op != frame.Binary || string(p) != "\xFF!" {
			t.Errorf("got %+v %q", h, p)
		}
		c.Close()
		within(t, g.closed)
		if err := g.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := within(t, done); err != nil {
			t.Error(err)
		}
	})
}

func TestTableDoesNotReuseSlotsSoon(t *testing.T) {
	tab := newTable()
	var order []uint32
	for range 3 * restingSlots {
		slot, r, ok := tab.take()
		if !ok {
			t.Fatal("the table is full")
		}
		tab.put(slot, r)
		order = append(order, slot)
	}
	if n := tab.used.Load(); n != restingSlots+1 {
		t.Errorf("%d slots are used for one connection at a time, want %d", n, restingSlots+1)
	}
	last := map[uint32]int{}
	for i, slot := range order {
		if at, seen := last[slot]; seen && i-at < restingSlots {
			t.Fatalf("slot %d was used again after %d others", slot, i-at)
		}
		last[slot] = i
	}
	if got, gen := tab.slotOf(tab.serial(0xABCDEF, 0x1FE)); got != 0xABCDEF || gen != 0xFE {
		t.Errorf("slotOf(serial) = %x %x", got, gen)
	}
}

func TestQueue(t *testing.T) {
	var q queue
	for _, s := range []string{"abc", "d", "efgh"} {
		q.push([]byte(s))
	}
	var got []string
	for _, n := range []int{2, 2, 0, 3, 1} {
		q.advance(n)
		got = append(got, string(slices.Concat(q.segs...)))
	}
	if want := []string{"cdefgh", "efgh", "efgh", "h", ""}; !slices.Equal(got, want) || !q.empty() || q.bytes != 0 {
		t.Errorf("after advancing: %q, %d bytes; want %q", got, q.bytes, want)
	}
}
