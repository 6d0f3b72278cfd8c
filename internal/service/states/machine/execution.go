package machine

import (
	"encoding/json"
)

// Statuses of an execution.
const (
	Running   = "RUNNING"
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
	TimedOut  = "TIMED_OUT"
	Aborted   = "ABORTED"

	PendingRedrive = "PENDING_REDRIVE" // of a child execution
)

// An Execution is one execution as it is kept. Times are milliseconds since 1970.
type Execution struct {
	ARN         string          `json:"arn"`
	Name        string          `json:"name"`
	MachineARN  string          `json:"machine"`
	MachineName string          `json:"machineName"`
	RoleARN     string          `json:"role,omitempty"`
	Input       json.RawMessage `json:"input"`
	Started     int64           `json:"started"`
	Seed        uint64          `json:"seed"`
	Redriven    int             `json:"redriven,omitempty"`
	RedrivenAt  int64           `json:"redrivenAt,omitempty"`

	Status  string          `json:"status"`
	Output  json.RawMessage `json:"output,omitempty"`
	Error   *string         `json:"error,omitempty"`
	Cause   *string         `json:"cause,omitempty"`
	Stopped int64           `json:"stopped,omitempty"`

	Deadline int64     `json:"deadline,omitempty"` // of the whole
	Threads  []*Thread `json:"threads,omitempty"`
	LastID   int       `json:"lastThread,omitempty"`
	Seq      int64     `json:"seq,omitempty"`   // counts waits, so that an old timer is known
	Draws    uint64    `json:"draws,omitempty"` // counts random values

	Runs      []*MapRun `json:"runs,omitempty"`      // that are over
	LastChild int       `json:"lastChild,omitempty"` // numbers child executions

	// Resuming says that the execution was redriven, and that its threads have not gone on yet.
	Resuming bool   `json:"resuming,omitempty"`
	Redriver string `json:"redriver,omitempty"` // the client's token of the last redrive

	LastEvent int64   `json:"lastEvent"`
	Events    []Event `json:"events,omitempty"` // those that are not in chunks, of the execution and its children
}

// A Thread is one line of control: the whole execution, a branch or an iteration.
type Thread struct {
	ID      int    `json:"i"`
	Parent  int    `json:"p,omitempty"` // 0: none
	Index   int    `json:"n,omitempty"` // of the branch or item
	Machine string `json:"m,omitempty"` // path of its machine in the definition: "Map" or "Parallel/1"
	InChild bool   `json:"q,omitempty"` // it is part of a child of a distributed Map: its events are not the execution's

	State        string                     `json:"s"`
	Phase        Phase                      `json:"f"`
	Input        json.RawMessage            `json:"in"`
	Vars         map[string]json.RawMessage `json:"v,omitempty"`
	Item         json.RawMessage            `json:"item,omitempty"` // $$.Map.Item.Value
	Entered      int64                      `json:"t,omitempty"`
	EnteredEvent int64                      `json:"e,omitempty"`
	EnteredPrev  int64                      `json:"ep,omitempty"` // the event before that
	Prev         int64                      `json:"pe,omitempty"` // the event before the next
	Retries      []int                      `json:"r,omitempty"`  // by retrier
	RetryCount   int                        `json:"rc,omitempty"`

	At    int64  `json:"at,omitempty"`  // when the timer fires
	Seq   int64  `json:"sq,omitempty"`  // of the timer or task
	Owner string `json:"o,omitempty"`   // who cares for the timer or task: an activation
	End   int64  `json:"end,omitempty"` // when a child execution, whose first thread this is, has taken too long
	Task  *Task  `json:"task,omitempty"`
	Group *Group `json:"group,omitempty"`
}

// A Phase says what a thread waits for.
type Phase uint8

// Phases.
const (
	Enter    Phase = iota // nothing: it enters State
	Again                 // nothing: it does State again, after a retry's delay
	Waiting               // a Wait state's timer
	Retrying              // a retry's timer
	Calling               // a task's call
	Callback              // a task token, an activity's worker, or the end of what the call started
	Children              // its branches or iterations
	Reading               // items or results of a distributed Map state that are outside
)

