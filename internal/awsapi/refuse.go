package awsapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
	ourjson "github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/store"
)

// WriteError writes err in the API's protocol. What is no *Error is logged here, and the client learns no more than the request's ID.
func (a *API) WriteError(ctx context.Context, w http.ResponseWriter, log *slog.Logger, requestID string, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = a.internalError(ctx, log, requestID, err)
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", requestID)
	switch a.Protocol {
	case JSON:
		body, err := a.jsonError(e)
		if err != nil {
			log.ErrorContext(ctx, "error's details cannot be written", "code", e.Code, "err", err)
		}
		if a.QueryToo { // SDKs that once spoke Query go by this code
			h.Set("X-Amzn-Query-Error", cmp.Or(e.QueryCode, e.Code)+";"+e.who())
		}
		a.writeJSON(w, e.Status, body)
	case RestJSON:
		h.Set("X-Amzn-Errortype", e.Code)
		h.Set("Content-Type", "application/json")
		body, err := a.restError(e)
		if err != nil {
			log.ErrorContext(ctx, "error's details cannot be written", "code", e.Code, "err", err)
		}
		write(w, e.Status, body)
	case RestXML:
		h.Set("Content-Type", "application/xml")
		write(w, e.Status, append(xmlError([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"), e), "<RequestId>"+requestID+"</RequestId></Error>"...))
	default:
		h.Set("Content-Type", "text/xml")
		if e.QueryCode != "" {
			q := *e
			q.Code = e.QueryCode
			e = &q
		}
		body := xmlError([]byte("<ErrorResponse xmlns=\""+a.XMLNamespace+"\"><Error><Type>"+e.who()+"</Type>"), e)
		write(w, e.Status, append(body, "</Error><RequestId>"+requestID+"</RequestId></ErrorResponse>\n"...))
	}
}

// who is whose fault e is, in the Query protocol.
func (e *Error) who() string {
	if e.Status >= 500 {
		return "Receiver"
	}
	return "Sender"
}

// internalError logs err, and returns what the service calls such a thing.
func (a *API) internalError(ctx context.Context, log *slog.Logger, requestID string, err error) *Error {
	if errors.Is(err, store.ErrUnavailable) {
		log.LogAttrs(ctx, slog.LevelError, "store unavailable", slog.String("service", a.Name), slog.String("request", requestID), slog.Any("err", err))
		return Errorf("ServiceUnavailable", http.StatusServiceUnavailable, "The service cannot store anything at the moment. Request ID: %s", requestID)
	}
	if !errors.Is(err, context.Canceled) {
		log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("service", a.Name), slog.String("request", requestID), slog.Any("err", err))
	}
	code := "InternalFailure"
	switch a.Name {
	case "dynamodb", "dynamodbstreams":
		code = "InternalServerError"
	case "lambda", "iam":
		code = "ServiceException"
	}
	return Errorf(code, http.StatusInternalServerError, "The request processing has failed because of an unknown error, exception or failure. Request ID: %s", requestID)
}

// jsonError returns the body of the JSON protocol.
func (a *API) jsonError(e *Error) ([]byte, error) {
	body := append([]byte(`{"__type":`), ourjson.AppendQuoted(nil, a.namespace(e.Code)+e.Code)...)
	body = appendMessage(body, e, a.messageKey(e.Code))
	return appendDetail(body, e)
}

// namespace is what DynamoDB and SQS put before their codes.
func (a *API) namespace(code string) string {
	if a.QueryToo && code != "ValidationException" && code != "UnknownOperationException" {
		return "com.amazonaws." + a.Name + "#"
	}
	if a.SigningName != "dynamodb" {
		return ""
	}
	switch code {
	case "ValidationException":
		return "com.amazon.coral.validate#"
	case "SerializationException", "UnknownOperationException", "MissingAuthenticationTokenException", "IncompleteSignatureException",
		"InvalidSignatureException", "UnrecognizedClientException", "ExpiredTokenException", "AccessDeniedException", "ThrottlingException":
		return "com.amazon.coral.service#"
	}
	return "com.amazonaws.dynamodb.v20120810#"
}

// messageKey is how the service spells the member: SDKs take both.
func (a *API) messageKey(code string) string {
	switch code {
	case "TransactionCanceledException", "IdempotentParameterMismatchException", "TransactionInProgressException", "AccessDeniedException":
		if a.SigningName == "dynamodb" {
			return "Message"
		}
	}
	return "message"
}

// restError returns the body of the REST-JSON protocol.
func (a *API) restError(e *Error) ([]byte, error) {
	switch {
	case a.Name == "lambda":
		who := "User"
		if e.Status >= 500 {
			who = "Service"
		}
		body := []byte(`{"Type":"` + who + `"`)
		body = appendMessage(body, e, "Message")
		body = appendMessage(body, e, "message")
		return appendDetail(body, e)
	case e.Code == "AccessDeniedException" && a.SigningName == "execute-api":
		return appendDetail(appendMessage([]byte(`{`), e, "Message"), e)
	}
	return appendDetail(appendMessage([]byte(`{`), e, "message"), e)
}

// appendMessage adds the message, unless the error's details have one of that name.
func appendMessage(body []byte, e *Error, key string) []byte {
	if _, ok := e.Detail[key]; ok || e.Message == "" {
		return body
	}
	if body[len(body)-1] != '{' {
		body = append(body, ',')
	}
	body = append(body, `"`+key+`":`...)
	return ourjson.AppendQuoted(body, e.Message)
}

// appendDetail adds the error's further members and closes the object.
func appendDetail(body []byte, e *Error) ([]byte, error) {
	var first error
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		if body[len(body)-1] != '{' {
			body = append(body, ',')
		}
		body = ourjson.AppendQuoted(body, name)
		body = append(body, ':')
		out, err := wire.AppendValue(body, e.Detail[name])
		if err != nil {
			if first == nil {
				first = err
			}
			out = append(body, "null"...)
		}
		body = out
	}
	return append(body, '}'), first
}

// xmlError appends code, message and those details that are strings.
func xmlError(dst []byte, e *Error) []byte {
	element := func(name, text string) {
		dst = append(dst, "<"+name+">"...)
		dst = wire.AppendXMLText(dst, text)
		dst = append(dst, "</"+name+">"...)
	}
	element("Code", strings.TrimSpace(e.Code))
	element("Message", e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		if s, ok := e.Detail[name].(string); ok {
			element(name, s)
		}
	}
	return dst
}
