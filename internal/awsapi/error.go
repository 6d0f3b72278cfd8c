package awsapi

import (
	"errors"
	"fmt"
)

// An Error is what a caller may see, in AWS's words.
type Error struct {
	Code    string // "ResourceNotFoundException"
	Status  int    // HTTP status
	Message string
	Detail  map[string]any // further members of the body, by wire name; usually nil

	// QueryCode is the code in the Query protocol where it is another one: "AWS.SimpleQueueService.NonExistentQueue".
	QueryCode string
}

// Errorf returns an Error. The message is written for the caller: AWS's own text where AWS has one.
func Errorf(code string, status int, format string, args ...any) *Error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// With adds a member to the error's body and returns e.
func (e *Error) With(name string, value any) *Error {
	if e.Detail == nil {
		e.Detail = map[string]any{}
	}
	e.Detail[name] = value
	return e
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Code returns the code of the Error that err wraps, or "".
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
