package lambda

import (
	"fmt"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// Constructors of what callers may see, in AWS's words.

func failure(code string, status int, format string, args ...any) *awsapi.Error {
	return awsapi.Errorf(code, status, format, args...)
}

func errFunctionNotFound(arn string) error {
	return failure("ResourceNotFoundException", 404, "Function not found: %s", arn)
}

func errAliasNotFound(arn string) error {
	return failure("ResourceNotFoundException", 404, "Cannot find alias arn: %s", arn)
}

// errNoQualifier says that a function has no such version or alias.
func errNoQualifier(fn *function, qualifier string) error {
	if qualifier == latest || isVersion(qualifier) {
		return errFunctionNotFound(fn.arn(qualifier))
	}
	return errAliasNotFound(fn.arn(qualifier))
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

// errRevision says that somebody else was faster; get is the operation that tells the newest revision.
func errRevision(get string) error {
	return failure("PreconditionFailedException", 412, "The Revision Id provided does not match the latest Revision Id. Call the %s API to retrieve the latest Revision Id", get)
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
