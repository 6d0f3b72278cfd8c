package cloudformation

import (
	"context"
	"sync"
)

// maxParallel bounds how many resources of a stack are worked on at the same time.
const maxParallel = 16

// walk calls f for every node when f has returned nil for all that the node waits for, as many at a time as it may. After an
// error it starts no more, waits for those that run, and returns the nodes that failed. What before says of nodes that are not in
// nodes does not count.
func walk(ctx context.Context, nodes []string, before map[string][]string, f func(ctx context.Context, node string) error) (failed []string) {
	return walkAll(ctx, nodes, before, false, f)
}

// walkOn is walk that leaves out only what waits for a failed node.
func walkOn(ctx context.Context, nodes []string, before map[string][]string, f func(ctx context.Context, node string) error) (failed []string) {
	return walkAll(ctx, nodes, before, true, f)
}

func walkAll(ctx context.Context, nodes []string, before map[string][]string, goOn bool, f func(ctx context.Context, node string) error) (failed []string) {
	in := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		in[n] = true
	}
	waits := make(map[string]int, len(nodes))
	after := map[string][]string{}
	for _, n := range nodes {
		for _, b := range before[n] {
			if in[b] && b != n {
				waits[n]++
				after[b] = append(after[b], n)
			}
		}
	}
	type result struct {
		node string
		err  error
	}
	results := make(chan result)
	var wg sync.WaitGroup
	defer wg.Wait()
	var ready []string
	for _, n := range nodes {
		if waits[n] == 0 {
			ready = append(ready, n)
		}
	}
	running := 0
	for {
		for len(ready) > 0 && running < maxParallel && (goOn || len(failed) == 0) && ctx.Err() == nil {
			n := ready[0]
			ready = ready[1:]
			running++
			wg.Go(func() { results <- result{n, f(ctx, n)} })
		}
		if running == 0 {
			return failed
		}
		r := <-results
		running--
		if r.err != nil {
			failed = append(failed, r.node)
			continue
		}
		for _, n := range after[r.node] {
			if waits[n]--; waits[n] == 0 {
				ready = append(ready, n)
			}
		}
	}
}

// reverse turns "n waits for b" into "b waits for n".
func reverse(before map[string][]string) map[string][]string {
	r := make(map[string][]string, len(before))
	for n, bs := range before {
		for _, b := range bs {
			r[b] = append(r[b], n)
		}
	}
	return r
}
