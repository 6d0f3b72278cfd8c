package lambda

import (
	"fmt"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// Constructors of what callers may see, in AWS's words. Bodies carry Type, as AWS's do.

func failure(code string, status int, format string, args ...any) *awsapi.Error {
	return awsapi.Errorf(code, status, format, args...).With("Type", "User")
}

func errFunctionNotFound(arn string) error {
	return failure("ResourceNotFoundException", 404, "Function not found: %s", arn)
}

func errNotFound(format string, args ...any) error {
	return failure("ResourceNotFoundException", 404, format, args...)
}

func errConflict(format string, args ...any) error {
	return failure("ResourceConflictException", 409, format, args...)
}

func errInvalid(format string, args ...any) error {
	return failure("InvalidParameterValueException", 400, format, args...)
}

func errRevision() error {
	return failure("PreconditionFailedException", 412, "The RevisionId provided does not match the latest RevisionId. Call the GetFunction or the GetAlias API to retrieve the latest Revision Id")
}

func errThrottled(reason string) error {
	return failure("TooManyRequestsException", 429, "Rate Exceeded.").With("Reason", reason)
}

func errTooLarge(size int, kind string, limit int) error {
	return failure("RequestTooLargeException", 413, "%d byte payload is too large for the %s invocation type (limit %d bytes)", size, kind, limit)
}

// errConstraint is a violation of the model that the generated constraints do not say.
func errConstraint(value any, member, constraint string) error {
	return failure("ValidationException", 400, "%s", fmt.Sprintf("1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: %s", value, member, constraint))
}
