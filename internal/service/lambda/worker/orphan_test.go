package worker

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// orphanServer is the test binary as a server: it runs one function and prints its process, then waits to be killed.
func orphanServer(dir string) {
	p := New(Options{})
	go p.Run(context.Background())
	s := &Spec{ID: "f", FunctionName: "fn", Region: "us-east-1", Runtime: node, Handler: "index.handler", CodeDir: dir}
	r, err := p.Invoke(context.Background(), s, Invocation{})
	fmt.Println(string(r.Payload), err)
	go p.Invoke(context.Background(), s, Invocation{Payload: []byte(`{"busy":1}`)})
	for range 200 { // other threads come and go meanwhile
		go func() { runtime.LockOSThread() }()
	}
	select {}
}

// alive says whether a process runs. One that has ended may still wait for the first process of a container to notice.
func alive(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		_, state, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
	}
	return syscall.Kill(pid, 0) == nil
}

func TestPool_Orphans_LA103(t *testing.T) {
	need(t, "node")
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends the processes of a program that was killed")
	}
	dir := code(t, "index.js", `exports.handler = async (e) => { while (e.busy); return process.pid }`)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WORKER_TEST_ORPHAN="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(line)[0])
	if err != nil {
		t.Fatalf("server says %q", line)
	}
	if !alive(pid) {
		t.Fatalf("process %d does not run", pid)
	}
	cmd.Process.Kill()
	eventually(t, "the function's process is gone", func() bool { return !alive(pid) })
}
