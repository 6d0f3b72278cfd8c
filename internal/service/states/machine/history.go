package machine

import (
	"encoding/json"
	"time"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// An Event is one event of an execution's history.
type Event struct {
	ID      int64           `json:"i"`
	Prev    int64           `json:"p"`
	At      int64           `json:"t"` // milliseconds
	Type    string          `json:"y"`
	Child   int             `json:"c,omitempty"` // the child execution whose history it is in; zero: the execution itself
	Details json.RawMessage `json:"d,omitempty"`
}

// maxEvents is how many events a history has. AWS: 25,000.
const maxEvents = 25_000

const tooManyEvents = "The execution reached the maximum number of history events (25000)."

// event adds an event to the history of the execution that a thread is part of, and returns its number. Without a thread it is the whole
// execution's. details are names and values in turns.
func (r *Turn) event(t *Thread, prev int64, kind string, details ...any) int64 {
	if t != nil && t.InChild {
		if g, i := r.X.childOf(t); g != nil {
			return r.childEvent(g, i, prev, kind, details)
		}
	}
	x := r.X
	x.LastEvent++
	r.note(x.ARN, r.NoHistory, newEvent(x.LastEvent, prev, r.Now, kind, details))
	if x.LastEvent >= maxEvents-1 && !x.Ended() && !r.NoHistory {
		r.overflowing = true
	}
	return x.LastEvent
}

// childEvent adds an event to the history of a child execution. AWS: express ones have none.
func (r *Turn) childEvent(g *Group, index int, prev int64, kind string, details []any) int64 {
	c := g.child(index)
	c.LastEvent++
	e := newEvent(c.LastEvent, prev, r.Now, kind, details)
	e.Child = c.ID
	r.note(g.Run.ChildARN(index), g.Run.express(), e)
	return c.LastEvent
}

func newEvent(id, prev int64, now time.Time, kind string, details []any) Event {
	e := Event{ID: id, Prev: prev, At: now.UnixMilli(), Type: kind}
	if details != nil {
		e.Details = asl.Encode(asl.NewObject(details...))
	}
	return e
}

// note keeps an event, unless it is for the log only.
func (r *Turn) note(arn string, logOnly bool, e Event) {
	if !logOnly {
		r.X.Events = append(r.X.Events, e)
	}
	if r.Log != nil {
		r.Log(arn, e)
	}
}

// on adds an event of a thread.
func (r *Turn) on(t *Thread, kind string, details ...any) {
	t.Prev = r.event(t, t.Prev, kind, details...)
}

// untruncated is the companion of every input and output in a history.
var untruncated = asl.NewObject("truncated", false)

// DetailsName is the name of the member that holds the details of events of a type.
func DetailsName(kind string) string {
	switch {
	case len(kind) > 12 && kind[len(kind)-12:] == "StateEntered":
		return "stateEnteredEventDetails"
	case len(kind) > 11 && kind[len(kind)-11:] == "StateExited":
		return "stateExitedEventDetails"
	}
	return string(kind[0]+'a'-'A') + kind[1:] + "EventDetails"
}
