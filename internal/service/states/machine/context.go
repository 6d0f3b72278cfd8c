package machine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// Timestamp writes a time as AWS does in the context object. AWS: it is what Java makes of an instant, whose fraction has three digits or none.
func Timestamp(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	if ms%1000 == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

// env makes what the expressions of a thread's state see.
func (r *Turn) env(t *Thread, input any) *asl.Env {
	return &asl.Env{Input: input, Context: r.context(t), Vars: r.vars(t), Now: r.Now, Random: r.random}
}

// random returns bits that depend on the execution and on how many it has drawn.
func (r *Turn) random() uint64 {
	r.X.Draws++
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], r.X.Seed)
	binary.LittleEndian.PutUint64(b[8:], r.X.Draws)
	sum := sha256.Sum256(b[:]) // task tokens are made of them: one must not tell the next
	return binary.LittleEndian.Uint64(sum[:])
}

// UUID returns a new UUID of the execution.
func (r *Turn) UUID() string { return asl.UUID(r.random(), r.random()) }

// vars joins the variables of the thread's scope and of those around it.
func (r *Turn) vars(t *Thread) map[string]any {
	var all map[string]any
	for ; t != nil; t = r.X.Thread(t.Parent) {
		for name, text := range t.Vars {
			if _, inner := all[name]; inner {
				continue
			}
			if all == nil {
				all = map[string]any{}
			}
			all[name] = r.decode(text)
		}
	}
	return all
}

// decode reads what the execution itself has written.
func (r *Turn) decode(text json.RawMessage) any {
	if len(text) == 0 {
		return nil
	}
	v, err := asl.Decode(text)
	if err != nil {
		panic(fmt.Sprintf("machine: execution %s holds no JSON: %v", r.X.ARN, err))
	}
	return v
}

// context makes the context object.
func (r *Turn) context(t *Thread) *asl.Object {
	if r.Context != nil {
		return r.Context
	}
	x := r.X
	name, role := t.State, any(x.RoleARN)
	if r.Probe != nil {
		name = "StateName" // AWS: whatever it is called
	}
	if x.RoleARN == "" {
		role = nil
	}
	execution := asl.NewObject("Id", x.ARN, "Input", r.decode(x.Input), "Name", x.Name, "RoleArn", role, "StartTime", Timestamp(x.Started))
	c := asl.NewObject("Execution", execution,
		"StateMachine", asl.NewObject("Id", x.MachineARN, "Name", x.MachineName))
	redriven, at := x.Redriven, x.RedrivenAt
	if g, i := x.childOf(t); g != nil {
		r.childContext(c, g, i)
		redriven, at = g.child(i).Redriven, g.child(i).RedrivenAt
	}
	if !r.NoHistory {
		execution.Set("RedriveCount", json.Number(strconv.Itoa(redriven)))
		if redriven > 0 {
			execution.Set("RedriveTime", Timestamp(at))
		}
	}
	c.Set("State", asl.NewObject("Name", name, "EnteredTime", Timestamp(t.Entered)))
	switch s := r.stateOf(t); s.Type {
	case "Task", "Parallel", "Map": // AWS: those that can be retried
		state, _ := c.Get("State")
		state.(*asl.Object).Set("RetryCount", json.Number(strconv.Itoa(t.RetryCount)))
	}
	if t.Task != nil && t.Task.Token != "" {
		c.Set("Task", asl.NewObject("Token", t.Task.Token))
	}
	for scope := t; scope != nil; scope = x.Thread(scope.Parent) {
		if scope.Item != nil {
			c.Set("Map", asl.NewObject("Item", asl.NewObject("Index", json.Number(strconv.Itoa(scope.Index)), "Value", r.decode(scope.Item))))
			break
		}
	}
	return c
}

// childContext makes the context that of a child execution of a distributed Map state.
func (r *Turn) childContext(c *asl.Object, g *Group, index int) {
	run, child := g.Run, g.child(index)
	v, _ := c.Get("Execution")
	execution := v.(*asl.Object)
	execution.Set("Id", run.ChildARN(index))
	execution.Set("Input", r.decode(child.Input))
	execution.Set("Name", run.ChildName(index))
	execution.Set("StartTime", Timestamp(child.Started))
	c.Set("StateMachine", asl.NewObject("Id", run.MachineARN(), "Name", r.X.MachineName+"/"+run.Label()))
}

// machineOf finds a thread's machine in the definition.
func (r *Turn) machineOf(t *Thread) *asl.Machine {
	m := r.Def.Machine
	for rest := t.Machine; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "\x00")
		name, index, branch := strings.Cut(part, "\x01")
		s := m.States[name]
		if branch {
			n, _ := strconv.Atoi(index)
			m = s.Branches[n]
		} else {
			m = s.Processor
		}
	}
	return m
}

// inner is the path of a machine within state s of thread t.
func inner(t *Thread, part string) string {
	if t.Machine == "" {
		return part
	}
	return t.Machine + "\x00" + part
}

func (r *Turn) stateOf(t *Thread) *asl.State { return r.machineOf(t).States[t.State] }
