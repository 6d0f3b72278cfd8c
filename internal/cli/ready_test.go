package cli

import (
	"net"
	"testing"
)

// TestCurrent: of servers that run, the one that was started last is found; when it has stopped, the one before.
func TestCurrent(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	server := func(pid int) (*ready, net.Listener) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		r := &ready{Endpoint: "http://" + l.Addr().String(), PID: pid}
		if err := r.announce(); err != nil {
			t.Fatal(err)
		}
		return r, l
	}
	want := func(pid int) {
		t.Helper()
		switch r, err := current(); {
		case pid == 0 && err == nil:
			t.Errorf("server %d is found, and none runs", r.PID)
		case pid != 0 && (err != nil || r.PID != pid):
			t.Errorf("found %+v, %v; want server %d", r, err, pid)
		}
	}
	want(0)
	first, _ := server(1)
	second, _ := server(2)
	_, killed := server(3)
	want(3)
	killed.Close()
	want(2)
	if err := first.announce(); err != nil { // it has deployed something again
		t.Fatal(err)
	}
	want(2)
	second.forget()
	want(1)
	first.forget()
	want(0)
}
