package s3

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// TestEngineRestart stores an object in the engine that everybody uses, and reads it after a restart.
func TestEngineRestart(t *testing.T) {
	dir := t.TempDir()
	start := func() (*Service, *natsd.Engine) {
		engine, err := natsd.Embedded(natsd.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return New(nats.New(engine.Conn()), slog.New(slog.DiscardHandler)), engine
	}
	ctx := newFixture(t).ctx()
	s, engine := start()
	if err := s.makeBucket(ctx, &bucket{Name: "bucket", Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	b, err := s.bucket(ctx, "bucket")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("0123456789", 300_000)
	key := strings.Repeat("a long key/", 80)
	for _, body := range []string{"replaced", want} {
		blob, err := s.storeBlob(ctx, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.addVersion(ctx, b, key, &version{Blob: blob, Size: int64(len(body))}, nil); err != nil {
			t.Fatal(err)
		}
	}
	engine.Close()

	s, engine = start()
	defer engine.Close()
	r, err := s.Open(ctx, "bucket", key, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != want {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
