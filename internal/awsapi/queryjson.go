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
// AWS: like all members, the two stand in the order of their names.
func (c *call) answerJSON(t *wire.Type, output any) error {
	metadata := append(ourjson.AppendQuoted([]byte(`"ResponseMetadata":{"RequestId":`), c.id), '}')
	body := ourjson.AppendQuoted([]byte("{"), c.operation+"Response")
	body = append(body, ":{"...)
	wrapper := c.entry.api.Operations[c.operation].ResultWrapper
	if wrapper == "" || wrapper > "ResponseMetadata" {
		body = append(body, metadata...)
	}
	if wrapper != "" {
		if wrapper > "ResponseMetadata" {
			body = append(body, ',')
		}
		body = append(ourjson.AppendQuoted(body, wrapper), ':')
		var err error
		if body, err = t.AppendWholeJSON(body, output); err != nil {
			return err
		}
		if wrapper < "ResponseMetadata" {
			body = append(append(body, ','), metadata...)
		}
	}
	c.writeJSON(http.StatusOK, append(body, "}}"...))
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
