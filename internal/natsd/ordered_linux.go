package natsd

import "golang.org/x/sys/unix"

const zfsMagic = 0x2fc12fc1

// ordersRenames tells whether the file system of dir writes a file's content before a name that is given to it. The server replaces
// files so, and in a grouped engine nobody waits for them.
func ordersRenames(dir string) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return false
	}
	switch int64(s.Type) & 0xffffffff {
	case unix.EXT4_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, zfsMagic:
		return true
	}
	return false
}
