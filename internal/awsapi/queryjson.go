package awsapi

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
	ourjson "github.com/sallyport/sallyport/internal/json"
)

// AWS: services of the Query protocol answer JSON to those who accept it. API Gateway's integrations do.

// wantsJSON reports whether a request of the Query protocol wants its answer as JSON.
func (c *call) wantsJSON() bool {
	return c.entry != nil && c.entry.api.Protocol == Query && strings.HasPrefix(c.r.Header.Get("Accept"), "application/json")
}

// answerJSON writes what answer writes as XML: {"PublishResponse":{"PublishResult":{…},"ResponseMetadata":{"RequestId":"…"}}}.
func (c *call) answerJSON(t *wire.Type, output any) error {
	body := ourjson.AppendQuoted([]byte("{"), c.operation+"Response")
	body = append(body, ":{"...)
	if wrapper := c.entry.api.Operations[c.operation].ResultWrapper; wrapper != "" {
		body = ourjson.AppendQuoted(body, wrapper)
		body = append(body, ':')
		var err error
		if body, err = t.AppendJSON(body, output); err != nil {
			return err
		}
		body = append(body, ',')
	}
	body = append(body, `"ResponseMetadata":{"RequestId":`...)
	body = append(ourjson.AppendQuoted(body, c.id), "}}}"...)
	c.writeJSON(http.StatusOK, body)
	return nil
}

// errorJSON writes an error: {"Error":{"Code":"…","Message":"…","Type":"Sender"},"RequestId":"…"}.
func (c *call) errorJSON(e *Error) {
	code := e.Code
	if e.QueryCode != "" {
		code = e.QueryCode
	}
	body := ourjson.AppendQuoted([]byte(`{"Error":{"Code":`), strings.TrimSpace(code))
	body = ourjson.AppendQuoted(append(body, `,"Message":`...), e.Message)
	body = ourjson.AppendQuoted(append(body, `,"Type":`...), e.who())
	body = ourjson.AppendQuoted(append(body, `},"RequestId":`...), c.id)
	c.writeJSON(e.Status, append(body, '}'))
}

func (c *call) writeJSON(status int, body []byte) {
	h := c.w.Header()
	h.Set("X-Amzn-Requestid", c.id)
	h.Set("Content-Type", "application/json")
	write(c.w, status, body)
}
