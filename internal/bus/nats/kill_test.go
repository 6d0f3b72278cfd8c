package nats_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/natsd"
)

// workDir makes this program a process that sends jobs and begins to work on them, in the directory named there.
const workDir = "SALLYPORT_TEST_WORK_DIR"

const killJobs = 20

// workForever sends jobs and begins some, which never end; then it waits to be killed.
func workForever(dir string) error {
	engine, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		return err
	}
	q, err := nats.New(engine.Conn()).Queue(context.Background(), "killed")
	if err != nil {
		return err
	}
	for i := range killJobs {
		if err := q.Send(context.Background(), fmt.Sprint("job-", i), fmt.Append(nil, i), time.Time{}); err != nil {
			return err
		}
	}
	if err := q.Send(context.Background(), "later", nil, time.Now().Add(3*time.Second)); err != nil {
		return err
	}
	fmt.Println("sent")
	return q.Run(context.Background(), 4, func(ctx context.Context, job bus.Job) error {
		fmt.Println(job.ID)
		<-ctx.Done()
		return ctx.Err()
	})
}

// TestKill kills a process whose jobs run: all of them are given to the next, and at once where it is the only one.
func TestKill(t *testing.T) {
	for _, grouped := range []bool{false, true} {
		t.Run(fmt.Sprintf("grouped_%t", grouped), func(t *testing.T) { testKill(t, grouped) })
	}
}

func testKill(t *testing.T, grouped bool) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started := map[string]bool{}
	lines := bufio.NewScanner(out)
	for len(started) < 5 && lines.Scan() { // "sent" and four jobs
		started[lines.Text()] = true
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // it was killed
	if !started["sent"] {
		t.Fatalf("the process says %v", started)
	}

	engine, err := natsd.Embedded(natsd.Config{Dir: dir, Grouped: grouped})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	b := nats.New(engine.Conn())
	if grouped {
		b = nats.NewSynced(engine.Conn(), engine.Sync)
	}
	q, err := b.Queue(t.Context(), "killed")
	if err != nil {
		t.Fatal(err)
	}
	// A job that waits is not sent twice.
	if err := q.Send(t.Context(), "later", []byte("refused"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	done := make(map[string]int)
	begin := time.Now()
	err = q.Run(ctx, 1, func(_ context.Context, job bus.Job) error {
		if job.ID == "later" && len(job.Data) > 0 {
			t.Error("a job was replaced while it waited")
		}
		if done[job.ID]++; len(done) == killJobs+1 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v with %d jobs done, want all %d", err, len(done), killJobs+1)
	}
	t.Logf("all were done after %s", time.Since(begin).Round(time.Millisecond))
	for id, n := range done {
		if n != 1 {
			t.Errorf("job %s was done %d times", id, n)
		}
	}
}
