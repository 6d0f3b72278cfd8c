package natsd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/bus/bustest"
	busnats "github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
	"github.com/sallyport/sallyport/internal/store/storetest"
)

// holdDir makes this program a second process that holds the directory named there.
const holdDir = "SALLYPORT_TEST_HOLD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdDir); dir != "" {
		if _, err := natsd.Embedded(natsd.Config{Dir: dir}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		select {}
	}
	goleak.VerifyTestMain(m)
}

func embed(t testing.TB, dir string) *natsd.Engine {
	t.Helper()
	e, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// fill writes documents of some size, and returns the directory of their stream.
func fill(t testing.TB, dir string) string {
	t.Helper()
	e := embed(t, dir)
	defer e.Close()
	s, err := storenats.New(e.Conn()).Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if _, err := store.Put(t.Context(), s, fmt.Sprintf("k%02d", i), bytes.Repeat([]byte{'v'}, 50), store.Always); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "jetstream", "$G", "streams", "store-x")
}

func TestEmbedded_Restart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	fill(t, dir)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the data directory is %v, %v; want 0700", info.Mode(), err)
	}
	var e *natsd.Engine
	best := time.Hour // of some: others use this machine too
	for try := 0; try < 10 && best > time.Second; try++ {
		if e != nil {
			e.Close()
		}
		began := time.Now()
		e = embed(t, dir)
		best = min(best, time.Since(began))
	}
	if best > time.Second {
		t.Errorf("ready after %s", best)
	}
	if n := count(t, e); n != 100 {
		t.Errorf("%d documents after a restart, want 100", n)
	}
	e.Close()
	e.Close() // once more does no harm
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if info, err := d.Info(); err == nil && info.Mode().Perm()&0o022 != 0 {
			t.Errorf("others can write %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func count(t testing.TB, e *natsd.Engine) int {
	t.Helper()
	s, err := storenats.New(e.Conn()).Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return len(docs)
}

func TestEmbedded_Damage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, stream string)
		want   string // in the error; empty: it starts
		docs   int
		warns  string
	}{
		{name: "changed_byte", damage: change("msgs/1.blk", func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b }), want: "stream store-x is damaged: a checksum is wrong"},
		{name: "changed_length", damage: change("msgs/1.blk", func(b []byte) []byte { b[2] ^= 0x40; return b }), want: "stream store-x is damaged: a record is cut off at byte 0 of"},
		{name: "zeros_in_the_middle", damage: change("msgs/1.blk", func(b []byte) []byte { clear(b[1000:2000]); return b }), want: "stream store-x is damaged"},
		{name: "unfinished_write", damage: change("msgs/1.blk", func(b []byte) []byte { return b[:len(b)-20] }), docs: 99, warns: "not finished"},
		{name: "zeros_at_the_end", damage: change("msgs/1.blk", func(b []byte) []byte { return append(b, make([]byte, 4096)...) }), docs: 100, warns: "not finished"},
		{name: "metadata", damage: change("meta.inf", func(b []byte) []byte { b[10] ^= 0xff; return b }), want: "stream store-x could not be restored"},
		{name: "metadata_sum", damage: change("meta.sum", func([]byte) []byte { return nil }), want: "stream store-x could not be restored"},
		{name: "index", damage: change("msgs/index.db", func(b []byte) []byte { b[10] ^= 0xff; return b }), docs: 100, warns: "corrupt state file"},
		{name: "no_index", damage: func(t *testing.T, s string) { os.Remove(filepath.Join(s, "msgs", "index.db")) }, docs: 100},
		{name: "half_made_stream", damage: func(t *testing.T, s string) { os.MkdirAll(filepath.Join(filepath.Dir(s), "half", "msgs"), 0o700) }, docs: 100},
		{name: "no_metadata_sum", damage: func(t *testing.T, s string) { os.Remove(filepath.Join(s, "meta.sum")) }, docs: 100},
		{name: "no_metadata", damage: func(t *testing.T, s string) { os.Remove(filepath.Join(s, "meta.inf")) }, docs: 100}, // found again when the store is opened
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.damage(t, fill(t, dir))
			var log bytes.Buffer
			e, err := natsd.Embedded(natsd.Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if tt.want != "" {
				if err == nil {
					e.Close()
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("Embedded = %v, want %q and the file's name", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if n := count(t, e); n != tt.docs {
				t.Errorf("%d documents, want %d", n, tt.docs)
			}
			e.Close() // it logs no more
			if tt.warns != "" && !strings.Contains(log.String(), tt.warns) {
				t.Errorf("log says %q, want %q", log.String(), tt.warns)
			}
		})
	}
}

