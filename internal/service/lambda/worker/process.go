package worker

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// A command is a process to be started. Files 0 to 2 are the null device and twice the output; extra is file 3.
type command struct {
	argv  []string
	env   []string
	dir   string
	extra *os.File
}

// start starts c and returns the process and the end of the pipe that its output comes from.
//
// It must be called from a thread that outlives the process: on Linux the kernel kills the process when the thread that
// started it ends, which is how nothing is left when the server is killed.
func start(c command) (*os.Process, *os.File, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	r, w, err := outputPipe()
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	files := []*os.File{null, w, w}
	if c.extra != nil {
		files = append(files, c.extra)
	}
	p, err := os.StartProcess(c.argv[0], c.argv, &os.ProcAttr{Dir: c.dir, Env: c.env, Files: files, Sys: attributes()})
	if err != nil {
		r.Close()
		return nil, nil, err
	}
	limit(p.Pid)
	return p, r, nil
}

// how says how a process ended, in the words of Lambda's error; "" is a clean end.
func how(st *os.ProcessState, err error) string {
	if err != nil || st == nil {
		return "unknown"
	}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "signal: " + ws.Signal().String()
	}
	if st.ExitCode() == 0 {
		return ""
	}
	return st.String()
}

// An output reads what a process writes. Two sides read the pipe, under one lock: the reader, whenever there is
// something, and sync, at the end of a request, so that the log has every line that the function wrote before it answered.
type output struct {
	file *os.File
	log  *logStream

	mu      sync.Mutex // guards what follows, and reading
	scanner lineScanner
	buf     []byte
}

// run reads until the pipe ends or is closed.
func (o *output) run() {
	defer o.file.Close()
	raw, err := o.file.SyscallConn()
	if err != nil {
		return
	}
	raw.Read(func(fd uintptr) bool { return o.drain(int(fd)) })
	o.mu.Lock()
	defer o.mu.Unlock()
	o.log.write(time.Now(), o.scanner.rest()...)
}

// drain reads all there is, and says whether the pipe has ended.
func (o *output) drain(fd int) (ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf == nil {
		o.buf = make([]byte, 16<<10)
	}
	for {
		n, err := readNow(fd, o.buf)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if n <= 0 {
			return true
		}
		o.log.write(time.Now(), o.scanner.scan(o.buf[:n])...)
	}
}

// sync reads what the process has written until now, and ends an unfinished line.
func (o *output) sync() {
	raw, err := o.file.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		o.drain(int(fd))
		o.mu.Lock()
		defer o.mu.Unlock()
		o.log.write(time.Now(), o.scanner.rest()...)
	})
}

// stop ends run, even if a stray child of the process still holds the pipe.
func (o *output) stop() {
	o.sync()
	o.file.SetReadDeadline(time.Now())
}
