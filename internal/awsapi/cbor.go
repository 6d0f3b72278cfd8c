package awsapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// Newer SDKs speak rpc-v2-cbor with services of the JSON protocol that once spoke Query: the operation is in the path, bodies are CBOR.
// CloudWatch is the first of them.

const cborProtocol = "rpc-v2-cbor"

var cborPath = regexp.MustCompile(`^/service/([A-Za-z0-9_]+)/operation/([A-Za-z0-9_]+)$`)

// findCBOR looks for the service and operation in the path.
func (h *handler) findCBOR(c *call) error {
	m := cborPath.FindStringSubmatch(c.r.URL.Path)
	if m == nil || h.targets[m[1]] == nil {
		return Errorf("UnknownOperationException", http.StatusNotFound, "")
	}
	c.entry, c.operation = h.targets[m[1]], m[2]
	return h.readBody(c)
}

// readCBOR decodes the input.
func (c *call) readCBOR(t *wire.Type, input any) error {
	body, err := wire.CBORToJSON(c.signed.Body)
	if err != nil {
		return &wire.SerializationError{Message: err.Error()}
	}
	return t.ReadJSON(body, input, dialectOf(c.entry.api))
}

// answerCBOR writes the output.
func (c *call) answerCBOR(t *wire.Type, output any) error {
	body, err := t.AppendCBOR(nil, output)
	if err != nil {
		return err
	}
	c.writeCBOR(http.StatusOK, body)
	return nil
}

func (c *call) writeCBOR(status int, body []byte) {
	header := c.w.Header()
	header.Set("X-Amzn-Requestid", c.id)
	header.Set("Smithy-Protocol", cborProtocol)
	header.Set("Content-Type", "application/cbor")
	write(c.w, status, body)
}

// failCBOR writes an error.
func (h *handler) failCBOR(c *call, err error) {
	api := c.api()
	var e *Error
	if !errors.As(err, &e) {
		e = api.internalError(context.WithoutCancel(c.r.Context()), h.opts.Log, c.id, err)
	}
	body, err := api.jsonError(e)
	if err == nil {
		body, err = wire.CBOROf(body)
	}
	if err != nil {
		h.opts.Log.Error("error cannot be written", "code", e.Code, "err", err)
	}
	if api.QueryToo {
		c.w.Header().Set("X-Amzn-Query-Error", cmp.Or(e.QueryCode, e.Code)+";"+e.who())
	}
	c.writeCBOR(e.Status, body)
}
