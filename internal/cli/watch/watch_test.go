package watch

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(time.Now().String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	template := filepath.Join(dir, "template.yaml")
	write(t, template)
	write(t, filepath.Join(src, "app.js"))

	bursts := make(chan []string, 16)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Watch(ctx, []string{src, template}, slog.New(slog.DiscardHandler), func(paths []string) { bursts <- paths })
	}()

	// expect writes the file until it is reported: only then is it certain that watching had begun.
	expect := func(name string) {
		t.Helper()
		deadline := time.After(time.Minute)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		write(t, filepath.Join(dir, name))
		for {
			select {
			case paths := <-bursts:
				if slices.Contains(paths, filepath.Join(dir, name)) {
					return
				}
			case <-tick.C:
				write(t, filepath.Join(dir, name))
			case <-deadline:
				t.Fatalf("the change of %s was not reported", name)
			}
		}
	}
	expect("src/app.js")
	expect("template.yaml")
	expect("src/lib/new.js")

	for len(bursts) > 0 {
		<-bursts
	}
	write(t, filepath.Join(dir, "README.md"))
	write(t, filepath.Join(src, "node_modules", "x", "index.js"))
	write(t, filepath.Join(src, ".app.js.swp"))
	expect("src/app.js") // whatever came before it has been reported by now
	for len(bursts) > 0 {
		for _, p := range <-bursts {
			if filepath.Base(p) != "app.js" && filepath.Base(p) != "lib" && filepath.Base(p) != "new.js" {
				t.Errorf("%s was reported; nobody asked for it", p)
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Watch ended with %v", err)
	}
}

func TestWatch_missing(t *testing.T) {
	if err := Watch(t.Context(), []string{filepath.Join(t.TempDir(), "nope")}, slog.New(slog.DiscardHandler), nil); err == nil {
		t.Error("watching what does not exist succeeded")
	}
}
