//go:build linux && !race

package worker

import (
	"io"
	"net"
	"syscall"
	"unsafe"
)

// A rawConn reads and writes by system calls that Go's scheduler does not hear of, as the gateway's event loops do: they cannot
// block, and a call is as many of them as it needs microseconds. One goroutine may read while another writes.
type rawConn struct {
	net.Conn
	in, out direction
}

// A direction is reading or writing.
type direction struct {
	call  uintptr
	wait  func(func(fd uintptr) (done bool)) error
	try   func(fd uintptr) (done bool) // made once: a closure for each call would be garbage
	p     []byte
	n     int
	errno syscall.Errno
}

// raw returns c with fast system calls, or c itself if it cannot have them.
func raw(c net.Conn) net.Conn {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return c
	}
	r := &rawConn{Conn: c}
	r.in.call, r.in.wait, r.in.try = syscall.SYS_READ, rc.Read, r.in.once
	r.out.call, r.out.wait, r.out.try = syscall.SYS_WRITE, rc.Write, r.out.all
	return r
}

// Read implements net.Conn.
func (c *rawConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.in.run(p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write implements net.Conn.
func (c *rawConn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return c.out.run(p)
}

func (d *direction) run(p []byte) (int, error) {
	d.p, d.n, d.errno = p, 0, 0
	err := d.wait(d.try)
	d.p = nil
	if err == nil && d.errno != 0 {
		err = d.errno
	}
	return d.n, err
}

// once makes one call that is not interrupted, and says whether there is anything to wait for.
func (d *direction) once(fd uintptr) (done bool) {
	for {
		rest := d.p[d.n:]
		n, _, errno := syscall.RawSyscall(d.call, fd, uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest)))
		switch errno {
		case 0:
			d.n += int(n)
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			d.errno = errno
			return true
		}
	}
}

// all goes on until everything is written.
func (d *direction) all(fd uintptr) (done bool) {
	for d.once(fd) {
		if d.errno != 0 || d.n == len(d.p) {
			return true
		}
	}
	return false
}

// readNow is syscall.Read of a descriptor that does not block.
func readNow(fd int, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
