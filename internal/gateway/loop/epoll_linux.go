package loop

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of the event loops. They are raw, which saves a tenth of a
// message's cost: the scheduler need not know of calls that cannot block.

func rawRead(fd int32, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), e
}

func rawWrite(fd int32, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), e
}

func rawAccept(fd int) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(n), e
}

// rawClose cannot block, since no socket of ours lingers.
func rawClose(fd int32) { syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// rawFin ends our half of a connection.
func rawFin(fd int32) { syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0) }

// rawEpollWait returns what is ready without waiting.
func rawEpollWait(ep uintptr, events []unix.EpollEvent) int {
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, ep, uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		switch e {
		case 0:
			return int(n)
		case syscall.EINTR: // to park now could mean to sleep through what is ready
		default:
			return 0
		}
	}
}

// An event carries slot and generation of its connection where epoll keeps
// eight bytes for its user. Slots beyond the table's are the loop's own.
const (
	slotWake   = 1<<32 - 1
	slotListen = 1 << 31 // plus the index of the listener
)

func epollEvent(events, slot, gen uint32) unix.EpollEvent {
	return unix.EpollEvent{Events: events, Fd: int32(slot), Pad: int32(gen)}
}

// epollCtl changes what a loop is told of a descriptor.
func epollCtl(ep, op int, fd int32, events, slot, gen uint32) syscall.Errno {
	ev := epollEvent(events, slot, gen)
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(ep), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	return e
}

// peerOf returns the address of the other end; unix.Getpeername makes a second
// system call for it.
func peerOf(fd int32) netip.AddrPort {
	var sa unix.RawSockaddrInet6 // the longer of the two
	size := uint32(unsafe.Sizeof(sa))
	_, _, e := syscall.RawSyscall(unix.SYS_GETPEERNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)))
	if e != 0 {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:]) // in network order, in both
	switch sa.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&sa)).Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), port)
	}
	return netip.AddrPort{}
}
