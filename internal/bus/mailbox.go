package bus

import "sync"

// SubscriberBacklog is how many messages a subscriber may be behind before it loses the oldest.
const SubscriberBacklog = 65536

// A Mailbox stands between those who publish and one subscriber, for implementations of Subscribe: Put never blocks.
type Mailbox struct {
	mu     sync.Mutex // guards all below
	filled *sync.Cond
	queue  []Letter // letters before first were taken
	first  int
	closed bool
}

// A Letter is one message in a Mailbox.
type Letter struct {
	Subject string
	Data    []byte
}

// NewMailbox returns an empty mailbox.
func NewMailbox() *Mailbox {
	m := &Mailbox{}
	m.filled = sync.NewCond(&m.mu)
	return m
}

// Put adds a letter, and drops the oldest one if there are SubscriberBacklog.
func (m *Mailbox) Put(l Letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	if len(m.queue)-m.first == SubscriberBacklog {
		m.queue[m.first] = Letter{}
		m.first++
	}
	if m.first > len(m.queue)/2 && m.first > 1024 {
		m.queue = append([]Letter(nil), m.queue[m.first:]...)
		m.first = 0
	}
	m.queue = append(m.queue, l)
	m.filled.Signal()
}

// Take waits for a letter; ok is false when the mailbox was closed.
func (m *Mailbox) Take() (l Letter, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.first == len(m.queue) && !m.closed {
		m.filled.Wait()
	}
	if m.closed {
		return Letter{}, false
	}
	l = m.queue[m.first]
	m.queue[m.first] = Letter{}
	m.first++
	if m.first == len(m.queue) {
		m.queue, m.first = m.queue[:0], 0
	}
	return l, true
}

// Close ends Take and forgets what was not taken.
func (m *Mailbox) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.queue, m.first = true, nil, 0
	m.filled.Broadcast()
}
