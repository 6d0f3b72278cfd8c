//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/gateway/frame"
)

// A peer is one connection of the client, which is one epoll loop.
type peer struct {
	fd   int
	left int // bytes of the replies in flight
}

type loader struct {
	o     options
	pid   int
	sa    unix.SockaddrInet4
	epoll int
	peers []peer
	buf   []byte
	msg   []byte // a masked frame
	reply int    // the answer's length
	hello []byte // the request for an upgrade
}

// upgrade is the request for one.
func upgrade(host, path string) []byte {
	return []byte("GET /" + path + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
}

// load is the client process.
func load(o options) error {
	if o.secure {
		return holdTLS(o)
	}
	debug.SetGCPercent(400)
	runtime.LockOSThread()
	addr, path, ok := strings.Cut(o.addr, "/")
	hello := upgrade(addr, path)
	if !ok {
		hello = upgrade(stageHost, stagePath)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	l := &loader{o: o, buf: make([]byte, 1<<17), hello: hello}
	l.pid, _ = strconv.Atoi(os.Getenv("SOCKETS_PID"))
	l.sa.Port, _ = strconv.Atoi(port)
	l.sa.Addr = [4]byte(net.ParseIP(host).To4())
	l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	pre, post := `{"action":"echo","d":"`, `"}`
	text := pre + strings.Repeat("x", max(0, o.size-len(pre)-len(post))) + post
	reply := len(text)
	if o.proxy { // what the reference's event has, and what the function answers
		text, reply = strings.Repeat(`hello "world" `, 30), len("ok")
	}
	l.msg = frame.AppendHeader(nil, frame.Header{Fin: true, Op: frame.Text, Masked: true, Key: 0x44332211, Len: uint64(len(text))})
	n := len(l.msg)
	l.msg = append(l.msg, text...)
	frame.Mask(l.msg[n:], 0x44332211, 0)
	l.reply = frame.MessageLen(reply)
	switch role := os.Getenv("SOCKETS_LOAD"); role {
	case "idle":
		return l.idle()
	case "echo", "proxy":
		return l.echo()
	case "hs":
		return l.handshakes()
	default:
		return fmt.Errorf("no load is called %q", role)
	}
}

// connect opens one connection and upgrades it, blocking.
func (l *loader) connect() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(fd, &l.sa); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	if _, err := unix.Write(fd, l.hello); err != nil {
		return 0, err
	}
	n, err := unix.Read(fd, l.buf)
	if err != nil || !bytes.HasPrefix(l.buf[:max(n, 0)], []byte("HTTP/1.1 101")) {
		return 0, fmt.Errorf("not upgraded: %q %v", l.buf[:max(n, 0)], err)
	}
	return fd, nil
}

func (l *loader) open() error {
	for i := range l.o.n {
		fd, err := l.connect()
		if err != nil {
			return err
		}
		unix.SetNonblock(fd, true)
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return err
		}
		l.peers = append(l.peers, peer{fd: fd})
	}
	return nil
}

// idle holds connections, and throws away what comes, until it is killed.
func (l *loader) idle() error {
	if err := l.open(); err != nil {
		return err
	}
	fmt.Println("{}")
	events := make([]unix.EpollEvent, 1024)
	for {
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, ev := range events[:max(n, 0)] {
			if k, err := unix.Read(l.peers[ev.Fd].fd, l.buf); k == 0 || err != nil && err != unix.EAGAIN {
				return fmt.Errorf("idle connection: %d %v", k, err)
			}
		}
	}
}

