package natsd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// minFree is what starting takes, and a first block of messages.
const minFree = 32 << 20

var errLocked = errors.New("locked by another process")

// dirLock holds a data directory for this process. The file stays behind; only its lock counts.
type dirLock struct {
	file *os.File
}

// prepareDir makes dir, proves that it can be written, and locks it.
func prepareDir(dir string) (*dirLock, error) {
	if dir == "" {
		return nil, errors.New("the engine needs a data directory")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	// It holds secrets, and may have been made by somebody else with a wider mode.
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s cannot be made private: %w", dir, err)
	}
	name := filepath.Join(dir, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory %s cannot be written: %w", dir, err)
	}
	if err := tryLock(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errLocked) {
			return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
		}
		return nil, fmt.Errorf("data directory %s is in use by process %s: stop it, or choose another directory", dir, holder(f))
	}
	l := &dirLock{file: f}
	if free := freeSpace(dir); free < minFree {
		l.release()
		return nil, fmt.Errorf("the disk of data directory %s is full: %d MB are free, %d are needed", dir, free>>20, minFree>>20)
	}
	if err := l.sign(); err != nil {
		l.release()
		return nil, fmt.Errorf("data directory %s cannot be written: %w", dir, err)
	}
	return l, nil
}

// sign writes our process id for the error of whoever comes second.
func (l *dirLock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	if _, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return err
	}
	return l.file.Sync()
}

func (l *dirLock) release() { l.file.Close() }

func holder(f *os.File) string {
	buf := make([]byte, 32)
	n, _ := f.ReadAt(buf, 0)
	if pid := strings.TrimSpace(string(buf[:n])); pid != "" {
		return pid
	}
	return "(unknown)"
}
