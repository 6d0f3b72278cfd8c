package loop

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// appendSwitching appends the 101 response. AWS: no other header reaches the client.
func appendSwitching(dst, accept []byte, subprotocol string) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = append(dst, accept...)
	if subprotocol != "" {
		dst = append(append(dst, "\r\nSec-WebSocket-Protocol: "...), subprotocol...)
	}
	return append(dst, "\r\n\r\n"...)
}

// appendRefusal appends a response that ends the connection.
func appendRefusal(dst []byte, status int, headers []Header, body []byte, now time.Time) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(append(dst, ' '), http.StatusText(status)...)
	dst = append(dst, "\r\nDate: "...)
	dst = now.UTC().AppendFormat(dst, http.TimeFormat)
	for _, h := range headers {
		if !isToken(h.Name) || !isValue(h.Value) || ours(h.Name) {
			continue // what would break the response is left out
		}
		dst = append(append(append(append(dst, "\r\n"...), h.Name...), ": "...), h.Value...)
	}
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\nConnection: close\r\n\r\n"...)
	return append(dst, body...)
}

func ours(name string) bool {
	return strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "Connection") ||
		strings.EqualFold(name, "Transfer-Encoding") || strings.EqualFold(name, "Date")
}

// refusals are the answers that need no handler: its message and AWS's name of the error.
var refusals = map[int]struct{ message, kind string }{
	http.StatusBadRequest:                  {"Bad Request", "BadRequestException"},
	http.StatusRequestURITooLong:           {"Request URI too long", "RequestURITooLongException"},
	http.StatusUpgradeRequired:             {"Upgrade Required", "UpgradeRequiredException"},
	http.StatusRequestHeaderFieldsTooLarge: {"Request header fields too large", "RequestHeaderFieldsTooLargeException"},
	http.StatusServiceUnavailable:          {"Service Unavailable", "ServiceUnavailableException"},
}

// appendError appends one of the refusals in the form of the gateway's own errors.
func appendError(dst []byte, status int, now time.Time) []byte {
	r := refusals[status]
	body, _ := json.Marshal(map[string]string{"message": r.message})
	return appendRefusal(dst, status, []Header{
		{"Content-Type", "application/json"},
		{"x-amzn-RequestId", MakeID(now, rand.Uint32(), KindRequest, uint16(rand.Uint32())).String()},
		{"x-amzn-ErrorType", r.kind},
	}, body, now)
}