// echo sends and awaits messages, and prints what they cost the server.
func (l *loader) echo() error {
	if err := l.open(); err != nil {
		return err
	}
	for i := range l.peers {
		for range l.o.window {
			if err := l.send(i); err != nil {
				return err
			}
		}
	}
	var done, from int
	var cpu float64
	begin, warm := time.Now(), 700*time.Millisecond
	if l.o.proxy {
		warm = 1500 * time.Millisecond // as the reference has it: processes start
	}
	end := time.Time{}
	events := make([]unix.EpollEvent, 1024)
	for turn := 0; ; turn++ {
		n, err := l.wait(events)
		if err != nil {
			return err
		}
		for _, ev := range events[:n] {
			k, err := l.receive(int(ev.Fd))
			if err != nil {
				return err
			}
			done += k
		}
		if turn%64 != 0 {
			continue
		}
		switch now := time.Now(); {
		case end.IsZero() && now.Sub(begin) > warm:
			begin, end, from, cpu = now, now.Add(l.o.duration), done, cpuOf(l.pid)
		case !end.IsZero() && now.After(end):
			return l.print(done-from, now.Sub(begin), cpuOf(l.pid)-cpu)
		}
	}
}

// wait waits for events, at most a second. The runtime does not hear of it: to take the processor away from a thread that sleeps, and to give
// it back, costs as much as a message.
func (l *loader) wait(events []unix.EpollEvent) (int, error) {
	n, _, err := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 1000, 0, 0)
	switch err {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, err
}

func (l *loader) print(n int, took time.Duration, cpu float64) error {
	return json.NewEncoder(os.Stdout).Encode(result{Rate: float64(n) / took.Seconds(), CPU: cpu / float64(n) * 1e6})
}

func (l *loader) send(i int) error {
	if n, err := unix.Write(l.peers[i].fd, l.msg); n != len(l.msg) {
		return fmt.Errorf("send: %d bytes, %v", n, err)
	}
	l.peers[i].left += l.reply
	return nil
}

// receive reads replies and sends as many new messages.
func (l *loader) receive(i int) (done int, err error) {
	p := &l.peers[i]
	n, err := unix.Read(p.fd, l.buf)
	if err == unix.EAGAIN {
		return 0, nil
	}
	if n <= 0 {
		return 0, fmt.Errorf("receive: %d bytes, %v", n, err)
	}
	before := (p.left + l.reply - 1) / l.reply
	p.left -= n
	done = before - (p.left+l.reply-1)/l.reply
	for range done {
		if err := l.send(i); err != nil {
			return done, err
		}
	}
	return done, nil
}

// handshakes opens and resets connections, inFlight at a time, and prints what
// that costs the server.
func (l *loader) handshakes() error {
	const inFlight = 128
	for range inFlight {
		if err := l.begin(); err != nil {
			return err
		}
	}
	cpu, start, done := cpuOf(l.pid), time.Now(), 0
	events := make([]unix.EpollEvent, inFlight)
	for time.Since(start) < l.o.duration {
		n, err := unix.EpollWait(l.epoll, events, 1000)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, ev := range events[:max(n, 0)] {
			fd := int(ev.Fd)
			if ev.Events&unix.EPOLLOUT != 0 { // connected
				if _, err := unix.Write(fd, l.hello); err != nil {
					return err
				}
				unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: ev.Fd})
				continue
			}
			if n, err := unix.Read(fd, l.buf); err != nil || !bytes.HasPrefix(l.buf[:max(n, 0)], []byte("HTTP/1.1 101")) {
				return fmt.Errorf("not upgraded: %q %v", l.buf[:max(n, 0)], err)
			}
			unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // reset it
			unix.Close(fd)
			done++
			if err := l.begin(); err != nil {
				return err
			}
		}
	}
	return l.print(done, time.Since(start), cpuOf(l.pid)-cpu)
}

// begin starts to connect.
func (l *loader) begin() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, &l.sa); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connect: %w", err)
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLOUT, Fd: int32(fd)})
}

// holdTLS holds idle connections over TLS until it is killed.
func holdTLS(o options) error {
	var held []net.Conn
	buf := make([]byte, 1024)
	for range o.n {
		nc, err := tls.Dial("tcp4", o.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return err
		}
		if _, err := nc.Write(upgrade(stageHost, stagePath)); err != nil {
			return err
		}
		if n, err := nc.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 101")) {
			return fmt.Errorf("not upgraded: %q %v", buf[:n], err)
		}
		held = append(held, nc)
	}
	fmt.Println("{}")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	runtime.KeepAlive(held)
	return nil
}
