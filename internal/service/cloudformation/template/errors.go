package template

import (
	"fmt"
	"strings"
)

// An Error is what is wrong with a template, in CloudFormation's words.
type Error struct {
	Message string
	Position
}

// A Position is a place in the template's text; the zero Position is unknown.
type Position struct {
	Line, Column int
}

// Error returns the message with the place, for people. What goes over the wire is Message alone.
func (e *Error) Error() string {
	if e.Line == 0 || strings.Contains(e.Message, "(line ") {
		return e.Message
	}
	return fmt.Sprintf("%s (line %d, column %d)", e.Message, e.Line, e.Column)
}

func errorAt(p Position, format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Position: p}
}

// A NoAttributeError says that a resource's type has no such attribute.
type NoAttributeError struct {
	Type, Attribute string
}

func (e *NoAttributeError) Error() string {
	return fmt.Sprintf("Resource type %s does not support attribute {%s}.", e.Type, e.Attribute)
}