// A Task is what a Task state does.
type Task struct {
	Resource    string          `json:"r"`
	Input       json.RawMessage `json:"in"`
	Role        string          `json:"role,omitempty"`
	Token       string          `json:"token,omitempty"`
	RequestID   string          `json:"id,omitempty"`
	Submitted   bool            `json:"sub,omitempty"`
	StartedBy   bool            `json:"st,omitempty"`   // an activity's worker took it
	Deadline    int64           `json:"dl,omitempty"`   // when it times out
	Heartbeat   int64           `json:"hb,omitempty"`   // seconds
	HeartbeatAt int64           `json:"hbat,omitempty"` // when the heartbeat is missed
	Child       string          `json:"child,omitempty"`
}

// A Group is the branches of a Parallel state or the iterations of a Map state.
type Group struct {
	Items     []json.RawMessage `json:"items,omitempty"`
	Selected  bool              `json:"sel,omitempty"`  // ItemSelector has been applied, as it is before items are put together
	Keys      []string          `json:"keys,omitempty"` // of an object's members that the items are
	Sources   []Source          `json:"src,omitempty"`  // where the items were read
	Count     int               `json:"n"`
	Next      int               `json:"next"`
	Live      int               `json:"live"`
	Max       int               `json:"max,omitempty"` // zero: no limit
	Results   []json.RawMessage `json:"res"`
	Failures  int               `json:"fail,omitempty"` // items
	Done      int               `json:"done,omitempty"`
	Error     string            `json:"err,omitempty"`
	Cause     string            `json:"cause,omitempty"`
	Input     json.RawMessage   `json:"in,omitempty"` // what ItemSelector and branches see
	Run       *MapRun           `json:"run,omitempty"`
	LastEvent int64             `json:"last,omitempty"`
	Writing   bool              `json:"w,omitempty"`       // its results are being written
	MaxItems  int               `json:"mi,omitempty"`      // of the reader
	Children  []Child           `json:"kids,omitempty"`    // of a distributed Map
	Exceeded  bool              `json:"exc,omitempty"`     // too many have failed: the results are written, then it fails
	Todo      []int             `json:"todo,omitempty"`    // children of a redriven map run that wait for their turn
	Redrive   string            `json:"redrive,omitempty"` // the map run that a redrive goes on with
}

// A MapRun is what a distributed Map state is known as.
type MapRun struct {
	ARN      string  `json:"arn"`
	Started  int64   `json:"started"`
	Stopped  int64   `json:"stopped,omitempty"`
	Status   string  `json:"status"`
	Max      int     `json:"max"`
	TolCount int64   `json:"tolCount"`
	TolPct   float64 `json:"tolPct"`
	Type     string  `json:"type,omitempty"`

	Redriven   int   `json:"redriven,omitempty"`
	RedrivenAt int64 `json:"redrivenAt,omitempty"`

	Total      int    `json:"total"`           // children
	Items      int    `json:"items,omitempty"` // that they have
	Executions Counts `json:"executions"`      // of a run that is over
	ItemCounts Counts `json:"itemCounts"`
	Written    bool   `json:"written,omitempty"` // by ResultWriter

	Kin    bool `json:"kin,omitempty"`    // names of children begin as the run's ID does
	Listed bool `json:"listed,omitempty"` // it can be found by its ID

	Children []Child `json:"kids,omitempty"` // of a run that is over, until they are kept elsewhere
	Kept     string  `json:"kept,omitempty"` // where
}

// A Source is the object of S3 that items from one index on were read from.
type Source struct {
	From int    `json:"from"`
	URI  string `json:"uri"`
}

// Counts say how many children of a map run, or how many of its items, are where.
type Counts struct {
	Pending        int `json:"pending,omitempty"`
	Running        int `json:"running,omitempty"`
	Succeeded      int `json:"ok,omitempty"`
	Failed         int `json:"failed,omitempty"`
	TimedOut       int `json:"timedOut,omitempty"`
	Aborted        int `json:"aborted,omitempty"`
	PendingRedrive int `json:"redrive,omitempty"`
	NotRedrivable  int `json:"lost,omitempty"` // of those that failed, timed out or were aborted
}

// Thread returns a thread by its number, or nil.
func (x *Execution) Thread(id int) *Thread {
	for _, t := range x.Threads {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// Ended tells whether the execution is over.
func (x *Execution) Ended() bool { return x.Status != Running }
