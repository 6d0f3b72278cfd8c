package states

import (
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// Constructors of what callers may see, in AWS's words.

func failure(code, format string, args ...any) *awsapi.Error {
	return awsapi.Errorf(code, 400, format, args...)
}

// Codes that are decided on.
const (
	codeNoMachine   = "StateMachineDoesNotExist"
	codeNoExecution = "ExecutionDoesNotExist"
	codeNoActivity  = "ActivityDoesNotExist"
	codeNoResource  = "ResourceNotFound"
)

func errNoMachine(arn string) error {
	return failure(codeNoMachine, "State Machine Does Not Exist: '%s'", arn)
}

func errNoExecution(arn string) error {
	return failure(codeNoExecution, "Execution Does Not Exist: '%s'", arn)
}

func errNoActivity(arn string) error {
	return failure(codeNoActivity, "Activity Does Not Exist: '%s'", arn)
}

func errNoResource(arn string) error {
	return failure(codeNoResource, "Resource not found: '%s'", arn)
}

func errARN(format string, args ...any) error {
	return failure("InvalidArn", "Invalid Arn: '"+format+"'", args...)
}

func errName(name string) error { return failure("InvalidName", "Invalid Name: '%s'", name) }

func errWrongType() error {
	return failure("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
}

func errInput(format string, args ...any) error {
	return failure("InvalidExecutionInput", "Invalid State Machine Execution Input: '"+format+"'", args...)
}

func errToken() error { return failure("InvalidToken", "Invalid Token: 'Invalid token'") }

func errTaskGone() error {
	return failure("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
}

func errValidation(format string, args ...any) error {
	return failure("ValidationException", format, args...)
}

// errDefinition says what is wrong with a definition.
func errDefinition(diagnostics []asl.Diagnostic) error {
	texts := make([]string, 0, len(diagnostics))
	for _, d := range diagnostics {
		if d.Severity == "ERROR" {
			texts = append(texts, d.String())
		}
	}
	return failure("InvalidDefinition", "Invalid State Machine Definition: '%s'", strings.Join(texts, ", "))
}
