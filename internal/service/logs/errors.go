package logs

import "github.com/sallyport/sallyport/internal/awsapi"

const (
	codeNotFound = "ResourceNotFoundException"
	codeExists   = "ResourceAlreadyExistsException"
)

func errNoGroup() error {
	return awsapi.Errorf(codeNotFound, 400, "The specified log group does not exist.")
}

func errNoStream() error {
	return awsapi.Errorf(codeNotFound, 400, "The specified log stream does not exist.")
}

func errGroupExists() error {
	return awsapi.Errorf(codeExists, 400, "The specified log group already exists")
}

func errStreamExists() error {
	return awsapi.Errorf(codeExists, 400, "The specified log stream already exists")
}

func errParameter(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterException", 400, format, args...)
}

func errToken() error { return errParameter("The specified nextToken is invalid.") }

// checkName refuses names of groups and streams that are too long.
func checkName(name string) error {
	if len(name) > 512 {
		return errParameter("Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
	}
	return nil
}
