//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A server is a server process, ours or the reference.
type server struct {
	cmd   *exec.Cmd
	addr  string
	in    io.WriteCloser
	out   *bufio.Scanner
	loads []*exec.Cmd
}

// pinned starts a command on one processor.
func pinned(cmd *exec.Cmd, cpu int) error {
	var old, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return err
	}
	one.Set(cpu)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := unix.SchedSetaffinity(0, &one); err != nil { // inherited by the child
		return err
	}
	err := cmd.Start()
	if restore := unix.SchedSetaffinity(0, &old); err == nil {
		err = restore
	}
	return err
}

func startServer(o options, ref string) (*server, error) {
	s := new(server)
	if ref == mockRef {
		o.app, o.template, o.gateway, o.profile, ref = "", false, true, "", ""
	}
	if ref != "" {
		l, err := net.Listen("tcp4", "127.0.0.1:0") // a port that is free
		if err != nil {
			return nil, err
		}
		s.addr = l.Addr().String()
		l.Close()
		_, port, _ := net.SplitHostPort(s.addr)
		s.cmd = exec.Command(ref, port, "1")
		if err := pinned(s.cmd, 0); err != nil {
			return nil, err
		}
		for range 200 {
			if nc, err := net.Dial("tcp4", s.addr); err == nil {
				nc.Close()
				return s, nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		s.stop()
		return nil, fmt.Errorf("%s does not answer", ref)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s.cmd = exec.Command(self, "serve", "-addr", "127.0.0.1:0", fmt.Sprint("-attach=", o.attach), fmt.Sprint("-tls=", o.secure), fmt.Sprint("-gateway=", o.gateway), "-app="+o.app, fmt.Sprint("-size=", o.size), "-profile="+o.profile, fmt.Sprint("-proxy=", o.proxy), fmt.Sprint("-template=", o.template))
	s.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	s.cmd.Stderr = os.Stderr
	s.in, _ = s.cmd.StdinPipe()
	out, _ := s.cmd.StdoutPipe()
	s.out = bufio.NewScanner(out)
	if err := pinned(s.cmd, 0); err != nil {
		return nil, err
	}
	if s.addr, err = s.line(); err != nil {
		s.stop()
	}
	return s, err
}

func (s *server) line() (string, error) {
	if !s.out.Scan() {
		return "", fmt.Errorf("the server has ended")
	}
	return s.out.Text(), nil
}

func (s *server) stop() {
	for _, c := range s.loads {
		c.Process.Kill()
		c.Wait()
	}
	if s.in == nil { // the reference has nothing to finish
		s.cmd.Process.Kill()
	} else {
		s.cmd.Process.Signal(syscall.SIGTERM)
	}
	s.cmd.Wait()
}

// client starts a load process and returns its first line.
func (s *server) client(o options, role string, n int) (*exec.Cmd, []byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(self, "load", "-addr", s.addr, fmt.Sprint("-n=", n), fmt.Sprint("-size=", o.size), fmt.Sprint("-window=", o.window),
		fmt.Sprint("-duration=", o.duration), fmt.Sprint("-tls=", o.secure), fmt.Sprint("-proxy=", o.proxy))
	cmd.Env = append(os.Environ(), "SOCKETS_LOAD="+role, fmt.Sprint("SOCKETS_PID=", s.cmd.Process.Pid))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	cpu := 1
	if o.proxy {
		cpu = 0 // with the gateway: functions have the other one to themselves, as they have with the reference
	}
	if err := pinned(cmd, cpu); err != nil {
		return nil, nil, err
	}
	sc := bufio.NewScanner(out)
	if !sc.Scan() {
		return cmd, nil, fmt.Errorf("%s: the client has ended: %v", role, cmd.Wait())
	}
	return cmd, sc.Bytes(), nil
}

// hold brings the server to n idle connections and returns its anonymous memory.
func (s *server) hold(o options, n int) (bytes int, err error) {
	for _, c := range s.loads {
		n -= holding[c]
	}
	cmd, _, err := s.client(o, "idle", n)
	if err != nil {
		return 0, err
	}
	s.loads = append(s.loads, cmd)
	holding[cmd] = n
	time.Sleep(500 * time.Millisecond)
	if s.in != nil {
		fmt.Fprintln(s.in, "gc")
		if _, err := s.line(); err != nil {
			return 0, err
		}
		time.Sleep(1500 * time.Millisecond)
	}
	return anonymous(s.cmd.Process.Pid)
}

// holding tells how many connections a load process holds.
var holding = map[*exec.Cmd]int{}

// A result is what a load process prints.
type result struct {
	Rate float64 // per second
	CPU  float64 // µs of the server per message or handshake
}

func (s *server) load(o options) (r result, err error) {
	cmd, line, err := s.client(o, o.role, o.n)
	if err != nil {
		return r, err
	}
	defer cmd.Wait()
	return r, json.Unmarshal(line, &r)
}

// fanout makes the server push to all its connections a few times.
func (s *server) fanout(o options) (result, error) {
	const times = 5
	cpu, begin := cpuOf(s.cmd.Process.Pid), time.Now()
	for range times {
		if s.in == nil { // the reference pushes on a signal, and has finished when it is idle
			s.cmd.Process.Signal(syscall.SIGUSR2)
			time.Sleep(time.Second)
			continue
		}
		fmt.Fprintln(s.in, "fanout", o.size)
		if _, err := s.line(); err != nil {
			return result{}, err
		}
	}
	n := float64(times * o.n)
	return result{Rate: n / time.Since(begin).Seconds(), CPU: (cpuOf(s.cmd.Process.Pid) - cpu) / n * 1e6}, nil
}

// anonymous returns the RssAnon of a process in bytes.
func anonymous(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	var kb int
	_, err = fmt.Sscan(rest, &kb)
	return kb * 1024, err
}

// cpuOf returns the processor seconds of all threads of a process.
func cpuOf(pid int) (seconds float64) {
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range threads {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, t.Name()))
		first, _, _ := strings.Cut(string(b), " ")
		ns, _ := strconv.ParseFloat(first, 64)
		seconds += ns / 1e9
	}
	return seconds
}
