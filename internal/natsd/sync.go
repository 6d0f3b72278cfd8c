package natsd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// The server can put each message on the disk before it acknowledges it, one after the other: then the disk's latency is what all
// writers of a stream share. In a grouped engine it does not, and writers call Sync when their message was acknowledged: one round
// of a stream takes all messages that were acknowledged before it began.

// gatherTime is how long a round waits for more writers, where there were several before. Alone, nobody waits.
const gatherTime = 2 * time.Millisecond

// fileTick is more than the times of files are apart.
const fileTick = 50 * time.Millisecond

// syncer puts the streams of a data directory on the disk.
type syncer struct {
	dir    string
	failed chan<- error // holds one

	close func() // ends the writing of marks, with the last

	mu      sync.Mutex // guards all below
	streams map[string]*syncedStream
	err     error // of the first sync that failed: what the disk has since is unknown
}

// A syncedStream is one stream's rounds.
type syncedStream struct {
	name string

	mu   sync.Mutex // guards all below
	turn sync.Cond  // signals that no round runs
	busy bool       // a round runs
	next *round     // has not begun
	last int        // writers of the round before
	at   mark       // how far the rounds have come

	// The round's:
	info   fs.FileInfo // of the directory of messages in the round before; nil: there was none
	list   bool        // the directory may have changed since
	blocks []block     // to be put on the disk
	marked mark        // as it was written down
}

// A round is one sync, for all who ask for it before it begins.
type round struct {
	writers int
	done    chan struct{}
	err     error
}

// newSyncer returns a syncer that writes marks until close.
func newSyncer(dir string, failed chan<- error) (*syncer, error) {
	if err := os.MkdirAll(marksDir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	s := &syncer{dir: dir, failed: failed, streams: map[string]*syncedStream{}}
	var marking sync.WaitGroup
	stop := make(chan struct{})
	s.close = sync.OnceFunc(func() {
		close(stop)
		marking.Wait()
	})
	marking.Go(func() {
		t := time.NewTicker(markEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				s.mark()
			case <-stop:
				s.mark()
				return
			}
		}
	})
	return s, nil
}

func (s *syncer) stream(name string) (*syncedStream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	st := s.streams[name]
	if st == nil {
		st = &syncedStream{name: name}
		st.turn.L = &st.mu
		s.streams[name] = st
	}
	return st, nil
}

// sync returns when everything that was acknowledged before it was called is on the disk.
func (s *syncer) sync(ctx context.Context, name string) error {
	st, err := s.stream(name)
	if err != nil {
		return err
	}
	r, lead := st.join()
	if lead {
		s.lead(st, r) // for others too: it does not end with ctx
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the round that begins next, and whether the caller has to lead it.
func (st *syncedStream) join() (r *round, lead bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.next == nil {
		st.next, lead = &round{done: make(chan struct{})}, true
	}
	st.next.writers++
	return st.next, lead
}

// lead waits until the round before has ended, and makes r.
func (s *syncer) lead(st *syncedStream, r *round) {
	st.mu.Lock()
	for st.busy {
		st.turn.Wait()
	}
	st.busy = true
	gather := st.last > 1
	st.mu.Unlock()
	if gather {
		time.Sleep(gatherTime)
	}
	st.mu.Lock()
	st.next = nil // who comes now has to wait for another
	st.last = r.writers
	st.mu.Unlock()

	for range 3 {
		if r.err = st.write(s.dir); !errors.Is(r.err, fs.ErrNotExist) {
			break
		}
		r.err, st.info = nil, nil // the stream is being dropped, or emptied: it is found anew
	}
	if r.err != nil {
		r.err = s.fail(fmt.Errorf("sync stream %s: %w", st.name, r.err))
	}
	st.mu.Lock()
	st.busy = false
	st.turn.Signal()
	st.mu.Unlock()
	close(r.done)
}

// fail keeps the error: after a failed sync the system forgets what it could not write, and the next sync would succeed.
func (s *syncer) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		select {
		case s.failed <- fmt.Errorf("the engine can no longer write: %w", err):
		default:
		}
	}
	return s.err
}

