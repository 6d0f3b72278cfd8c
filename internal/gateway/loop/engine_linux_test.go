package loop

import (
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// A client with much to say gets one buffer's worth per turn, then it is the others' turn.
func TestFairness(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	var loud atomic.Int64
	before := make(chan int64, 1)
	g := serve(t, transports[0], Config{Loops: 1}, func(g *rig) {
		g.onMessage = func(c Conn, text []byte) {
			switch text[0] {
			case 'h': // holds the loop until everybody has sent
				close(started)
				<-release
			case 'l':
				loud.Add(1)
			case 'q':
				before <- loud.Load()
			}
		}
	})
	a, b, holder := g.open(t), g.open(t), g.open(t)
	holder.send(text("hold"))
	within(t, started)
	f := text("loud")
	a.send([]byte(strings.Repeat(string(f), 20000))) // what the kernel's buffers take
	b.send(text("quiet"))
	close(release)
	if n := within(t, before); n > int64(readSize/len(f)) {
		t.Errorf("%d messages of one client came before another's first", n)
	}
	eventually(t, "all are handled", func() bool { return loud.Load() == 20000 })
}

// A message that is answered on the loop leaves no garbage.
func TestEchoDoesNotAllocate(t *testing.T) {
	g := serve(t, transports[0], Config{Sweep: patience})
	c := g.open(t)
	frame, reply := text(repeat(128)), make([]byte, 128+4)
	if n := testing.AllocsPerRun(500, func() {
		if _, err := c.Conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c.Conn, reply); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per message", n)
	}
}

// Without descriptors the listener is silenced, not spun upon, and speaks again.
func TestOutOfDescriptors(t *testing.T) {
	g := serve(t, transports[0], Config{})
	g.open(t)
	within(t, g.opened) // orders what follows behind the start of the engine
	for i := range g.eng.listeners {
		g.eng.pause(i, syscall.EMFILE)
	}
	g.open(t)
}
