package machine

import (
	"encoding/json"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// An Event is one event of an execution's history.
type Event struct {
	ID      int64           `json:"i"`
	Prev    int64           `json:"p"`
	At      int64           `json:"t"` // milliseconds
	Type    string          `json:"y"`
	Details json.RawMessage `json:"d,omitempty"`
}

// maxEvents is how many events a history has. AWS: 25,000.
const maxEvents = 25_000

const tooManyEvents = "The execution reached the maximum number of history events (25000)."

// event adds an event to the history and returns its number. details are names and values in turns.
func (r *Turn) event(prev int64, kind string, details ...any) int64 {
	x := r.X
	x.LastEvent++
	e := Event{ID: x.LastEvent, Prev: prev, At: r.Now.UnixMilli(), Type: kind}
	if details != nil {
		e.Details = asl.Encode(asl.NewObject(details...))
	}
	if r.NoHistory {
		r.log(e)
		return e.ID
	}
	x.Events = append(x.Events, e)
	r.log(e)
	if x.LastEvent >= maxEvents-1 && !x.Ended() && !r.overflowing {
		r.overflowing = true
	}
	return e.ID
}

func (r *Turn) log(e Event) {
	if r.Log != nil {
		r.Log(e)
	}
}

// on adds an event of a thread.
func (r *Turn) on(t *Thread, kind string, details ...any) {
	if t.Silent {
		return
	}
	t.Prev = r.event(t.Prev, kind, details...)
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
