package s3

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // version 2 signs with it
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// AWS: boto3 presigns URLs with the old Signature Version 2 in us-east-1 unless it is told not to, so that URLs which apps hand
// out are of this kind. Version 2 is taken in queries only.

// signedV2 are the parts of a query that version 2 signs.
var signedV2 = []string{
	"accelerate", "acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy", "requestPayment",
	"response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
	"response-content-type", "response-expires", "restore", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
}

func isV2(query url.Values) bool { return query.Has("AWSAccessKeyId") && query.Has("Signature") }

func (h *handler) verifyV2(q *request, signed *sigv4.Request, peer netip.Addr) (awsapi.Caller, error) {
	expires, err := strconv.ParseInt(q.query.Get("Expires"), 10, 64)
	if err != nil {
		return awsapi.Caller{}, errDenied()
	}
	if h.s.now().After(time.Unix(expires, 0)) {
		return awsapi.Caller{}, awsapi.Errorf("AccessDenied", 403, "Request has expired")
	}
	return h.gate.VerifyKey(q.ctx, signed, q.query.Get("AWSAccessKeyId"), q.query.Get("x-amz-security-token"), api, peer, func(secret string) error {
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write([]byte(q.stringToSignV2()))
		want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if !sigv4.SameSignature(want, q.query.Get("Signature")) {
			return &sigv4.Error{Kind: sigv4.Invalid, Message: "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
		}
		return nil
	})
}

// stringToSignV2 is what version 2 signs of a request.
func (q *request) stringToSignV2() string {
	header := func(name string) string {
		if v := q.r.Header.Get(name); v != "" {
			return v
		}
		return q.query.Get(strings.ToLower(name))
	}
	var b strings.Builder
	for _, line := range []string{q.r.Method, header("Content-Md5"), header("Content-Type"), q.query.Get("Expires")} {
		b.WriteString(line + "\n")
	}
	// Headers of Amazon's may stand in the query, too.
	amz := map[string]string{}
	for _, from := range []map[string][]string{q.r.Header, q.query} {
		for name, values := range from {
			if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
				amz[lower] = strings.Join(values, ",")
			}
		}
	}
	for _, name := range sortedKeys(amz) {
		b.WriteString(name + ":" + strings.TrimSpace(amz[name]) + "\n")
	}
	path := q.r.URL.EscapedPath()
	if inHost, _, _ := address(q.r.Host, "/"); inHost != "" {
		path = "/" + inHost + path
	}
	b.WriteString(path)
	separator := "?"
	for _, name := range slices.Sorted(slices.Values(signedV2)) {
		if !q.query.Has(name) {
			continue
		}
		b.WriteString(separator + name)
		if value := q.query.Get(name); value != "" {
			b.WriteString("=" + value)
		}
		separator = "&"
	}
	return b.String()
}
