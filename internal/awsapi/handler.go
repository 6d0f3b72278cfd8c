package awsapi

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// Options are the choices of a Handler.
type Options struct {
	Log    *slog.Logger
	Region string // told to anonymous callers of GET /

	// Mounts has handlers for signing names that the catalog does not serve ("s3"). A request that names one in its signature's
	// scope goes there as it is: the handler verifies it by itself.
	Mounts map[string]http.Handler

	// TrustedProxies may say by X-Forwarded-Host and X-Forwarded-For what they received.
	TrustedProxies []netip.Prefix
}

// A handler is all services behind one port.
type handler struct {
	catalog *Catalog
	gate    *Gatekeeper
	authz   Authorizer
	opts    Options
	targets map[string]*entry // by TargetPrefix
	queries []*entry
	routes  map[*entry]*wire.Routes
	rest    []*entry
}

// Handler answers HTTP requests to all services of the catalog. The service is found by X-Amz-Target, Action or path, and by the
// scope of the signature where several fit. Everything but OPTIONS and GET / must be signed, as gate sees it, and allowed by authz.
func Handler(c *Catalog, gate *Gatekeeper, authz Authorizer, o Options) http.Handler {
	h := &handler{catalog: c, gate: gate, authz: authz, opts: o, targets: map[string]*entry{}, routes: map[*entry]*wire.Routes{}}
	for _, name := range c.names {
		e := c.entries[name]
		switch e.api.Protocol {
		case JSON:
			h.targets[e.api.TargetPrefix] = e
			if e.api.QueryToo {
				h.queries = append(h.queries, e.asQuery())
			}
		case Query:
			h.queries = append(h.queries, e)
		case RestJSON:
			h.rest = append(h.rest, e)
			h.routes[e] = &wire.Routes{}
			for op, b := range e.api.Operations {
				h.routes[e].Add(op, b.Method, b.URI)
			}
		}
	}
	return h
}

// asQuery returns the service as clients of the Query protocol see it.
func (e *entry) asQuery() *entry {
	api := *e.api
	api.Protocol = Query
	api.Operations = map[string]Binding{}
	for name, b := range e.api.Operations {
		if op, ok := e.ops[name]; ok && !op.out().Empty() {
			b.ResultWrapper = name + "Result"
		}
		api.Operations[name] = b
	}
	return &entry{api: &api, ops: e.ops}
}

// A call is one request on its way through the handler.
type call struct {
	w         http.ResponseWriter
	r         *http.Request
	id        string
	peer      netip.Addr
	host      string
	signed    sigv4.Request
	scope     string // the service named in the signature, or ""
	query     url.Values
	form      url.Values // of the Query protocol
	entry     *entry
	operation string
	path      map[string]string
	cbor      bool // bodies are CBOR
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{w: w, r: r, id: requestID(), cbor: r.Header.Get("Smithy-Protocol") == cborProtocol}
	h.identify(c)
	if r.Header.Get("Origin") != "" {
		allowOrigin(w, r)
	}
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("X-Amzn-Requestid", c.id)
		w.WriteHeader(http.StatusOK)
		return
	case r.Method == http.MethodGet && r.URL.Path == "/" && c.scope == "" && !sigv4.IsSigned(&c.signed) && r.URL.RawQuery == "":
		w.Header().Set("X-Amzn-Requestid", c.id)
		write(w, http.StatusOK, []byte("healthy: dynamodb."+h.opts.Region+".amazonaws.com \n"))
		return
	}
	if mount := h.opts.Mounts[c.scope]; mount != nil {
		mount.ServeHTTP(w, r)
		return
	}
	err := h.find(c)
	if err == nil {
		err = h.serve(c)
	}
	if err != nil {
		h.fail(c, err)
	}
}

// fail writes an error in the form that the caller understands.
func (h *handler) fail(c *call, err error) {
	if c.cbor {
		h.failCBOR(c, err)
		return
	}
	if own, ok := errors.AsType[*Error](err); ok && c.wantsJSON() {
		c.errorJSON(own)
		return
	}
	c.api().WriteError(c.r.Context(), c.w, h.opts.Log, c.id, err)
}

// identify notes where the request comes from, what it says of its signature, and its query.
func (h *handler) identify(c *call) {
	r := c.r
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.peer = ap.Addr().Unmap()
	}
	c.host = r.Host
	if h.trusted(c.peer) {
		if fh := r.Header.Get("X-Forwarded-Host"); fh != "" {
			first, _, _ := strings.Cut(fh, ",")
			c.host = strings.TrimSpace(first)
		}
		if ff := r.Header.Get("X-Forwarded-For"); ff != "" {
			if addr, err := netip.ParseAddr(strings.TrimSpace(ff[strings.LastIndexByte(ff, ',')+1:])); err == nil {
				c.peer = addr.Unmap()
			}
		}
	}
	c.signed = *SignedRequest(r, nil)
	c.signed.Host = c.host
	if v, ok := verifiedOf(r.Context()); ok {
		c.scope = v.service
	} else if sig, err := sigv4.Parse(&c.signed); err == nil {
		c.scope = sig.Service
	}
	c.query, _ = url.ParseQuery(r.URL.RawQuery)
	// AWS: only S3 still takes signatures of version 2, in queries; boto3 makes them for presigned URLs in us-east-1.
	if c.scope == "" && c.query.Has("AWSAccessKeyId") && c.query.Has("Signature") {
		c.scope = "s3"
	}
	// S3 also answers those who have not signed; then nothing but the host's name says that it is meant.
	if c.scope == "" && isS3Host(c.host) {
		c.scope = "s3"
	}
}

