//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"
)

type options struct {
	n, wait int
	kill    bool
	bin     string
	patient time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 10_000, "executions at once")
	flag.IntVar(&o.wait, "wait", 1, "seconds of each wait")
	flag.BoolVar(&o.kill, "kill", false, "kill the server in the middle, and start it again")
	flag.StringVar(&o.bin, "bin", "", "the sallyport program (default: built from this source)")
	flag.DurationVar(&o.patient, "patience", 10*time.Minute, "how long the executions may take")
	flag.Parse()
	if err := measure(o); err != nil {
		fmt.Fprintln(os.Stderr, "executions:", err)
		os.Exit(1)
	}
}

// measure is one measurement from the first start to the count.
func measure(o options) (err error) {
	dir, err := os.MkdirTemp("", "executions-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	s := &server{dir: dir, bin: o.bin}
	if err := s.start(); err != nil {
		return err
	}
	defer s.kill()
	machine, err := deploy(s, o.wait)
	if err != nil {
		return err
	}
	before, cpu, begin := s.memory(), s.cpu(), time.Now()
	executions, err := startAll(s, machine, o.n)
	if err != nil {
		return err
	}
	fmt.Printf("%d executions started in %.1f s: %.0f per second\n", o.n, time.Since(begin).Seconds(), float64(o.n)/time.Since(begin).Seconds())
	fmt.Printf("memory of the server: %+.1f KB for each that was started\n", float64(s.memory()-before)/1024/float64(o.n))
	if o.kill {
		time.Sleep(time.Duration(o.wait) * 2500 * time.Millisecond) // after the second wait
		s.kill()
		down := time.Now()
		if err := s.start(); err != nil {
			return err
		}
		fmt.Printf("killed, and there again after %.1f s\n", time.Since(down).Seconds())
	}
	if err := awaitAll(s, executions, o.patient); err != nil {
		return err
	}
	took := time.Since(begin)
	fmt.Printf("all ended after %.1f s: %.0f transitions per second\n", took.Seconds(), float64(transitions*o.n)/took.Seconds())
	if !o.kill {
		fmt.Printf("processor time of the server: %.2f ms for each execution\n", (s.cpu()-cpu)/float64(o.n)*1000)
	}
	if err := reportWaits(s, executions, o.wait); err != nil {
		return err
	}
	return count(s, o.n)
}

// transitions of an execution, as AWS counts them: the states that it enters.
const transitions = 2*steps - 1

// startAll starts n executions, 32 calls at a time, and returns their ARNs.
func startAll(s *server, machine string, n int) ([]string, error) {
	const callers = 32
	arns, failures := make([]string, n), make([]error, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := c; i < n && failures[c] == nil; i += callers {
				var out struct{ ExecutionArn string }
				failures[c] = s.call("states", "StartExecution", map[string]any{"stateMachineArn": machine, "input": fmt.Sprintf(`{"order":%d}`, i)}, &out)
				arns[i] = out.ExecutionArn
			}
		})
	}
	wg.Wait()
	return arns, errors.Join(failures...)
}

// awaitAll returns when all executions have succeeded. It asks for one after the other, so that asking costs little.
func awaitAll(s *server, executions []string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for _, arn := range executions {
		for {
			var out struct{ Status string }
			if err := s.call("states", "DescribeExecution", map[string]any{"executionArn": arn}, &out); err != nil {
				return err
			}
			if out.Status == "SUCCEEDED" {
				break
			} else if out.Status != "RUNNING" {
				return fmt.Errorf("execution %s is %s", arn, out.Status)
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("executions run after %s", patience)
			}
			time.Sleep(500 * time.Millisecond)
		}
	}
	return nil
}
