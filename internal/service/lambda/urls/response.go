package urls

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// A result is one that says how to respond. Any other is a body of JSON with status 200.
type result struct {
	StatusCode json.Number    `json:"statusCode"`
	Headers    map[string]any `json:"headers"`
	Cookies    []string       `json:"cookies"`
	Body       any            `json:"body"`
	Base64     bool           `json:"isBase64Encoded"`
}

// respond writes what the function has returned, and says whether it could.
func (c *call) respond(data []byte) bool {
	var r result
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&r); err != nil || r.StatusCode == "" {
		if looksLikeResult(data) {
			return false
		}
		c.w.Header().Set("Content-Type", "application/json")
		_, _ = c.w.Write(data)
		return true
	}
	status, err := strconv.Atoi(r.StatusCode.String())
	if err != nil || status < 100 || status > 999 {
		return false
	}
	body, ok := r.body()
	if !ok {
		return false
	}
	h := c.w.Header()
	for name, value := range r.Headers {
		if granted(h, name) {
			continue // CORS of the URL stands above the function's
		}
		h.Set(name, fmt.Sprint(value))
	}
	for _, cookie := range r.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Del("Content-Length")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body)
	}
	return true
}

// looksLikeResult tells a result with a member of a wrong kind from any other JSON.
func looksLikeResult(data []byte) bool {
	var o struct {
		StatusCode json.RawMessage `json:"statusCode"`
	}
	return json.Unmarshal(data, &o) == nil && len(o.StatusCode) > 0
}

// body returns the bytes of a body; one that is no string is sent as its JSON.
func (r *result) body() ([]byte, bool) {
	switch b := r.Body.(type) {
	case nil:
		return nil, true
	case string:
		if !r.Base64 {
			return []byte(b), true
		}
		data, err := base64.StdEncoding.DecodeString(b)
		return data, err == nil
	}
	data, err := json.Marshal(r.Body)
	return data, err == nil
}