func (h *handler) trusted(peer netip.Addr) bool {
	for _, p := range h.opts.TrustedProxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// allowOrigin lets pages of any site read answers: they need a key all the same.
func allowOrigin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "x-amzn-requestid,x-amzn-errortype,x-amz-request-id,x-amz-crc32,date")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,POST,DELETE,PATCH")
		h.Set("Access-Control-Max-Age", "172800")
		if want := r.Header.Get("Access-Control-Request-Headers"); want != "" {
			h.Set("Access-Control-Allow-Headers", want)
		}
	}
}

// find sets service and operation, and reads the body. The error is for whoever made a request that nobody answers.
func (h *handler) find(c *call) error {
	if c.cbor {
		return h.findCBOR(c)
	}
	if target := c.r.Header.Get("X-Amz-Target"); target != "" {
		prefix, op, _ := strings.Cut(target, ".")
		c.entry, c.operation = h.targets[prefix], op
		if c.entry == nil {
			return Errorf("UnknownOperationException", 400, "")
		}
		return h.readBody(c)
	}
	if h.findREST(c) {
		return h.readBody(c)
	}
	if (c.r.URL.Path == "/" || queuePath.MatchString(c.r.URL.Path)) && (c.r.Method == http.MethodPost || c.query.Has("Action")) {
		if err := h.readBody(c); err != nil {
			return err
		}
		if h.findQuery(c) {
			return nil
		}
	}
	return h.nobody(c)
}

// queuePath is the path of a queue's URL: account and name.
var queuePath = regexp.MustCompile(`^/[0-9]{12}/[A-Za-z0-9_.-]+/?$`)

// findREST looks for a path of a REST service, first of those that the signature names.
func (h *handler) findREST(c *call) bool {
	for _, second := range []bool{false, true} {
		for _, e := range h.rest {
			if (e.api.SigningName == c.scope) == second {
				continue
			}
			if op, params, ok := h.routes[e].Find(c.r.Method, c.r.URL.EscapedPath(), c.query); ok {
				c.entry, c.operation, c.path = e, op, params
				return true
			}
		}
	}
	return false
}

// findQuery looks for the service that has the form's Action: of those that the signature names, or of the form's Version.
func (h *handler) findQuery(c *call) bool {
	c.form = c.query
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || len(c.signed.Body) > 0 {
		form, err := url.ParseQuery(string(c.signed.Body))
		if err != nil {
			return false
		}
		for k, v := range c.query {
			if !form.Has(k) {
				form[k] = v
			}
		}
		c.form = form
	}
	c.operation = c.form.Get("Action")
	if c.operation == "" {
		return false
	}
	if c.r.URL.Path != "/" && !c.form.Has("QueueUrl") { // AWS: a queue's URL takes the operations on it
		c.form.Set("QueueUrl", "http://"+c.host+c.r.URL.Path)
	}
	for _, fits := range []func(*API) bool{
		func(a *API) bool { return a.SigningName == c.scope },
		func(a *API) bool { return a.Version == c.form.Get("Version") },
	} {
		for _, e := range h.queries {
			if fits(e.api) {
				c.entry = e
				return true
			}
		}
	}
	return false
}

