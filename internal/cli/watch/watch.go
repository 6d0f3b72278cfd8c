// Package watch tells when files under some folders have changed, once per burst of changes.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing more must change before a burst is reported: editors write a file in several steps.
const quiet = 60 * time.Millisecond

// ignored are folders that tools fill and nobody edits.
var ignored = []string{".git", ".aws-sam", ".sallyport", "node_modules", "__pycache__", ".venv"}

// Watch calls changed with the paths of each burst of changes under the roots (folders, or single files), until ctx is done.
// It returns when changed has returned. Folders that appear later are watched too.
func Watch(ctx context.Context, roots []string, log *slog.Logger, changed func(paths []string)) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer w.Close()
	t := tree{w: w, files: map[string]bool{}}
	for _, root := range roots {
		if err := t.root(root); err != nil {
			return fmt.Errorf("watch %s: %w", root, err)
		}
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	var burst []string
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-w.Events:
			if !t.concerns(e) {
				continue
			}
			if !slices.Contains(burst, e.Name) {
				burst = append(burst, e.Name)
			}
			timer.Reset(quiet)
		case err := <-w.Errors:
			log.Warn("some file changes were not seen; save again", "err", err)
		case <-timer.C:
			changed(burst)
			burst = nil
		}
	}
}

// tree is what is watched: whole folders, and single files by way of their folder.
type tree struct {
	w       *fsnotify.Watcher
	folders []string
	files   map[string]bool
}

func (t *tree) root(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		t.files[path] = true
		return t.w.Add(filepath.Dir(path))
	}
	t.folders = append(t.folders, path)
	return t.add(path)
}

// add watches a folder and those in it.
func (t *tree) add(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone again
		}
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if slices.Contains(ignored, d.Name()) && path != dir {
			return filepath.SkipDir
		}
		return t.w.Add(path)
	})
}

// concerns reports whether an event is a change to what is watched; a new folder is watched from then on.
func (t *tree) concerns(e fsnotify.Event) bool {
	name := filepath.Base(e.Name)
	if e.Op == fsnotify.Chmod || slices.Contains(ignored, name) || strings.HasSuffix(name, "~") || strings.HasPrefix(name, ".#") || strings.HasSuffix(name, ".swp") {
		return false
	}
	if t.files[e.Name] {
		return true
	}
	for _, f := range t.folders {
		if e.Name != f && !strings.HasPrefix(e.Name, f+string(filepath.Separator)) {
			continue
		}
		if e.Has(fsnotify.Create) {
			if info, err := os.Stat(e.Name); err == nil && info.IsDir() {
				_ = t.add(e.Name)
			}
		}
		return true
	}
	return false
}
