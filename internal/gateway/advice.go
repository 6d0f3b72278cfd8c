package gateway

import (
	"cmp"
	"errors"
)

// advice is what to do about a failure whose place knows nothing better: every failure is told with a hint.
func (r *Record) advice() string {
	switch {
	case errors.Is(r.Cause, errStopping):
		return "the server is going down: connect again"
	case r.Kind == Push:
		return cmp.Or(pushAdvice[r.Status], pushAdvice[500])
	case r.Kind == Connect && r.Status == 0:
		return "clients wait for $connect: if many leave, make it faster"
	case r.Kind == Connect && r.Called && r.Answered > 0:
		return "the backend of $connect decided so: see its log"
	case r.Kind == Connect && r.Account == "":
		return "compare the URL with that of the stage: API, region and stage, which must have a deployment"
	case r.Status == 502:
		return "see the log of the backend, and what it answers"
	case r.Status >= 500:
		return "correct the integration or the authorizer, and deploy the API again"
	case r.Kind == Connect && (r.Status == 401 || r.Status == 403):
		return "sign the request with credentials that may invoke the API, and a clock that is right"
	}
	return "correct what the client sends"
}

// pushAdvice is the advice for calls of @connections, by status.
var pushAdvice = map[int]string{
	400: "send text that is UTF-8, to a connection id as the event has it",
	403: "correct the URL of @connections, or allow execute-api:ManageConnections",
	410: "the client has gone: forget the connection",
	413: "send less at once",
	429: "send less often: the client reads too slowly, or the account's limit is used up",
	500: "see the cause; if another node did not answer, try again",
}
