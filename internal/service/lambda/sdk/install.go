package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ensure returns the folder of a bundle, and first installs it there if it is not there. The folder appears at once: an
// installation that is interrupted leaves nothing behind that looks like one.
func (b *Bundles) ensure(ctx context.Context, bun bundle, prefix string, command func(dir string) (*exec.Cmd, error)) (string, error) {
	base, err := b.base()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, bun.dir(prefix))
	if exists(dir) {
		return dir, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", fmt.Errorf("make cache: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(base, ".lock"))
	if err != nil {
		return "", fmt.Errorf("lock cache: %w", err)
	}
	defer unlock()
	if exists(dir) {
		return dir, nil // another process was first
	}
	tmp, err := os.MkdirTemp(base, ".new-")
	if err != nil {
		return "", fmt.Errorf("make cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	cmd, err := command(tmp)
	if err != nil {
		return "", err
	}
	b.opts.Progress("installing " + bun.title + ", once for all functions")
	begun := time.Now()
	cmd.Dir = tmp
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%s says %q: connect this machine to the network, once", filepath.Base(cmd.Path), reason(out, err))
	}
	if err := os.Rename(tmp, dir); err != nil && !exists(dir) {
		return "", fmt.Errorf("keep installation: %w", err)
	}
	b.opts.Progress(fmt.Sprintf("installed %s in %.0f s", bun.title, time.Since(begun).Seconds()))
	return dir, nil
}

// base is the cache.
func (b *Bundles) base() (string, error) {
	if b.opts.Dir != "" {
		return filepath.Abs(b.opts.Dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no cache directory: %w", err)
	}
	return filepath.Join(cache, "sallyport", "sdk"), nil
}

// reason is the line that says most in what an installer printed.
func reason(out []byte, err error) string {
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		for _, mark := range []string{"npm error ", "npm ERR! ", "ERROR: "} {
			if rest, ok := strings.CutPrefix(line, mark); ok && !strings.HasPrefix(rest, "code ") && !strings.HasPrefix(rest, "errno ") && !strings.HasPrefix(rest, "syscall ") {
				return rest
			}
		}
	}
	var exit *exec.ExitError
	if first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n"); first != "" && errors.As(err, &exit) {
		return first
	}
	return err.Error()
}

func exists(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}
