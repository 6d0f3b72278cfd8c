package loop

import (
	"regexp"
	"testing"
	"time"
)

func TestIDs_DP076(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{15}=$`)
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{Node: 0xABCD})
		seen := map[ID]bool{}
		for range 300 {
			c := g.open(t)
			conn := within(t, g.opened).c
			id := conn.ID()
			if seen[id] {
				t.Fatalf("id %v was used before", id)
			}
			seen[id] = true
			if !form.MatchString(id.String()) || string(id.Append(nil)) != id.String() {
				t.Errorf("id %v has the wrong form", id)
			}
			parsed, err := ParseID(id.String())
			if err != nil || parsed != id || parsed.Node() != 0xABCD || time.Since(parsed.Time()) > time.Minute {
				t.Errorf("ParseID(%v) = %v %v", id, parsed, err)
			}
			if found, ok := g.Lookup(parsed); !ok || found != conn {
				t.Errorf("Lookup(%v) = %v %v", id, found, ok)
			}
			other := id
			other[7]++ // generation
			if _, ok := g.Lookup(other); ok {
				t.Error("another id is found")
			}
			other = id
			other[10]++ // node
			if _, ok := g.Lookup(other); ok {
				t.Error("another node's id is found")
			}
			c.Close()
		}
	})
}

func TestParseIDRefuses(t *testing.T) {
	for _, s := range []string{"", "=", "XB4qEefu52ECKcw", "XB4qEefu52ECKc==", "XB4qEefu52ECKcx=", "XB4qEefu52ECK+w=", "XB4qEefu52ECKcwA", "XB4qEefu52ECKcw=="} {
		if id, err := ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %v", s, id)
		}
	}
	if _, err := ParseID("XB4qEefu52ECKcw="); err != nil {
		t.Error(err)
	}
}

func TestAttach(t *testing.T) {
	overEach(t, func(t *testing.T, tr transport) {
		g := serve(t, tr, Config{}, func(g *rig) {
			g.onMessage = func(c Conn, text []byte) { c.Write([]byte(c.Attached().(string))) }
		})
		c := g.open(t)
		conn := within(t, g.opened).c
		conn.Attach("session")
		c.send(text("who am I"))
		c.expectMessage("session")
		c.Close()
		within(t, g.closed)
		eventually(t, "the attachment is gone", func() bool { return conn.Attached() == nil })
	})
}
