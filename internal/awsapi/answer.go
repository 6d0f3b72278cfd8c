package awsapi

import (
	"hash/crc32"
	"net/http"
	"strconv"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// answer writes the output of an operation in the API's protocol.
func (a *API) answer(w http.ResponseWriter, operation string, t *wire.Type, output any, requestID string) error {
	binding := a.Operations[operation]
	status := binding.Status
	if status == 0 {
		status = http.StatusOK
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", requestID)
	if live, ok := output.(Live); ok {
		a.answerLive(w, live)
		return nil
	}
	switch a.Protocol {
	case JSON:
		body, err := t.AppendJSON(nil, output)
		if err != nil {
			return err
		}
		a.writeJSON(w, status, body)
	case RestJSON:
		return a.answerREST(w, t, output, status)
	default:
		h.Set("Content-Type", "text/xml")
		body := append([]byte(nil), "<"+operation+"Response xmlns=\""+a.XMLNamespace+"\">"...)
		if binding.ResultWrapper != "" {
			body = append(body, "<"+binding.ResultWrapper+">"...)
			body = t.AppendXML(body, output)
			body = append(body, "</"+binding.ResultWrapper+">"...)
		}
		body = append(body, "<ResponseMetadata><RequestId>"+requestID+"</RequestId></ResponseMetadata></"+operation+"Response>\n"...)
		write(w, status, body)
	}
	return nil
}

func (a *API) answerREST(w http.ResponseWriter, t *wire.Type, output any, status int) error {
	res, err := t.AppendREST(output)
	if err != nil {
		return err
	}
	h := w.Header()
	for _, f := range res.Header {
		h.Set(f[0], f[1])
	}
	if res.Status != 0 {
		status = res.Status
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return nil
	}
	contentType := res.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	h.Set("Content-Type", contentType)
	write(w, status, res.Body)
	return nil
}

// writeJSON writes a body of the JSON protocol. AWS: DynamoDB adds the body's checksum, which SDKs verify.
func (a *API) writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-"+a.JSONVersion)
	if a.SigningName == "dynamodb" {
		h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	}
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone is no concern
}
