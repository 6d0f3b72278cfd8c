package sqs

import "github.com/sallyport/sallyport/internal/awsapi"

// failure returns an error whose code in the Query protocol is another one.
func failure(code, queryCode, format string, args ...any) *awsapi.Error {
	e := awsapi.Errorf(code, 400, format, args...)
	e.QueryCode = queryCode
	return e
}

func errNoQueue() error {
	return failure("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}

func errInvalid(format string, args ...any) *awsapi.Error {
	return failure("InvalidParameterValueException", "InvalidParameterValue", format, args...)
}

func errMissing(name string) error {
	return failure("MissingRequiredParameterException", "MissingParameter", "The request must contain the parameter %s.", name)
}

func errAttributeValue(name string) error {
	return failure("InvalidAttributeValue", "InvalidAttributeValue", "Invalid value for the parameter %s.", name)
}
