package iam

import (
	"errors"
	"unicode"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// capital is the kind as it begins a sentence.
func (k kind) capital() string {
	r := []rune(string(k))
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}

func errNoEntity(format string, args ...any) error {
	return awsapi.Errorf("NoSuchEntity", 404, format, args...)
}

func errNoPrincipal(k kind, name string) error {
	return errNoEntity("The %s with name %s cannot be found.", k, name)
}

func errPrincipalExists(k kind, name string) error {
	return awsapi.Errorf("EntityAlreadyExists", 409, "%s with name %s already exists.", k.capital(), name)
}

func errDeleteConflict(why string) error {
	return awsapi.Errorf("DeleteConflict", 409, "%s", why)
}

func errMalformed(why string) error {
	return awsapi.Errorf("MalformedPolicyDocument", 400, "%s", why)
}

func errLimit(format string, args ...any) error {
	return awsapi.Errorf("LimitExceeded", 409, format, args...)
}

func errInvalidInput(format string, args ...any) error {
	return awsapi.Errorf("InvalidInput", 400, format, args...)
}

func errNoPolicyARN(policyARN string) error {
	return errNoEntity("Policy %s was not found.", policyARN)
}

func errNotAttachable(policyARN string) error {
	return errNoEntity("Policy %s does not exist or is not attachable.", policyARN)
}
