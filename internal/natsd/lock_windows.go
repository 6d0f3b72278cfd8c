package natsd

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes the lock that ends with the process, or returns errLocked. It locks a byte far behind the text, so
// that others can read the text.
func tryLock(f *os.File) error {
	at := &windows.Overlapped{Offset: 1 << 20}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}

// freeSpace returns how many bytes we may write where dir is.
func freeSpace(dir string) uint64 {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 1 << 62
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 1 << 62 // unknown: writing will tell
	}
	return free
}
