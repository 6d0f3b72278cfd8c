package loop

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// A state says where a connection is in its life. It only grows until the
// record is free again. It is written under record.mu.
type state = uint32

const (
	stFree     state = iota
	stReading        // the request head is being read
	stPending        // the upgrade waits for Accept or Refuse
	stOpen           //
	stLeaving        // the close frame waits for answers under way: Write works still
	stClosing        // our close frame is on its way; the client's is awaited
	stDraining       // all is said: input is thrown away until TCP ends
)

// Flags of a record, guarded by record.mu.
const (
	flCorked   uint16 = 1 << iota // output is collected until the loop is done with the input
	flIn                          // epoll reports input
	flOut                         // epoll reports room for output
	flHeld                        // input waits for Accept
	flFin                         // send FIN when all output is out
	flFinSent                     //
	flStream                      // served by a goroutine, not by a loop
	flFull                        // one connection too many: answer 503
	flKill                        // drop without further words
	flAccepted                    // Accept was called
	flMailed                      // the loop was told to look
	flUpgraded                    // reached Handler.Open: counts as pending or open until reported
)

// A record is all that an idle connection owns. It holds no pointers, so that
// the collector need not look at a million of them.
type record struct {
	mu     sync.Mutex // guards what is not said to be otherwise
	born   atomic.Int64
	active atomic.Int64  // last data message; both in milliseconds since 1970
	since  atomic.Int64  // when the state began that is bounded in time
	gen    atomic.Uint32 // handles of earlier connections in this slot have another one
	fd     int32
	rare   uint32 // index of what few connections have, or zero
	in     uint32 // index of partial input, or zero: the loop's alone; next free slot when free
	state  phase
	flags  uint16
	loop   uint16
}

// A phase is the state of a connection, and which limits it has: an index into
// Server.sets. It is read by anybody.
type phase struct{ word atomic.Uint32 }

const stateBits = 8

func (p *phase) Load() state        { return p.word.Load() & (1<<stateBits - 1) }
func (p *phase) Store(st state)     { p.word.Store(p.limits()<<stateBits | st) }
func (p *phase) begin()             { p.word.Store(stReading) }
func (p *phase) limits() uint32     { return p.word.Load() >> stateBits }
func (p *phase) setLimits(i uint32) { p.word.Store(i<<stateBits | p.Load()) }

const (
	chunkBits = 12
	chunkSize = 1 << chunkBits
	maxChunks = 4096
	slotBits  = 24
	// So many slots rest before one is used again, so that its eight bits of
	// generation cannot come round within a second.
	restingSlots = 1024
)

type chunk struct {
	recs     [chunkSize]record
	attached atomic.Pointer[[chunkSize]any] // made when first needed; entries are guarded by the record's mu
}

// A table holds the records of a server. Slots are found by arithmetic.
type table struct {
	chunks [maxChunks]atomic.Pointer[chunk]
	used   atomic.Uint32 // slots ever used
	salt   uint32

	mu         sync.Mutex // guards the queue of free slots, linked by record.in
	head, tail uint32
	resting    int
}

func newTable() *table { return &table{salt: rand.Uint32()} }

// at returns the record of a slot, or nil.
func (t *table) at(slot uint32) *record {
	if slot >= t.used.Load() {
		return nil
	}
	return &t.chunks[slot>>chunkBits].Load().recs[slot&(chunkSize-1)]
}

// take returns a free slot; ok is false if there is none.
func (t *table) take() (slot uint32, r *record, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	used := t.used.Load()
	if t.resting > restingSlots || t.resting > 0 && used == maxChunks*chunkSize {
		slot = t.head
		r = t.at(slot)
		t.head = r.in
		t.resting--
		return slot, r, true
	}
	if used == maxChunks*chunkSize {
		return 0, nil, false
	}
	if used&(chunkSize-1) == 0 {
		t.chunks[used>>chunkBits].Store(new(chunk))
	}
	t.used.Store(used + 1)
	return used, t.at(used), true
}

// put ends the life of a record. The caller has closed its descriptor and holds nothing of it.
func (t *table) put(slot uint32, r *record) {
	r.mu.Lock()
	r.state.Store(stFree)
	r.gen.Add(1)
	r.flags, r.fd, r.rare, r.in = 0, -1, 0, 0
	if a := t.chunks[slot>>chunkBits].Load().attached.Load(); a != nil {
		a[slot&(chunkSize-1)] = nil
	}
	r.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.resting == 0 {
		t.head = slot
	} else {
		t.at(t.tail).in = slot
	}
	t.tail = slot
	t.resting++
}

// attach stores v beside the record; the caller holds its mu.
func (t *table) attach(slot uint32, v any) {
	c := t.chunks[slot>>chunkBits].Load()
	a := c.attached.Load()
	if a == nil {
		c.attached.CompareAndSwap(nil, new([chunkSize]any))
		a = c.attached.Load()
	}
	a[slot&(chunkSize-1)] = v
}

// attached returns what attach stored; the caller holds the record's mu.
func (t *table) attached(slot uint32) any {
	if a := t.chunks[slot>>chunkBits].Load().attached.Load(); a != nil {
		return a[slot&(chunkSize-1)]
	}
	return nil
}

// serial is the part of an ID that tells slot and generation.
func (t *table) serial(slot, gen uint32) uint32 { return (slot<<8 | gen&0xFF) ^ t.salt }

func (t *table) slotOf(serial uint32) (slot uint32, gen uint8) {
	serial ^= t.salt
	return serial >> 8, uint8(serial)
}

// A rare is what few connections have at one time: an upgrade to answer, output
// that is stuck, an end to report, a goroutine. It is guarded by record.mu.
type rare struct {
	st     *stream
	accept [28]byte // Sec-WebSocket-Accept
	queue  queue
	ending Closure
	ended  bool // ending is set and not yet reported
	owed   bool // ending is set, and waits for answers under way
}

func (x *rare) empty() bool { return x.st == nil && !x.ended && !x.owed && x.queue.empty() }

// rares finds a rare by the index in a record.
type rares struct {
	mu    sync.Mutex
	items []*rare
	free  []uint32
	pool  sync.Pool
}

func (p *rares) get(i uint32) *rare {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.items[i-1]
}

func (p *rares) take() (uint32, *rare) {
	x, _ := p.pool.Get().(*rare)
	if x == nil {
		x = new(rare)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		p.items[i-1] = x
		return i, x
	}
	p.items = append(p.items, x)
	return uint32(len(p.items)), x
}

func (p *rares) put(i uint32) {
	p.mu.Lock()
	x := p.items[i-1]
	p.items[i-1] = nil
	p.free = append(p.free, i)
	p.mu.Unlock()
	*x = rare{}
	p.pool.Put(x)
}
