package wsapp

import (
	"errors"
	"fmt"
)

// Errors of calls to connections, found with [errors.Is].
var (
	// ErrGone says that a connection has ended, or is not open yet: while $connect runs nothing can be sent.
	ErrGone = errors.New("wsapp: connection is gone")

	// ErrThrottled says that the connection, or the account, takes no more at the moment.
	ErrThrottled = errors.New("wsapp: too many messages")

	// ErrTooLarge says that a message has more than 128 KB.
	ErrTooLarge = errors.New("wsapp: message is larger than 128 KB")
)

// Errors of an [Authorizer].
var (
	// ErrUnauthorized answers a client with 401.
	//lint:ignore ST1005 AWS: this very text means 401
	ErrUnauthorized = errors.New("Unauthorized")

	// ErrForbidden answers a client with 403.
	ErrForbidden = errors.New("forbidden")
)

// errNoTable says what a broadcast needs.
var errNoTable = errors.New("wsapp: the app keeps no connections; set App.Table")

// errNoEngine says where connections can be reached from.
var errNoEngine = errors.New("wsapp: the context is none of a route's function; make one with App.Context")

// An Error is an answer that a function decided on: on $connect it refuses the client with Status, on a two-way route Message is the reply,
// and on a one-way route only logs and tests see it. Any other error is a failure of the function.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an [*Error].
func Errorf(status int, format string, args ...any) error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...)}
}
