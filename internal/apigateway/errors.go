package apigateway

import "github.com/sallyport/sallyport/internal/awsapi"

// BadRequest is an error of the caller's making.
func BadRequest(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("BadRequestException", 400, format, args...)
}

// NotFound says that something named in the request does not exist.
func NotFound(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("NotFoundException", 404, format, args...)
}

// Conflict says that the request does not agree with what exists.
func Conflict(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("ConflictException", 409, format, args...)
}

// ErrNoAPI says that there is no API of this id. AWS prints the account before the id.
func (l Place) ErrNoAPI(id string) error {
	return NotFound("Invalid API identifier specified %s:%s", l.Account, id)
}

func errNoStage() error { return NotFound("Invalid stage identifier specified") }

// errNo says that a part does not exist; kind is AWS's word for it.
func errNo(kind, id string) error { return NotFound("Invalid %s identifier specified %s", kind, id) }

// ErrNoDeployment says that there is no deployment of this id.
func ErrNoDeployment(id string) error { return errNo("Deployment", id) }

// checkLength refuses a text that is shorter or longer than AWS takes.
func checkLength(name, value string, least, most int) error {
	if n := len([]rune(value)); n < least || n > most {
		return BadRequest("Invalid %s specified: length must be between %d and %d", name, least, most)
	}
	return nil
}

// checkEnum lets the empty string pass: it stands for the default.
func checkEnum(name, value string, legal ...string) error {
	for _, l := range legal {
		if value == l {
			return nil
		}
	}
	if value == "" {
		return nil
	}
	list := ""
	for i, l := range legal {
		if i > 0 {
			list += ", "
		}
		list += l
	}
	return BadRequest("Invalid %s specified. Must be one of [%s]", name, list)
}

// firstError returns the first of errs that is one.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
