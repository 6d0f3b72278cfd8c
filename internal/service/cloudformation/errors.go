package cloudformation

import (
	"errors"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation/sam"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

// ErrNoChanges says that a stack is already as the template wants it.
var ErrNoChanges = errors.New("cloudformation: no updates are to be performed")

func errValidation(format string, args ...any) error {
	return awsapi.Errorf("ValidationError", 400, format, args...)
}

func errNoStackID(name string) error {
	return errValidation("Stack with id %s does not exist", name)
}

func errNoStack(name string) error {
	return errValidation("Stack [%s] does not exist", name)
}

func errStackExists(name string) error {
	return awsapi.Errorf("AlreadyExistsException", 400, "Stack [%s] already exists", name)
}

func errNoChangeSet(name string) error {
	return awsapi.Errorf("ChangeSetNotFound", 404, "ChangeSet [%s] does not exist", name)
}

func errCapabilities(needed string) error {
	return awsapi.Errorf("InsufficientCapabilitiesException", 400, "Requires capabilities : [%s]", needed)
}

func errCannotUpdate(st *stack) error {
	return errValidation("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
}

// visible turns errors about templates into what callers see of them.
func visible(err error) error {
	var t *template.Error
	var p *resource.InvalidProperties
	var serverless *sam.Error
	switch {
	case errors.As(err, &serverless):
		return awsapi.Errorf("ValidationError", 400, "%s", serverless.Reason())
	case errors.As(err, &t):
		return awsapi.Errorf("ValidationError", 400, "%s", t.Message)
	case errors.As(err, &p):
		return awsapi.Errorf("ValidationError", 400, "%s", p.Error())
	}
	return err
}