// write puts the stream's newest blocks on the disk. Only one round of a stream is here.
func (st *syncedStream) write(dir string) error {
	stream := filepath.Join(streamsDir(dir), st.name)
	info, err := os.Stat(filepath.Join(stream, "msgs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the stream was dropped
	} else if err != nil {
		return err
	}
	if st.info == nil || !os.SameFile(st.info, info) { // a new one, or one that was dropped and made again
		st.info, st.list, st.blocks = nil, true, nil
		if err := syncTree(stream); err != nil {
			return err
		}
	}
	if st.list || !info.ModTime().Equal(st.info.ModTime()) {
		if err := st.newBlocks(dir); err != nil {
			return err
		}
	}
	// The clock of files ticks some times in a second: what is changed twice within a tick has one time.
	st.info, st.list = info, time.Since(info.ModTime()) < fileTick
	for _, b := range st.blocks {
		size, err := syncFile(b.file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // all messages of a block may be gone
			return err
		}
		st.mu.Lock()
		st.at = mark{b.index, size}
		st.mu.Unlock()
	}
	st.blocks = st.blocks[max(len(st.blocks)-1, 0):]
	return nil
}

// newBlocks finds the blocks that were written since the last round: the newest of then, and all after it.
func (st *syncedStream) newBlocks(dir string) error {
	blocks, err := blocksOf(dir, st.name)
	if err != nil {
		return err
	}
	if len(st.blocks) > 0 {
		newest := st.blocks[0].index
		blocks = slices.DeleteFunc(blocks, func(b block) bool { return b.index < newest })
	}
	st.blocks = blocks
	_, err = syncFile(filepath.Join(streamsDir(dir), st.name, "msgs"))
	return err
}

// syncTree puts a stream's description, its consumers and its directories on the disk, up to that of all streams.
func syncTree(stream string) error {
	err := filepath.WalkDir(stream, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) != ".blk" {
			_, err = syncFile(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server replaces its files
		}
		return err
	})
	for up := range 4 { // streams, account, jetstream, data directory
		if err != nil {
			return err
		}
		stream = filepath.Dir(stream)
		if _, err = syncFile(stream); err != nil {
			return fmt.Errorf("directory %d above the stream: %w", up+1, err)
		}
	}
	return err
}

// syncFile puts a file or directory on the disk, and returns how large it was before that.
func syncFile(name string) (size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err == nil {
		size, err = info.Size(), f.Sync()
	}
	if err != nil {
		f.Close()
		return 0, err
	}
	return size, f.Close()
}

// A mark says how far a stream is on the disk, at least: damage before it is no unfinished write. It is written each second.
type mark struct {
	Block int   `json:"block"`
	Size  int64 `json:"size"`
}

const markEvery = time.Second

func marksDir(dir string) string { return filepath.Join(dir, "synced") }

// mark writes down how far the streams are on the disk. A mark that cannot be written is one that covers less.
func (s *syncer) mark() {
	s.mu.Lock()
	streams := slices.Collect(maps.Values(s.streams))
	s.mu.Unlock()
	for _, st := range streams {
		st.mu.Lock()
		at := st.at
		st.mu.Unlock()
		if at == st.marked {
			continue
		}
		text, _ := json.Marshal(at) // nothing in it cannot be encoded
		name := filepath.Join(marksDir(s.dir), st.name)
		err := os.WriteFile(name+".new", text, 0o600)
		if err == nil {
			_, err = syncFile(name + ".new")
		}
		if err == nil && os.Rename(name+".new", name) == nil {
			st.marked = at
		}
	}
}

// readMark returns a stream's mark, if it has one.
func readMark(dir, stream string) (m mark, ok bool) {
	text, err := os.ReadFile(filepath.Join(marksDir(dir), stream))
	return m, err == nil && json.Unmarshal(text, &m) == nil
}

// covers tells whether what stands at an offset of a block was on the disk.
func (m mark) covers(block, at int) bool {
	return block < m.Block || block == m.Block && int64(at) < m.Size
}
