package events

import "github.com/sallyport/sallyport/internal/awsapi"

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", 400, format, args...)
}

func notFound(format string, args ...any) error {
	return awsapi.Errorf("ResourceNotFoundException", 400, format, args...)
}

func exists(format string, args ...any) error {
	return awsapi.Errorf("ResourceAlreadyExistsException", 400, format, args...)
}

func errNoBus(name string) error { return notFound("Event bus %s does not exist.", name) }

func errNoRule(b busRef, name string) error {
	return notFound("Rule %s does not exist on EventBus %s.", name, b.name)
}

func errLimit() error {
	return awsapi.Errorf("LimitExceededException", 400, "The requested resource exceeds the maximum number allowed.")
}

func errPattern(reason error) error {
	return awsapi.Errorf("InvalidEventPatternException", 400, "Event pattern is not valid. Reason: %s", reason)
}
