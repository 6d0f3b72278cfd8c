package connections

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/json"
)

var (
	errForbidden    = awsapi.Errorf("ForbiddenException", 403, "Forbidden")
	errMissingToken = awsapi.Errorf("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
	errUpgrade      = awsapi.Errorf("UpgradeRequiredException", http.StatusUpgradeRequired, "Upgrade Required")
	errTooLarge     = awsapi.Errorf("PayloadTooLargeException", 413, "Message too long")
	errRegion       = awsapi.Errorf("InvalidSignatureException", 403, "Credential should be scoped to a valid region. ")
)

// errNoMethod is AWS's answer to those who add the stage to a custom domain, where the mapping stands for it already.
func errNoMethod(route, method string) *awsapi.Error {
	return awsapi.Errorf("NotFoundException", http.StatusNotFound, "No method found matching route %s for http method %s.", route, method)
}

// errDenied is AWS's refusal of a caller without permission. AWS: the account of the resource is masked.
func errDenied(err *awsapi.Error, resource string) *awsapi.Error {
	return &awsapi.Error{Code: err.Code, Status: 403, Message: strings.ReplaceAll(err.Message, resource, apigateway.MaskAccount(resource))}
}

// fail answers with err. AWS: the bodies of 410 and 429 are empty; SDKs take the type from the header. Where IAM denies, the member is
// Message.
func (c *call) fail(err error) {
	e, ok := errors.AsType[*awsapi.Error](err)
	if !ok {
		c.s.log.Error("call of @connections failed", "request", c.requestID, "cause", err)
		e = awsapi.Errorf("InternalServerErrorException", 500, "Internal server error")
	}
	h := c.w.Header()
	h.Set("x-amzn-ErrorType", e.Code)
	var body []byte
	if e.Status != http.StatusGone && e.Status != http.StatusTooManyRequests {
		name := "message"
		if e.Code == "AccessDeniedException" {
			name = "Message"
		}
		body = append(json.AppendQuoted([]byte(`{"`+name+`":`), e.Message), '}')
		h.Set("Content-Type", "application/json")
	}
	if e.Status == http.StatusUpgradeRequired {
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(e.Status)
	_, _ = c.w.Write(body)
}

// newRequestID returns a request id in AWS's form for this API, a UUID.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
