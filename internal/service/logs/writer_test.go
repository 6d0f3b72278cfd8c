package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

func (f *fixture) messages(group, stream string) (messages []string) {
	f.t.Helper()
	for _, l := range linesOf(f.must("GetLogEvents", object{"logGroupName": group, "logStreamName": stream, "startFromHead": true})) {
		messages = append(messages, l.message)
	}
	return messages
}

func TestAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, stop := context.WithCancel(f.ctx())
		done := make(chan error)
		go func() { done <- f.service.Run(ctx) }()
		f.service.Append(ctx, "/aws/lambda/f", "2026/11/20/[$LATEST]ab", time.Now(), "START", "a line", "", "END")
		time.Sleep(flushEvery)
		synctest.Wait()
		// Group and stream were made; an empty line is no event.
		if got := strings.Join(f.messages("/aws/lambda/f", "2026/11/20/[$LATEST]ab"), "|"); got != "START|a line|END" {
			t.Error(got)
		}
		// Stopping writes what is left.
		f.service.Append(ctx, "/aws/lambda/f", "2026/11/20/[$LATEST]ab", time.Now(), "last")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := f.messages("/aws/lambda/f", "2026/11/20/[$LATEST]ab"); got[len(got)-1] != "last" {
			t.Error(got)
		}
	})
}

// TestAppendIsCompact holds that many lines become few documents, whether they come at once or one by one.
func TestAppendIsCompact(t *testing.T) {
	f := newFixture(t)
	for i := range 300 {
		f.service.Append(f.ctx(), "g", "slow", time.Now(), fmt.Sprintf("line %d", i))
		f.service.flush(f.ctx())
	}
	for i := range 20000 {
		f.service.Append(f.ctx(), "g", "fast", time.Now(), fmt.Sprintf("line %d %s", i, strings.Repeat("x", 80)))
	}
	f.service.flush(f.ctx())
	chunks := 0
	for _, key := range f.documents() {
		if strings.HasPrefix(key, "chunk/") {
			chunks++
		}
	}
	if chunks > 15 {
		t.Errorf("20,300 lines are in %d documents", chunks)
	}
	got := f.messages("g", "slow")
	if len(got) != 300 || got[299] != "line 299" {
		t.Errorf("%d lines", len(got))
	}
}

// TestManyChunks holds that nothing is lost when refs move from the head to pages.
func TestManyChunks(t *testing.T) {
	f := newFixture(t)
	f.stream()
	start := time.Now().UnixMilli() - 10_000
	const puts = maxRefs + 20
	for i := range puts {
		f.put(line{start + int64(i), strings.Repeat("x", smallChunk)})
	}
	pages := 0
	for _, key := range f.documents() {
		if strings.HasPrefix(key, "page/") {
			pages++
		}
	}
	if pages != 1 {
		t.Errorf("%d pages", pages)
	}
	var got []line
	in := object{"logGroupName": "g"}
	for {
		out := f.must("FilterLogEvents", in)
		got = append(got, linesOf(out)...)
		if in["nextToken"] = out["nextToken"]; out["nextToken"] == nil {
			break
		}
	}
	if len(got) != puts {
		t.Errorf("%d lines, want %d", len(got), puts)
	}
	f.must("DeleteLogGroup", object{"logGroupName": "g"})
	if left := f.documents(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAppendDropsOldest(t *testing.T) {
	f := newFixture(t)
	line := strings.Repeat("x", 1<<20)
	for i := range 40 {
		f.service.Append(f.ctx(), "g", "s", time.Now(), fmt.Sprintf("%02d%s", i, line))
	}
	if f.service.writer.bytes > maxPending {
		t.Errorf("%d bytes wait", f.service.writer.bytes)
	}
	f.service.flush(f.ctx())
	var got []string
	in := object{"logGroupName": "g"}
	for {
		out := f.must("FilterLogEvents", in)
		for _, l := range linesOf(out) {
			got = append(got, l.message)
		}
		if in["nextToken"] = out["nextToken"]; out["nextToken"] == nil {
			break
		}
	}
	said := 0
	for _, m := range got {
		if strings.Contains(m, "log lines are missing here") {
			said++
		}
	}
	if said != 1 || len(got) < 30 || len(got) > 33 || !strings.HasPrefix(got[len(got)-said-1], "39") && !strings.HasPrefix(got[len(got)-1], "39") {
		t.Errorf("%d lines are kept, the loss is said %d times", len(got), said)
	}
	if f.service.writer.bytes != 0 {
		t.Errorf("%d bytes are counted as waiting", f.service.writer.bytes)
	}
}

// TestTwoWriters lets two nodes write one stream at once.
func TestTwoWriters(t *testing.T) {
	f := newFixture(t)
	other := newFixtureOn(t, f.stores, f.bus)
	var all sync.WaitGroup
	for _, s := range []*Service{f.service, other.service} {
		all.Go(func() {
			for range 100 {
				s.Append(f.ctx(), "g", "s", time.Now(), "x")
				s.flush(f.ctx())
			}
		})
	}
	all.Wait()
	if got := f.messages("g", "s"); len(got) != 200 {
		t.Errorf("%d lines, want 200", len(got))
	}
}

func TestTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stores, b := mem.New(), busmem.New()
		writer, follower := newFixtureOn(t, stores, b), newFixtureOn(t, stores, b)
		ctx, stop := context.WithCancel(writer.ctx())
		var running sync.WaitGroup
		running.Go(func() { _ = writer.service.Run(ctx) })

		enough := errors.New("enough")
		var got []string
		tail := make(chan error)
		go func() {
			tail <- follower.service.Tail(follower.ctx(), Filter{Group: "g", StreamPrefix: "a", Pattern: "-secret"}, func(l Line) error {
				if got = append(got, l.Stream+" "+l.Message); len(got) == 3 {
					return enough
				}
				return nil
			})
		}()
		synctest.Wait()
		begin := time.Now()
		writer.service.Append(ctx, "g", "a1", time.Now(), "one", "secret", "two")
		writer.service.Append(ctx, "other", "a1", time.Now(), "no")
		writer.service.Append(ctx, "g", "b1", time.Now(), "no")
		writer.service.Append(ctx, "g", "a2", time.Now(), "three")
		if err := <-tail; !errors.Is(err, enough) {
			t.Error(err)
		}
		if strings.Join(got, "|") != "a1 one|a1 two|a2 three" {
			t.Error(got)
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("lines were told after %s", waited)
		}
		stop()
		running.Wait()
	})
}

