package nats_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// writeDir makes this program a process that writes to the directory named there until it is killed.
const writeDir = "SALLYPORT_TEST_WRITE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writeDir); dir != "" {
		fmt.Println(writeUntilKilled(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

const killWriters = 4

// writeUntilKilled prints a line for every write that was acknowledged: writer and number.
func writeUntilKilled(dir string) error {
	engine, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		return err
	}
	s, err := nats.New(engine.Conn()).Open(context.Background(), "killed")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range killWriters {
		wg.Go(func() {
			for i := 1; ; i++ {
				// The documents of one batch always have the same number.
				text := fmt.Append(nil, i)
				_, err := s.Apply(context.Background(),
					store.Write{Key: fmt.Sprintf("new/%d/%06d", w, i), Data: text},
					store.Write{Key: fmt.Sprintf("same/%d/a", w), Data: text},
					store.Write{Key: fmt.Sprintf("same/%d/b", w), Data: text},
					store.Write{Key: fmt.Sprintf("new/%d/%06d", w, i-3), Delete: true})
				mu.Lock()
				if err != nil {
					fmt.Println(err)
				} else {
					fmt.Println(w, i)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// TestKill kills a writing process again and again: what was acknowledged is there, and every batch is whole.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	for round := range 8 {
		acknowledged := killWriter(t, dir, 60+40*round)
		engine, err := natsd.Embedded(natsd.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		stores := nats.New(engine.Conn())
		s, err := stores.Open(t.Context(), "killed")
		if err != nil {
			t.Fatal(err)
		}
		for w, last := range acknowledged {
			checkWriter(t, s, w, last)
		}
		if err := stores.Drop(t.Context(), "killed"); err != nil {
			t.Fatal(err)
		}
		engine.Close()
	}
}

// killWriter runs a writer until it has made some writes, and returns the last one of each of its writers.
func killWriter(t *testing.T, dir string, writes int) (acknowledged [killWriters]int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writeDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var w, i int
		if _, err := fmt.Sscan(lines.Text(), &w, &i); err != nil {
			t.Errorf("the writer says %q", lines.Text())
		}
		acknowledged[w] = i
		if n == writes {
			cmd.Process.Kill() //nolint:errcheck // what it still wrote is read on
		}
	}
	cmd.Wait() //nolint:errcheck // it was killed
	return acknowledged
}

func checkWriter(t *testing.T, s store.Store, w, acknowledged int) {
	t.Helper()
	a, errA := s.Get(t.Context(), fmt.Sprintf("same/%d/a", w))
	b, errB := s.Get(t.Context(), fmt.Sprintf("same/%d/b", w))
	if acknowledged == 0 && errA != nil && errB != nil {
		return
	}
	if errA != nil || errB != nil || string(a.Data) != string(b.Data) {
		t.Errorf("writer %d: half a batch is there: %s (%v) and %s (%v)", w, a.Data, errA, b.Data, errB)
		return
	}
	var last int
	fmt.Sscan(string(a.Data), &last)
	if last < acknowledged || last > acknowledged+1 {
		t.Errorf("writer %d: %d was acknowledged, %d is there", w, acknowledged, last)
	}
	docs, err := s.List(t.Context(), fmt.Sprintf("new/%d/", w))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, d := range docs {
		keys = append(keys, strings.TrimPrefix(d.Key, fmt.Sprintf("new/%d/", w)))
	}
	var want []string
	for i := max(1, last-2); i <= last; i++ {
		want = append(want, fmt.Sprintf("%06d", i))
	}
	if fmt.Sprint(keys) != fmt.Sprint(want) {
		t.Errorf("writer %d: documents %v, want %v", w, keys, want)
	}
}