// TestEmbedded_HalfMade kills a process, as it were, at both moments of the making of a stream or of its consumer: what those take that come after
// it is there for whoever comes after those.
func TestEmbedded_HalfMade(t *testing.T) {
	for _, missing := range []string{"meta.inf meta.sum", "meta.sum"} {
		t.Run(missing, func(t *testing.T) {
			dir := t.TempDir()
			open := func(f func(bus.Queue)) {
				t.Helper()
				e := embed(t, dir)
				defer e.Close()
				q, err := busnats.New(e.Conn()).Queue(t.Context(), "x")
				if err != nil {
					t.Fatal(err)
				}
				f(q)
			}
			open(func(bus.Queue) {})
			stream := filepath.Join(dir, "jetstream", "$G", "streams", "queue-x")
			for _, made := range []string{stream, filepath.Join(stream, "obs", "workers")} {
				for name := range strings.FieldsSeq(missing) {
					if err := os.Remove(filepath.Join(made, name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			open(func(q bus.Queue) {
				if err := q.Send(t.Context(), "a", []byte("job"), time.Time{}); err != nil {
					t.Fatal(err)
				}
			})
			open(func(q bus.Queue) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := q.Run(ctx, 1, func(_ context.Context, j bus.Job) error {
					if string(j.Data) != "job" {
						t.Errorf("job %+v", j)
					}
					cancel()
					return nil
				})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("the job is lost: %v", err)
				}
			})
		})
	}
}

func change(file string, f func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, stream string) {
		name := filepath.Join(stream, file)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEmbedded_Directory(t *testing.T) {
	if _, err := natsd.Embedded(natsd.Config{}); err == nil {
		t.Error("no directory was no error")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := natsd.Embedded(natsd.Config{Dir: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Embedded in a file = %v", err)
	}
	t.Run("read_only", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root may write everywhere")
		}
		parent := t.TempDir()
		if err := os.Chmod(parent, 0o500); err != nil {
			t.Fatal(err)
		}
		if _, err := natsd.Embedded(natsd.Config{Dir: filepath.Join(parent, "data")}); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("Embedded where nothing can be written = %v", err)
		}
	})
}

func TestEmbedded_InUse(t *testing.T) {
	dir := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), holdDir+"="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, 5)
	if _, err := out.Read(ready); err != nil || string(ready) != "ready" {
		t.Fatalf("the other process says %q, %v", ready, err)
	}
	want := fmt.Sprintf("in use by process %d", other.Process.Pid)
	if _, err := natsd.Embedded(natsd.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Embedded = %v, want %q", err, want)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	other.Wait() //nolint:errcheck // it was killed
	embed(t, dir).Close()
}

// TestGrouped runs both suites where writers put what they write on the disk together.
func TestGrouped(t *testing.T) {
	e, err := natsd.Embedded(natsd.Config{Dir: t.TempDir(), Grouped: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	t.Run("store", func(t *testing.T) {
		storetest.Run(t, func(testing.TB) store.Stores { return storenats.NewSynced(e.Conn(), e.Sync) })
	})
	t.Run("bus", func(t *testing.T) {
		bustest.Run(t, func(testing.TB) bus.Bus { return busnats.NewSynced(e.Conn(), e.Sync) })
	})
	select {
	case err := <-e.Failed():
		t.Error(err)
	default:
	}
}

// TestGrouped_Mark writes several blocks from many goroutines: all of the stream is known to be on the disk.
func TestGrouped_Mark(t *testing.T) {
	dir := t.TempDir()
	stream := fillGrouped(t, dir, 64, 800<<10)
	blocks, err := filepath.Glob(filepath.Join(stream, "msgs", "*.blk"))
	if err != nil || len(blocks) < 2 {
		t.Fatalf("blocks %v, %v; want several", blocks, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "synced", "store-x"))
	if err != nil {
		t.Fatal(err)
	}
	var mark struct{ Block, Size int64 }
	if err := json.Unmarshal(text, &mark); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(stream, "msgs", fmt.Sprint(mark.Block, ".blk")))
	if err != nil || info.Size() != mark.Size {
		t.Errorf("block %d has %d bytes, %v; %d are marked", mark.Block, info.Size(), err, mark.Size)
	}
	if _, err := os.Stat(filepath.Join(stream, "msgs", fmt.Sprint(mark.Block+1, ".blk"))); err == nil {
		t.Errorf("block %d is marked, and there is another after it", mark.Block)
	}
}

func fillGrouped(t testing.TB, dir string, n, size int) (stream string) {
	t.Helper()
	e, err := natsd.Embedded(natsd.Config{Dir: dir, Grouped: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := storenats.NewSynced(e.Conn(), e.Sync).Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := w; i < n; i += 8 {
				if _, err := store.Put(t.Context(), s, fmt.Sprintf("k%02d", i), bytes.Repeat([]byte{'v'}, size), store.Always); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	return filepath.Join(dir, "jetstream", "$G", "streams", "store-x")
}

// TestGrouped_Damage takes wrong bytes for an unfinished write only where nobody was told that it was finished.
func TestGrouped_Damage(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int // that is marked
		want string
	}{
		{name: "before_the_mark", size: 1 << 30, want: "stream store-x is damaged: a checksum is wrong"},
		{name: "after_the_mark", size: 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			stream := fillGrouped(t, dir, 100, 50)
			change("msgs/1.blk", func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b })(t, stream)
			if err := os.WriteFile(filepath.Join(dir, "synced", "store-x"), fmt.Appendf(nil, `{"block":1,"size":%d}`, tt.size), 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := natsd.Embedded(natsd.Config{Dir: dir, Grouped: true, Log: slog.New(slog.DiscardHandler)})
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Embedded = %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if n := count(t, e); n == 0 || n == 100 {
				t.Errorf("%d documents, want those before the damage", n)
			}
		})
	}
}

// TestCluster runs both suites on a cluster of three servers, and stops one in the middle.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	urls, servers := cluster(t)
	e, err := natsd.External(t.Context(), urls, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	if n := e.Replicas(); n != 3 {
		t.Fatalf("%d replicas, want 3", n)
	}
	t.Run("store", func(t *testing.T) {
		storetest.Run(t, func(testing.TB) store.Stores { return storenats.NewReplicated(e.Conn(), e.Replicas()) })
	})
	t.Run("bus", func(t *testing.T) {
		bustest.Run(t, func(testing.TB) bus.Bus { return busnats.NewReplicated(e.Conn(), e.Replicas()) })
	})
	t.Run("without one server", func(t *testing.T) {
		st, err := storenats.NewReplicated(e.Conn(), e.Replicas()).Open(t.Context(), "kept")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Put(t.Context(), st, "before", []byte("x"), store.Always); err != nil {
			t.Fatal(err)
		}
		servers[0].Shutdown()
		servers[0].WaitForShutdown()
		eventually(t, "a write without one server", func() bool {
			_, err := store.Put(t.Context(), st, "after", []byte("y"), store.Always)
			return err == nil
		})
		if doc, err := st.Get(t.Context(), "before"); err != nil || string(doc.Data) != "x" {
			t.Errorf("what was written before: %q, %v", doc.Data, err)
		}
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// cluster starts three servers that know each other.
func cluster(t *testing.T) (urls string, servers []*server.Server) {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for len(ports) < 3 { // each must know all before it starts
		port := 15_000 + rand.IntN(15_000) // the system gives none of these to somebody else meanwhile
		ln, err := net.Listen("tcp4", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue
		}
		ln.Close()
		if slices.Contains(ports, port) {
			continue
		}
		routes = append(routes, &url.URL{Scheme: "nats", Host: ln.Addr().String()})
		ports = append(ports, port)
	}
	for i, port := range ports {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("n", i), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers = append(servers, s)
		urls += s.ClientURL() + ","
	}
	eventually(t, "the cluster has a leader", func() bool {
		return slices.ContainsFunc(servers, (*server.Server).JetStreamIsLeader)
	})
	return strings.TrimSuffix(urls, ","), servers
}

// TestExternal runs both suites over the network against a server that is not ours.
func TestExternal(t *testing.T) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), Username: "user", Password: "secret",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not start")
	}
	url := strings.Replace(s.ClientURL(), "nats://", "nats://user:secret@", 1)
	e, err := natsd.External(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	t.Run("store", func(t *testing.T) {
		storetest.Run(t, func(testing.TB) store.Stores { return storenats.New(e.Conn()) })
	})
	t.Run("bus", func(t *testing.T) {
		bustest.Run(t, func(testing.TB) bus.Bus { return busnats.New(e.Conn()) })
	})

	_, err = natsd.External(t.Context(), strings.Replace(url, "secret", "wrong-secret", 1), nil)
	if err == nil || strings.Contains(err.Error(), "wrong-secret") {
		t.Errorf("External with a wrong password = %v, want an error without it", err)
	}
	if _, err := natsd.External(t.Context(), "nats://127.0.0.1:1", nil); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("External where nobody listens = %v", err)
	}
}
