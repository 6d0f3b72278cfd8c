//go:build unix

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