// nobody explains why a request reaches no operation.
func (h *handler) nobody(c *call) error {
	for _, name := range h.catalog.names {
		if e := h.catalog.entries[name]; e.api.SigningName == c.scope {
			c.entry = &entry{api: e.api}
			switch e.api.Protocol {
			case RestJSON:
				if c.scope == "apigateway" || c.scope == "execute-api" {
					return Errorf("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
				}
				return Errorf("UnknownOperationException", 404, "")
			case JSON:
				if c.r.Method != http.MethodPost {
					return Errorf("UnknownOperationException", 404, "")
				}
				return Errorf("UnknownOperationException", 400, "")
			}
			return Errorf("MissingAction", 400, "The request must contain the parameter Action.")
		}
	}
	if c.scope != "" {
		return errNoService(c.scope)
	}
	return Errorf("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
}

// api returns the API that errors are written for.
func (c *call) api() *API {
	if c.entry != nil {
		return c.entry.api
	}
	return &API{Name: "unknown", Protocol: RestJSON}
}

// Largest bodies, in bytes.
const (
	maxBody       = 16 << 20
	maxLambdaBody = 72 << 20 // a zip file of 50 MB, as base64
)

func (h *handler) readBody(c *call) error {
	limit := int64(maxBody)
	if c.entry != nil && c.entry.api.Name == "lambda" {
		limit = maxLambdaBody
	}
	if c.r.ContentLength > limit {
		return errTooLarge(c.api(), limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errTooLarge(c.api(), limit)
	} else if err != nil {
		return Errorf("RequestTimeout", 400, "The request's body ended too early.")
	}
	c.signed.Body = body
	return nil
}

func errTooLarge(api *API, limit int64) *Error {
	if api.Protocol == Query {
		return Errorf("RequestEntityTooLarge", 413, "Request must be smaller than %d bytes", limit)
	}
	return Errorf("RequestEntityTooLargeException", 413, "Request must be smaller than %d bytes for the %s operation", limit, api.Name)
}

// serve runs the steps of a request: who calls, is there such an operation, input, permission, the operation itself, answer.
func (h *handler) serve(c *call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			err = fmt.Errorf("panic in %s of %s: %v\n%s", c.operation, c.entry.api.Name, p, debug.Stack())
		}
	}()
	ctx := c.r.Context()
	api := c.entry.api
	caller, ok := c.bearer()
	if !ok {
		var err error
		if caller, err = h.gate.Verify(ctx, &c.signed, api, c.peer); err != nil && !c.anonymous() {
			return err
		}
	}
	op, ok := c.entry.ops[c.operation]
	if !ok {
		return c.entry.refuseOperation(c.operation)
	}
	caller.RequestID = c.id
	caller.SourceIP = c.peer.String()
	caller.UserAgent = c.r.UserAgent()
	caller.Endpoint = c.endpoint()
	ctx = WithCaller(ctx, caller)
	input := op.in().NewValue()
	if err := c.read(op.in(), input); err != nil {
		return api.badInput(err)
	}
	if err := h.authorize(ctx, c, op.in(), input); err != nil {
		return denied(api, err)
	}
	if err := op.in().Validate(input); err != nil {
		return api.badInput(err)
	}
	output, err := op.call(ctx, input)
	if err != nil {
		return err
	}
	if c.cbor {
		return c.answerCBOR(op.out(), output)
	}
	if c.wantsJSON() {
		return c.answerJSON(op.out(), output)
	}
	return api.answer(c.w, c.operation, op.out(), output, c.id)
}

// anonymous reports whether the operation is for those who have no key yet; then what they bring must convince the operation itself.
func (c *call) anonymous() bool {
	return c.entry.api.Name == "sts" && c.operation == "AssumeRoleWithWebIdentity" && !sigv4.IsSigned(&c.signed)
}

// bearer returns who makes a call that needs no signature: the links in messages of SNS, which name what they are about and carry
// a token, are followed by whoever got the message.
func (c *call) bearer() (Caller, bool) {
	if c.entry.api.Name != "sns" || sigv4.IsSigned(&c.signed) || c.operation != "ConfirmSubscription" && c.operation != "Unsubscribe" {
		return Caller{}, false
	}
	a, err := arn.Parse(c.form.Get("TopicArn") + c.form.Get("SubscriptionArn"))
	return Caller{Account: a.Account, Region: a.Region, Admin: true}, err == nil
}

// endpoint returns the URL that the client sent its request to.
func (c *call) endpoint() string {
	if c.r.TLS != nil || strings.HasSuffix(c.host, ".amazonaws.com") { // those names are reached over TLS only
		return "https://" + c.host
	}
	return "http://" + c.host
}

// refuseOperation is unsupported, but for names that do not exist at all, to which services have their own answer.
func (e *entry) refuseOperation(operation string) *Error {
	if _, bound := e.api.Operations[operation]; bound {
		return e.unsupported(operation)
	}
	if e.api.Protocol == JSON {
		return Errorf("UnknownOperationException", 400, "")
	}
	return Errorf("InvalidAction", 400, "Could not find operation %s for version %s", operation, e.api.Version)
}

// read decodes the input.
func (c *call) read(t *wire.Type, input any) error {
	if c.cbor {
		return c.readCBOR(t, input)
	}
	d := dialectOf(c.entry.api)
	switch c.entry.api.Protocol {
	case JSON:
		return t.ReadJSON(c.signed.Body, input, d)
	case Query:
		return t.ReadForm(c.form, input)
	}
	return t.ReadREST(&wire.Request{Path: c.path, Query: c.query, Header: c.r.Header, Body: c.signed.Body}, input, d)
}

// denied gives an Authorizer's error the protocol's code and status.
func denied(api *API, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Code != "AccessDeniedException" {
		return err
	}
	d := *e
	switch api.Protocol {
	case JSON:
		d.Status = 400
	case Query, RestXML:
		d.Code, d.Status = "AccessDenied", 403
	default:
		d.Status = 403
	}
	return &d
}

// requestID returns a new ID: a UUID.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand does not fail
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// isS3Host reports whether a host is S3's, with or without a bucket in front.
func isS3Host(host string) bool {
	name, ok := strings.CutSuffix(host, ".amazonaws.com")
	return ok && (name == "s3" || strings.HasPrefix(name, "s3.") || strings.HasSuffix(name, ".s3") || strings.Contains(name, ".s3."))
}
