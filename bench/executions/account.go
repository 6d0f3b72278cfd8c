//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// errWrong says that events are not what they must be; count has printed how.
var errWrong = errors.New("events are lost, doubled or out of order")

// A notice is an event as the log group has it.
type notice struct {
	step int
	at   time.Time // when it was put, in seconds
}

// count reads the log group and prints how many events are missing, there twice, or put before one that they must follow. EventBridge
// promises no order of deliveries: events that were overtaken on their way are right.
func count(s *server, n int) error {
	seen, err := settled(s, n)
	if err != nil {
		return err
	}
	events, lost, doubled, unordered, overtaken := 0, 0, 0, 0, 0
	for order := range n {
		got := seen[order]
		events += len(got)
		byStep := slices.SortedStableFunc(slices.Values(got), func(a, b notice) int { return cmp.Compare(a.step, b.step) })
		if !slices.Equal(got, byStep) {
			overtaken++
		}
		if !slices.IsSortedFunc(byStep, func(a, b notice) int { return a.at.Compare(b.at) }) {
			unordered++
		}
		distinct := len(slices.CompactFunc(byStep, func(a, b notice) bool { return a.step == b.step }))
		lost += steps - distinct
		doubled += len(got) - distinct
	}
	fmt.Printf("%d events of %d: %d lost, %d doubled; of %d executions %d out of order, %d with an event overtaken on its way\n", events, steps*n, lost, doubled, n, unordered, overtaken)
	if lost+doubled+unordered > 0 {
		return errWrong
	}
	return nil
}

// settled returns the notices of each order, in the order of the log, once there are enough or no more come.
func settled(s *server, n int) (map[int][]notice, error) {
	for last := -1; ; time.Sleep(5 * time.Second) {
		seen, total, err := read(s)
		if err != nil || total >= steps*n || total == last {
			return seen, err
		}
		last = total
	}
}

func read(s *server) (seen map[int][]notice, total int, err error) {
	seen = map[int][]notice{}
	in := map[string]any{"logGroupName": group, "limit": 10_000}
	for {
		var out struct {
			Events    []struct{ Message string }
			NextToken string
		}
		if err := s.call("logs", "FilterLogEvents", in, &out); err != nil {
			return nil, 0, err
		}
		for _, e := range out.Events {
			var event struct {
				Time   time.Time
				Detail struct{ Order, Step int }
			}
			if err := json.Unmarshal([]byte(e.Message), &event); err != nil {
				return nil, 0, fmt.Errorf("read event: %w", err)
			}
			seen[event.Detail.Order] = append(seen[event.Detail.Order], notice{event.Detail.Step, event.Time})
			total++
		}
		if out.NextToken == "" {
			return seen, total, nil
		}
		in["nextToken"] = out.NextToken
	}
}

// reportWaits prints by how much the waits of the executions were too long.
func reportWaits(s *server, executions []string, wait int) error {
	var mu sync.Mutex  // guards late and failed
	var late []float64 // seconds
	var failed error
	var readers sync.WaitGroup
	const readersAtOnce = 4
	for r := range readersAtOnce {
		readers.Go(func() {
			for i := r; i < len(executions); i += readersAtOnce {
				some, err := waitsOf(s, executions[i], wait)
				mu.Lock()
				late = append(late, some...)
				if err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	readers.Wait()
	if failed != nil {
		return failed
	}
	if len(late) != (steps-1)*len(executions) {
		return fmt.Errorf("the histories have %d waits, want %d", len(late), (steps-1)*len(executions))
	}
	slices.Sort(late)
	if late[0] < -0.001 { // of rounding
		return fmt.Errorf("a wait ended %.3f s early", -late[0])
	}
	fmt.Printf("waits of %d s ended late by %.0f ms (median), %.0f ms (99th percentile), %.0f ms (most)\n", wait, 1000*late[len(late)/2], 1000*late[len(late)*99/100], 1000*late[len(late)-1])
	return nil
}

// waitsOf returns by how many seconds the waits of an execution were too long.
func waitsOf(s *server, execution string, wait int) (late []float64, err error) {
	var history struct {
		Events []struct {
			Type      string
			Timestamp float64
		}
	}
	if err := s.call("states", "GetExecutionHistory", map[string]any{"executionArn": execution, "maxResults": 1000}, &history); err != nil {
		return nil, err
	}
	var entered float64
	for _, e := range history.Events {
		switch e.Type {
		case "WaitStateEntered":
			entered = e.Timestamp
		case "WaitStateExited":
			late = append(late, e.Timestamp-entered-float64(wait))
		}
	}
	return late, nil
}
