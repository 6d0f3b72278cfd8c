package asl

import (
	"time"
)

// An Env is what an expression can see: the data of one state at one moment.
type Env struct {
	Input   any
	Context *Object        // the context object, $$ and $states.context
	Vars    map[string]any // variables that are in scope

	Result      any // $states.result, if HasResult
	HasResult   bool
	ErrorOutput any // $states.errorOutput, if not nil

	Now time.Time
	// Random returns 64 random bits. An execution that is taken up again after a crash gets the same ones again.
	Random func() uint64
}

// A Failure is an error of the state language: what Retry and Catch see, and what an execution fails with.
type Failure struct {
	Error, Cause string
	Location     string // the field of a JSONata expression, for the event EvaluationFailed
	Late         bool   // the expression itself went well; its value was wrong
	Bare         bool   // the cause is not to be introduced by the state's name
}

// NoLocation is the location of a failure that stands in no field but is a failed evaluation.
const NoLocation = "-"

// Names of errors.
const (
	ErrAll              = "States.ALL"
	ErrTaskFailed       = "States.TaskFailed"
	ErrTimeout          = "States.Timeout"
	ErrHeartbeatTimeout = "States.HeartbeatTimeout"
	ErrRuntime          = "States.Runtime"
	ErrDataLimit        = "States.DataLimitExceeded"
	ErrNoChoice         = "States.NoChoiceMatched"
	ErrIntrinsic        = "States.IntrinsicFailure"
	ErrResultPath       = "States.ResultPathMatchFailure"
	ErrBranchFailed     = "States.BranchFailed"
	ErrQuery            = "States.QueryEvaluationError"
	ErrItemReader       = "States.ItemReaderFailed"
	ErrResultWriter     = "States.ResultWriterFailed"
	ErrPermissions      = "States.Permissions"
	ErrTolerated        = "States.ExceedToleratedFailureThreshold"
)

// uuid returns a random UUID of version 4.
func (e *Env) uuid() string {
	return UUID(e.Random(), e.Random())
}

// UUID makes a UUID of version 4 of random bits.
func UUID(a, b uint64) string {
	const hex = "0123456789abcdef"
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	out := make([]byte, 0, 36)
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			out = append(out, '-')
		}
		word := a
		if i >= 16 {
			word = b
		}
		out = append(out, hex[word>>(60-4*(i%16))&15])
	}
	return string(out)
}
