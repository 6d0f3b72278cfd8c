package delivery

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A logbook is lines with times.
type logbook struct {
	at    []time.Time
	reads int
}

func (l *logbook) read(from, to time.Time, visit func(string)) error {
	l.reads++
	for i, at := range l.at {
		if !at.Before(from) && !at.After(to) {
			visit(fmt.Sprint("line ", i))
		}
	}
	return nil
}

func TestLookback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := lookbacks{groups: map[string]*lookback{}}
		start := time.Now()
		var l logbook
		for i := range 100 { // a line each second, until the process begins
			l.at = append(l.at, start.Add(time.Duration(i)*time.Second))
		}
		time.Sleep(100 * time.Second)
		began := time.Now()
		find := func(line string, since time.Time, attempt int, want bool, wantReads int) {
			t.Helper()
			l.reads = 0
			there, err := all.of("group").has(PerhapsSince(since, attempt, began), line, l.read)
			if err != nil || there != want || l.reads != wantReads {
				t.Errorf("%s: there %v, %d reads, %v; want %v, %d reads", line, there, l.reads, err, want, wantReads)
			}
		}
		find("line 60", start.Add(55*time.Second), 1, true, 1)
		find("line 99", start.Add(99*time.Second), 1, true, 0) // the log is read once
		find("none", start.Add(56*time.Second), 1, false, 0)
		find("line 20", start.Add(20*time.Second), 1, true, 1) // and what is older

		time.Sleep(time.Second)
		l.at = append(l.at, began.Add(-time.Second))            // it came late to the log
		find("line 100", start.Add(99*time.Second), 2, true, 1) // another attempt looks at what is new
		find("line 100", start.Add(99*time.Second), 2, true, 0)

		time.Sleep(2 * lookbackSpan)
		all.mu.Lock()
		defer all.mu.Unlock()
		if len(all.groups) > 0 {
			t.Error("what nobody asks for any more is not forgotten")
		}
	})
}
