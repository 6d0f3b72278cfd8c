package gateway

import (
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
)

// Texts of error frames and refusals that the gateway itself decides on.
const (
	forbidden       = "Forbidden"
	internalError   = "Internal server error"
	tooManyRequests = "Too Many Requests"
	limitExceeded   = "Limit Exceeded"
	invalidBody     = "Invalid request body"
	missingToken    = "Missing Authentication Token"
)

// appendErrorFrame appends what a client reads when its message failed. The blanks are AWS's.
func appendErrorFrame(dst []byte, text string, connection, request loop.ID) []byte {
	dst = append(dst, `{"message": `...)
	dst = json.AppendQuoted(dst, text)
	dst = append(dst, `, "connectionId":"`...)
	dst = connection.Append(dst)
	dst = append(dst, `", "requestId":"`...)
	dst = request.Append(dst)
	return append(dst, `"}`...)
}

// errorTypes are the values of x-amzn-ErrorType.
var errorTypes = map[int]string{
	400: "BadRequestException",
	401: "UnauthorizedException",
	403: "ForbiddenException",
	415: "UnsupportedMediaTypeException",
	429: "TooManyRequestsException",
	503: "ServiceUnavailableException",
}

// A refusal is why an upgrade is not accepted.
type refusal struct {
	integration.Failure
	kind string // x-amzn-ErrorType; empty: by the status
}

// refused makes a refusal of the gateway's own.
func refused(status int, message string, cause error, hint string) *refusal {
	return &refusal{Failure: integration.Failure{Status: status, Message: message, Cause: cause, Hint: hint}}
}

// answer refuses an upgrade.
func (f *refusal) answer(c loop.Conn, request loop.ID) {
	kind := f.kind
	if kind == "" {
		kind = errorTypes[f.Status]
	}
	if kind == "" {
		kind = "InternalServerErrorException"
	}
	name := "message"
	if kind == "AccessDeniedException" {
		name = "Message" // AWS: IAM writes it so
	}
	body := append(json.AppendQuoted([]byte(`{"`+name+`":`), f.Message), '}')
	_ = c.Refuse(f.Status, []loop.Header{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "x-amzn-RequestId", Value: request.String()},
		{Name: "x-amzn-ErrorType", Value: kind},
	}, body)
}
