package mem

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/bus"
)

// New returns a bus that lives in this process's memory.
func New() bus.Bus {
	return &memBus{subscribers: make(map[*subscriber]struct{}), queues: make(map[string]*queue)}
}

type memBus struct {
	mu          sync.Mutex // guards all below
	subscribers map[*subscriber]struct{}
	servers     []*server // whoever served last stands last
	queues      map[string]*queue
}

type subscriber struct {
	pattern string
	mailbox *bus.Mailbox
}

type server struct {
	pattern string
	f       func(ctx context.Context, subject string, data []byte) []byte
	ctx     context.Context //nolint:containedctx // ends with the server
	calls   sync.WaitGroup
}

func (b *memBus) Publish(ctx context.Context, subject string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := bus.CheckSubject(subject); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subscribers {
		if matches(s.pattern, subject) {
			s.mailbox.Put(bus.Letter{Subject: subject, Data: bytes.Clone(data)})
		}
	}
	return nil
}

func (b *memBus) Subscribe(subject string, f func(subject string, data []byte)) (func(), error) {
	if err := bus.CheckPattern(subject); err != nil {
		return nil, err
	}
	s := &subscriber{pattern: subject, mailbox: bus.NewMailbox()}
	go func() {
		for {
			l, ok := s.mailbox.Take()
			if !ok {
				return
			}
			f(l.Subject, l.Data)
		}
	}()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscribers[s] = struct{}{}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subscribers, s)
		s.mailbox.Close()
	}, nil
}

func (b *memBus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := bus.CheckSubject(subject); err != nil {
		return nil, err
	}
	s := b.pick(subject)
	if s == nil {
		return nil, bus.ErrNoResponder
	}
	answer := make(chan []byte, 1)
	data = bytes.Clone(data)
	go func() {
		defer s.calls.Done()
		answer <- bytes.Clone(s.f(s.ctx, subject, data))
	}()
	select {
	case data := <-answer:
		return data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pick returns who answers next, and moves it to the end of the line. The caller ends its call.
func (b *memBus) pick(subject string) *server {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, s := range b.servers {
		if matches(s.pattern, subject) {
			b.servers = append(append(b.servers[:i:i], b.servers[i+1:]...), s)
			s.calls.Add(1)
			return s
		}
	}
	return nil
}

func (b *memBus) Serve(subject string, f func(ctx context.Context, subject string, data []byte) []byte) (func(), error) {
	if err := bus.CheckPattern(subject); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{pattern: subject, f: f, ctx: ctx}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.servers = append(b.servers, s)
	return func() {
		b.mu.Lock()
		for i := range b.servers {
			if b.servers[i] == s {
				b.servers = append(b.servers[:i:i], b.servers[i+1:]...)
				break
			}
		}
		b.mu.Unlock()
		cancel()
		s.calls.Wait()
	}, nil
}

// matches tells whether subject fits pattern.
func matches(pattern, subject string) bool {
	for {
		p, patternRest, patternMore := strings.Cut(pattern, ".")
		s, subjectRest, subjectMore := strings.Cut(subject, ".")
		if p == ">" {
			return true
		}
		if p != "*" && p != s || patternMore != subjectMore {
			return false
		}
		if !patternMore {
			return true
		}
		pattern, subject = patternRest, subjectRest
	}
}
