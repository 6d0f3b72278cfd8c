package cloudformation

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

// reason words an error as CloudFormation does.
func (st *step) reason(err error) string {
	return handlerReason(err, st.def.Type, st.id, token(st.stack.Op.ID, st.id, "error"))
}

func handlerReason(err error, typ, id, token string) string {
	var e *awsapi.Error
	var p *resource.InvalidProperties
	var t *template.Error
	switch {
	case errors.As(err, &p):
		return fmt.Sprintf("Properties validation failed for resource %s with message:\n%s", id, p.Error())
	case errors.As(err, &t):
		return t.Message
	case errors.As(err, &e):
		service := typ
		if parts := strings.Split(typ, "::"); len(parts) == 3 {
			service = parts[1]
		}
		return fmt.Sprintf("Resource handler returned message: %q (RequestToken: %s, HandlerErrorCode: %s)",
			fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", e.Message, service, e.Status, newUUID()), token, handlerErrorCode(e))
	}
	return err.Error()
}

func handlerErrorCode(e *awsapi.Error) string {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(e.Code, p) })
	}
	switch {
	case has("NotFound", "NoSuch", "NonExistent"):
		return "NotFound"
	case has("AlreadyExist", "Conflict", "InUse", "EntityAlreadyExists"):
		return "AlreadyExists"
	case has("AccessDenied", "Unauthorized"):
		return "AccessDenied"
	case has("Throttl", "TooManyRequests"):
		return "Throttling"
	case has("LimitExceeded"):
		return "ServiceLimitExceeded"
	case e.Status < 500:
		return "InvalidRequest"
	}
	return "GeneralServiceException"
}
