//go:build unix

package worker

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// outputPipe returns a pipe: the reading end for us does not block, the writing end for the process does.
func outputPipe() (r, w *os.File, err error) {
	var p [2]int
	syscall.ForkLock.RLock()
	if err = syscall.Pipe(p[:]); err == nil {
		syscall.CloseOnExec(p[0])
		syscall.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	syscall.SetNonblock(p[0], true)
	return os.NewFile(uintptr(p[0]), "output"), os.NewFile(uintptr(p[1]), "output"), nil
}

// socketPair returns a connection and the other end of it, to be given to a process.
func socketPair() (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock()
	p, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(p[0])
		syscall.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make socket pair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(p[0]), "frames"), os.NewFile(uintptr(p[1]), "frames")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("use socket pair: %w", err)
	}
	return conn, theirs, nil
}

// killGroup ends a process and all that it has started.
func killGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }
