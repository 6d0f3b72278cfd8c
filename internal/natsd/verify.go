package natsd

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// The server cuts off a damaged file at the damage, or worse, does not start. So we look first: damage is an error
// that names the file, unless it is the unfinished last write of a machine that lost power, which nobody was told about. A grouped engine
// makes many writes at once: what its mark does not cover may be unfinished.

// streamsDir is where the server keeps the streams of the one account that the embedded engine has.
func streamsDir(dir string) string { return filepath.Join(dir, "jetstream", "$G", "streams") }

// streamNames returns the streams in dir that the server will restore. Without its meta.inf a stream was never finished
// or is being removed; a directory with a dot is on its way out.
func streamNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(streamsDir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read data directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if _, err := os.Stat(filepath.Join(streamsDir(dir), e.Name(), "meta.inf")); err == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// verify reads all message blocks in dir, and finishes what a killed process had begun.
func verify(dir string, log *slog.Logger) error {
	names, err := streamNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := verifyStream(dir, name, log); err != nil {
			return err
		}
		if err := finishMeta(dir, name); err != nil {
			return err
		}
	}
	return nil
}

func verifyStream(dir, name string, log *slog.Logger) error {
	blocks, err := blocksOf(dir, name)
	if err != nil {
		return err
	}
	synced, marked := readMark(dir, name)
	for i, block := range blocks {
		data, err := os.ReadFile(block.file)
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		at, reason := checkBlock(data, name, block.index)
		if reason == "" {
			continue
		}
		if marked && !synced.covers(block.index, at) || i == len(blocks)-1 && unfinished(data[at:], name, block.index) {
			log.Warn("the last write before a crash was not finished and is dropped", "stream", name, "file", block.file, "bytes", len(data)-at)
			continue
		}
		return fmt.Errorf("stream %s is damaged: %s at byte %d of %s; restore the data directory from a backup, or remove the directory %s to begin without what that stream held",
			name, reason, at, block.file, filepath.Join(streamsDir(dir), name))
	}
	return nil
}

type block struct {
	index int
	file  string
}

// blocksOf returns the stream's message files, the newest last.
func blocksOf(dir, name string) ([]block, error) {
	files, err := filepath.Glob(filepath.Join(globEscape(filepath.Join(streamsDir(dir), name, "msgs")), "*.blk"))
	if err != nil {
		return nil, fmt.Errorf("list files of stream %s: %w", name, err)
	}
	var blocks []block
	for _, file := range files {
		b := block{file: file}
		if _, err := fmt.Sscanf(filepath.Base(file), "%d.blk", &b.index); err == nil {
			blocks = append(blocks, b)
		}
	}
	slices.SortFunc(blocks, func(a, b block) int { return a.index - b.index })
	return blocks, nil
}

// globEscape makes a path match only itself.
func globEscape(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

// verifyRestored makes sure that the server has restored every stream that has messages: it skips those whose
// description is damaged, and the next Open would begin an empty one in their place.
func verifyRestored(conn *nats.Conn, dir string) error {
	names, err := streamNames(dir)
	if err != nil {
		return err
	}
	js, err := conn.JetStream()
	if err != nil {
		return err
	}
	restored := make(map[string]bool)
	for name := range js.StreamNames() {
		restored[name] = true
	}
	for _, name := range names {
		if restored[name] {
			continue
		}
		blocks, err := blocksOf(dir, name)
		if err != nil {
			return err
		}
		for _, b := range blocks {
			if info, err := os.Stat(b.file); err == nil && info.Size() > 0 {
				return fmt.Errorf("stream %s could not be restored: %s is damaged; restore the data directory from a backup, or remove that stream's directory to begin without what it held",
					name, filepath.Join(streamsDir(dir), name, "meta.inf"))
			}
		}
	}
	return nil
}