func TestRetention_EV080_EV092(t *testing.T) {
	f := newFixture(t)
	f.stream()
	now := time.Now()
	day := 24 * time.Hour
	f.put(line{now.Add(-3 * day).UnixMilli(), "old " + strings.Repeat("x", smallChunk)})
	f.put(line{now.Add(-2 * day).UnixMilli(), "older than a day"})
	f.put(line{now.UnixMilli(), "new"})
	f.must("PutRetentionPolicy", object{"logGroupName": "g", "retentionInDays": 1})
	// They are not seen from now on, and gone after a sweep.
	if got := f.messages("g", "s"); len(got) != 1 || got[0] != "new" {
		t.Error(got)
	}
	before := len(f.documents())
	if err := f.service.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := len(f.documents()); after != before-1 {
		t.Errorf("%d documents before the sweep, %d after: %v", before, after, f.documents())
	}
	f.put(line{now.UnixMilli() + 1, "newer"})
	if got := f.messages("g", "s"); len(got) != 2 {
		t.Error(got)
	}
	// An event that is older than the group keeps is refused.
	out := f.put(line{now.Add(-2 * day).UnixMilli(), "x"})
	if got := fmt.Sprint(out["rejectedLogEventsInfo"]); got != "map[expiredLogEventEndIndex:1]" {
		t.Error(got)
	}
}

func TestResources(t *testing.T) {
	f := newFixture(t)
	group := f.service.Resources()[0]
	r := resource.Request{
		Token: "t", Properties: object{"RetentionInDays": "7", "Tags": []any{object{"Key": "a", "Value": "b"}}},
		PhysicalName: func(int) string { return "stack-Group-ABC" },
	}
	for range 2 { // a step may be repeated
		result, err := group.Create(f.ctx(), r)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(result.PhysicalID, result.Attributes); got != "stack-Group-ABCmap[Arn:arn:aws:logs:us-east-1:000000000000:log-group:stack-Group-ABC:*]" {
			t.Errorf("DE-061: %s", got)
		}
	}
	r.Token = "other"
	if _, err := group.Create(f.ctx(), r); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("another step made the same group: %v", err)
	}
	if _, err := group.Update(f.ctx(), resource.Request{PhysicalID: "stack-Group-ABC", Properties: object{}, Old: r.Properties}); err != nil {
		t.Fatal(err)
	}
	if out := f.must("DescribeLogGroups", object{}); strings.Contains(fmt.Sprint(out), "retentionInDays") {
		t.Error(out)
	}
	for range 2 {
		if err := group.Delete(f.ctx(), resource.Request{PhysicalID: "stack-Group-ABC"}); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	s := New(mem.New(), busmem.New(), slog.New(slog.DiscardHandler))
	f := &fixture{t: b, region: "us-east-1"}
	ctx := f.ctx()
	line := strings.Repeat("x", 100)
	at := time.Now()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Append(ctx, "g", "s", at, line)
		if i%10000 == 0 {
			b.StopTimer()
			s.flush(ctx)
			s.tellPending(ctx)
			b.StartTimer()
		}
	}
}

// stuckStores have stores whose writes take an hour.
type stuckStores struct{ store.Stores }

func (s stuckStores) Open(ctx context.Context, name string) (store.Store, error) {
	st, err := s.Stores.Open(ctx, name)
	return stuckStore{st}, err
}

type stuckStore struct{ store.Store }

func (s stuckStore) Apply(ctx context.Context, writes ...store.Write) (uint64, error) {
	select {
	case <-time.After(time.Hour):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return s.Store.Apply(ctx, writes...)
}

// TestAppendWaitsForNobody_EV086: however long a write takes, those who log go on, and the lines come in the end.
func TestAppendWaitsForNobody_EV086(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixtureOn(t, stuckStores{mem.New()}, busmem.New())
		ctx, stop := context.WithCancel(f.ctx())
		var running sync.WaitGroup
		running.Go(func() { _ = f.service.Run(ctx) })
		began := time.Now()
		for i := range 10_000 {
			f.service.Append(ctx, "g", "s", time.Now(), fmt.Sprintf("line %d", i))
			if i%1000 == 0 {
				synctest.Wait() // whoever writes is at it
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("10,000 lines took %s", waited)
		}
		time.Sleep(10 * time.Hour)
		if got := f.messages("g", "s"); len(got) != 10_000 {
			t.Errorf("%d lines", len(got))
		}
		stop()
		running.Wait()
	})
}
