package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

// keepChildren moves the children of map runs that are over to documents of their own, before the execution's document names these.
func (s *Service) keepChildren(ctx context.Context, docs store.Store, x *execution) error {
	for _, run := range x.Runs {
		if len(run.Children) == 0 {
			continue
		}
		data, err := json.Marshal(run.Children)
		if err != nil {
			return fmt.Errorf("encode children: %w", err)
		}
		id := newID()
		data = compress(data)
		for n := 0; n == 0 || len(data) > 0; n++ {
			part := data[:min(len(data), maxPart)]
			data = data[len(part):]
			if _, err := store.Put(ctx, docs, childrenKey(x.key, id, n), part, store.Always); err != nil {
				return fmt.Errorf("write children of %s: %w", x.key, err)
			}
		}
		run.Children, run.Kept = nil, id
	}
	return nil
}

func childrenKey(key, id string, n int) string { return "c/" + key + "/" + id + "." + strconv.Itoa(n) }

// children returns the children of a map run.
func (s *Service) children(ctx context.Context, x *execution, run *machine.MapRun) ([]machine.Child, error) {
	if run.Kept == "" {
		if run.Children != nil {
			return run.Children, nil
		}
		return x.ChildrenOf(run.ARN), nil
	}
	docs, err := s.executions(ctx)
	if err != nil {
		return nil, err
	}
	var data []byte
	for n := 0; ; n++ {
		doc, err := docs.Get(ctx, childrenKey(x.key, run.Kept, n))
		if errors.Is(err, store.ErrNotFound) && n > 0 {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read children of %s: %w", x.key, err)
		}
		data = append(data, doc.Data...)
		if len(doc.Data) < maxPart {
			break
		}
	}
	if data, err = decompress(data); err != nil {
		return nil, err
	}
	var all []machine.Child
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("decode children of %s: %w", x.key, err)
	}
	return all, nil
}

// A childExecution is a child of a map run, as callers ask for it.
type childExecution struct {
	machine.Child
	x     *execution // of the Map state
	run   *machine.MapRun
	index int
}

// childExecution finds a child by its ARN; it is nil if the ARN is that of an execution of its own.
func (s *Service) childExecution(ctx context.Context, arn string) (*childExecution, error) {
	n, err := parseARN(arn, "execution", "express")
	if err != nil {
		return nil, err
	}
	name, label, ok := strings.Cut(n.parts[0], "/")
	if !ok || len(n.parts) < 2 {
		return nil, nil
	}
	if n.kind == "express" {
		return nil, errWrongType()
	}
	all, err := s.executionsOfRun(ctx, n.place, name, n.parts[1])
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		for _, run := range x.MapRuns() {
			if run.Label() != label {
				continue
			}
			for i := range run.Total {
				if run.ChildName(i) != n.parts[1] {
					continue
				}
				children, err := s.children(ctx, x, run)
				if err != nil {
					return nil, err
				}
				if i < len(children) && children[i].Started > 0 && n.Account == placeOf(ctx).Account {
					return &childExecution{children[i], x, run, i}, nil
				}
			}
		}
	}
	return nil, errNoExecution(arn)
}

// runsKey begins the keys of the map runs that have their names' beginning in common with this.
func runsKey(p place, name, id string) string {
	return "m/" + p.String() + "/" + name + "/" + machine.Kin(id) + "/"
}

// listRuns writes which execution new map runs belong to, before the execution's document names these.
func (s *Service) listRuns(ctx context.Context, docs store.Store, x *execution) error {
	for _, run := range x.Unlisted() {
		if _, err := store.Put(ctx, docs, runsKey(placeOfKey(x.key), x.MachineName, run.ID())+run.ID(), []byte(x.key), store.Always); err != nil {
			return fmt.Errorf("list map run of %s: %w", x.key, err)
		}
		run.Listed = true
	}
	return nil
}

