package s3

import (
	"context"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// api is what signatures and errors are made by.
var api = &awsapi.API{Name: "s3", SigningName: "s3", Version: "2006-03-01", Protocol: awsapi.RestXML, XMLNamespace: xmlNamespace}

const xmlNamespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// maxDocument is how large a body may be that is not an object.
const maxDocument = 2 << 20

// Handler answers S3's HTTP interface. gate verifies signatures, authz says what callers may do.
func (s *Service) Handler(gate *awsapi.Gatekeeper, authz awsapi.Authorizer) http.Handler {
	return &handler{s: s, gate: gate, authz: authz}
}

type handler struct {
	s     *Service
	gate  *awsapi.Gatekeeper
	authz awsapi.Authorizer
}

// A request is one request on its way.
type request struct {
	w           http.ResponseWriter
	r           *http.Request
	ctx         context.Context //nolint:containedctx // of this one request
	query       url.Values
	bucket, key string
	op          operation
	chunks      *sigv4.Chunks
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := newID()
	w.Header().Set("X-Amz-Request-Id", strings.ToUpper(id[:16]))
	w.Header().Set("X-Amz-Id-2", hex.EncodeToString([]byte(id)))
	w.Header().Set("Server", "AmazonS3")
	q := &request{w: w, r: r, ctx: r.Context()}
	if err := h.serve(q); err != nil {
		api.WriteError(q.ctx, w, h.s.log, strings.ToUpper(id[:16]), readError(err))
	}
}

func (h *handler) serve(q *request) error {
	var err error
	if q.query, err = url.ParseQuery(q.r.URL.RawQuery); err != nil {
		return awsapi.Errorf("InvalidURI", 400, "Couldn't parse the specified URI.")
	}
	if q.bucket, q.key, err = address(q.r.Host, q.r.URL.EscapedPath()); err != nil {
		return awsapi.Errorf("InvalidURI", 400, "Couldn't parse the specified URI.")
	}
	h.tellRegion(q)
	caller, err := h.caller(q)
	if err != nil {
		return err
	}
	q.ctx = awsapi.WithCaller(q.ctx, caller)
	if q.op = q.operation(); q.op.do == nil {
		return errNotImplemented()
	}
	if !caller.Admin {
		if err := h.authz.Authorize(q.ctx, "s3:"+q.op.action, q.arn(), nil); err != nil {
			return denied(err)
		}
	}
	if err := h.checkOwner(q); err != nil {
		return err
	}
	return q.op.do(h.s, q)
}

// tellRegion tells where a bucket is. AWS: everybody who asks for the head of a bucket learns it, also who may not see the bucket; SDKs look for it
// without a signature.
func (h *handler) tellRegion(q *request) {
	if q.r.Method != http.MethodHead || q.bucket == "" || q.key != "" {
		return
	}
	b := new(bucket)
	if rev, err := h.s.read(q.ctx, bucketKey(q.bucket), b); err == nil && rev != 0 {
		q.w.Header().Set("X-Amz-Bucket-Region", b.Region)
	}
}

// caller verifies the signature. Its errors are those of S3.
func (h *handler) caller(q *request) (awsapi.Caller, error) {
	r := q.r
	signed := awsapi.SignedRequest(r, nil)
	var peer netip.Addr
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		peer = ap.Addr().Unmap()
	}
	caller, err := h.verify(q, signed, peer)
	caller.SourceIP, caller.UserAgent = peer.String(), r.UserAgent()
	return caller, err
}

func (h *handler) verify(q *request, signed *sigv4.Request, peer netip.Addr) (awsapi.Caller, error) {
	if isV2(q.query) {
		return h.verifyV2(q, signed, peer)
	}
	caller, chunks, err := h.gate.VerifyUnread(q.ctx, signed, api, peer)
	q.chunks = chunks
	return caller, err
}

// checkOwner refuses a bucket that is not whose the request says it is.
func (h *handler) checkOwner(q *request) error {
	owner := q.r.Header.Get("X-Amz-Expected-Bucket-Owner")
	if owner == "" || q.bucket == "" {
		return nil
	}
	b, err := h.s.bucket(q.ctx, q.bucket)
	if err == nil && b.Account != owner {
		return errDenied()
	}
	return nil // a bucket that does not exist has its own error
}

// arn is what a request is about.
func (q *request) arn() string {
	switch {
	case q.bucket == "":
		return "*"
	case q.key == "":
		return "arn:aws:s3:::" + q.bucket
	}
	return "arn:aws:s3:::" + q.bucket + "/" + q.key
}

// denied gives a refusal S3's code.
func denied(err error) error {
	if e := (*awsapi.Error)(nil); errors.As(err, &e) && e.Code == "AccessDeniedException" {
		return awsapi.Errorf("AccessDenied", 403, "%s", e.Message)
	}
	return err
}

// readError turns what a broken body looks like into S3's words.
func readError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, new(*awsapi.Error)):
		return err
	case errors.As(err, &tooLarge):
		return awsapi.Errorf("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return awsapi.Errorf("IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	return err
}

// document reads a body that is not an object, and checks it as one.
func (q *request) document() ([]byte, error) {
	q.r.Body = http.MaxBytesReader(q.w, q.r.Body, maxDocument)
	data, err := io.ReadAll(receive(q.r, q.chunks))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return data, nil
}

// decode reads a body that is XML.
func (q *request) decode(v any) error {
	data, err := q.document()
	if err != nil {
		return err
	}
	if err := xml.Unmarshal(data, v); err != nil {
		return errMalformedXML()
	}
	return nil
}

// answer writes XML.
func (q *request) answer(v any) error {
	data, err := xml.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	q.w.Header().Set("Content-Type", "application/xml")
	_, _ = q.w.Write(append([]byte(xml.Header), data...)) // the client may be gone
	return nil
}

// done answers without a body.
func (q *request) done(status int) error {
	q.w.WriteHeader(status)
	return nil
}
