//go:build linux || darwin || freebsd

package natsd

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock that ends with the process, or returns errLocked.
func tryLock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// freeSpace returns how many bytes we may write where dir is.
func freeSpace(dir string) uint64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 1 << 62 // unknown: writing will tell
	}
	return uint64(s.Bavail) * uint64(s.Bsize)
}