// executionsOfRun reads the executions of a machine one of which has the map run of this ID, or with a child of this name.
func (s *Service) executionsOfRun(ctx context.Context, p place, name, id string) ([]*execution, error) {
	docs, err := s.executions(ctx)
	if err != nil {
		return nil, err
	}
	listed, err := docs.List(ctx, runsKey(p, name, id))
	if err != nil {
		return nil, fmt.Errorf("list map runs: %w", err)
	}
	if len(listed) == 0 { // an older version began it
		return s.executionsOf(ctx, p, name)
	}
	var all []*execution
	for _, doc := range listed {
		x, err := s.load(ctx, string(doc.Data))
		if err != nil {
			return nil, err
		}
		if x != nil {
			all = append(all, x)
		}
	}
	return all, nil
}

// executionsOf reads all executions of a machine.
func (s *Service) executionsOf(ctx context.Context, p place, machine string) ([]*execution, error) {
	docs, err := s.executions(ctx)
	if err != nil {
		return nil, err
	}
	found, err := docs.List(ctx, "x/"+executionKey(p, machine, ""))
	if err != nil {
		return nil, fmt.Errorf("list executions: %w", err)
	}
	all := make([]*execution, 0, len(found))
	for _, doc := range found {
		x, err := s.decodeExecution(ctx, docs, strings.TrimPrefix(doc.Key, "x/"), doc)
		if errors.Is(err, store.ErrNotFound) { // it was written anew
			continue
		} else if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

func (c *childExecution) describe(data bool) *shapes.DescribeExecutionOutput {
	details := &shapes.CloudWatchEventsExecutionDataDetails{Included: new(data)}
	out := &shapes.DescribeExecutionOutput{
		RedriveDate: date(c.RedrivenAt), ExecutionArn: new(c.run.ChildARN(c.index)), StateMachineArn: new(c.run.MachineARN()), Name: new(c.run.ChildName(c.index)), Status: new(c.Status),
		StartDate: date(c.Started), StopDate: date(c.Stopped), MapRunArn: new(c.run.ARN), InputDetails: details,
		RedriveCount: new(int64(c.Redriven)), RedriveStatus: new(c.RedriveStatus()),
	}
	if reason := c.RedriveReason(); reason != "" {
		out.RedriveStatusReason = new(reason)
	}
	if data {
		out.Input = new(string(c.Input))
	}
	switch c.Status {
	case machine.Succeeded:
		if out.OutputDetails = details; data {
			out.Output = new(string(c.Output))
		}
	case machine.Failed, machine.TimedOut, machine.Aborted:
		out.Error, out.Cause = optionalText(c.Error), optionalText(c.Cause)
	}
	return out
}

func optionalText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (c *childExecution) item() *shapes.ExecutionListItem {
	return &shapes.ExecutionListItem{
		ExecutionArn: new(c.run.ChildARN(c.index)), StateMachineArn: new(c.run.MachineARN()), Name: new(c.run.ChildName(c.index)), Status: new(c.Status),
		StartDate: date(c.Started), StopDate: date(c.Stopped), MapRunArn: new(c.run.ARN), ItemCount: new(int64(c.Size())), RedriveCount: new(int64(c.Redriven)),
		RedriveDate: date(c.RedrivenAt),
	}
}

// listChildren is ListExecutions of a map run.
func (s *Service) listChildren(ctx context.Context, in *shapes.ListExecutionsInput) (*shapes.ListExecutionsOutput, error) {
	x, run, err := s.mapRun(ctx, *in.MapRunArn)
	if err != nil {
		return nil, err
	}
	if run.Type == express {
		return nil, errWrongType()
	}
	children, err := s.children(ctx, x, run)
	if err != nil {
		return nil, err
	}
	var all []*childExecution
	for i, c := range children {
		if want := deref(in.StatusFilter); c.Started > 0 && (want == "" || want == c.Status) && redriveMatches(deref(in.RedriveFilter), c.Redriven) {
			all = append(all, &childExecution{c, x, run, i})
		}
	}
	slices.SortStableFunc(all, func(a, b *childExecution) int { return int(b.Started - a.Started) })
	part, next, err := page(all, in.MaxResults, in.NextToken, 100)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListExecutionsOutput{Executions: []*shapes.ExecutionListItem{}, NextToken: next}
	for _, c := range part {
		out.Executions = append(out.Executions, c.item())
	}
	return out, nil
}
