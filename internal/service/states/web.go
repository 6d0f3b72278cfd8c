package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// Web makes the requests of HTTP tasks.
type Web interface {
	// Fetch returns the answer to a request, whatever its status is. It follows no redirection.
	Fetch(ctx context.Context, method, url string, header map[string][]string, body []byte) (status int, answer map[string][]string, content []byte, err error)
}

// Connections are EventBridge's, which HTTP tasks authorize themselves with.
type Connections interface {
	// Authorize sets headers and parameters of the query as the connection says, credentials among them, and returns the members that
	// the connection has for bodies, names and values in turns. Its error is AWS's if the connection is not there or cannot be used.
	Authorize(ctx context.Context, connectionARN string, header map[string][]string, query url.Values) (members []string, err error)
	// Refused says that somebody did not take the connection's credentials.
	Refused(ctx context.Context, connectionARN string)
}

// maxHTTP is how long a request may take.
const maxHTTP = 60 * time.Second

const errSocket = "States.Http.Socket"

// A webRequest is a request of an HTTP task.
type webRequest struct {
	connection  string
	method, url string
	header      map[string][]string
	query       url.Values
	body        any // nil: none
	encoding    string
	content     []byte // the body as it is sent
}

// A webTrace is what TestState shows of a request.
type webTrace struct {
	request, response *asl.Object
}

// web is http:invoke.
func (c *taskCall) web(ctx context.Context, params *asl.Object) machine.Result {
	if c.s.cfg.Web == nil || c.s.cfg.Connections == nil {
		return failed(errSocket, "This server makes no HTTP requests.")
	}
	r, err := readWebRequest(params, placeOf(ctx).Region)
	if err != nil {
		return failed(asl.ErrRuntime, "%s", err)
	}
	if failure := c.mayFetch(ctx, r); failure != nil {
		return machine.Result{Failure: failure}
	}
	shown := *r
	shown.header, shown.query = maps.Clone(r.header), maps.Clone(r.query)
	members, err := c.s.cfg.Connections.Authorize(ctx, r.connection, r.header, r.query)
	if err != nil {
		return connectionFailure(err)
	}
	if err := r.encode(members); err != nil {
		return failed(asl.ErrRuntime, "%s", err)
	}
	ctx, cancel := context.WithTimeout(ctx, maxHTTP)
	defer cancel()
	status, header, content, err := c.s.cfg.Web.Fetch(ctx, r.method, r.fullURL(), r.header, r.content)
	if err != nil {
		return webFailure(ctx, c.task.Deadline, err)
	}
	if shown.content = r.content; c.reveal {
		shown = *r
	}
	c.traceWeb(&shown, status, header, content)
	if status == 401 {
		c.s.cfg.Connections.Refused(ctx, r.connection)
	}
	return webAnswer(status, header, content)
}

// readWebRequest reads the task's parameters.
func readWebRequest(params *asl.Object, region string) (*webRequest, error) {
	r := &webRequest{query: url.Values{}, header: map[string][]string{
		"User-Agent": {"Amazon|StepFunctions|HttpInvoke|" + region}, "Range": {"bytes=0-262144"},
	}}
	for _, m := range params.Members {
		text, isText := m.Value.(string)
		var err error
		switch m.Name {
		case "ApiEndpoint", "Method":
			if !isText {
				return nil, fmt.Errorf("The value for the field '%s' must be a STRING", m.Name)
			}
			if r.url = text; m.Name == "Method" {
				r.url, r.method = r.endpoint(params), text
			}
		case "Authentication", "InvocationConfig":
			o, _ := m.Value.(*asl.Object)
			v, _ := o.Get("ConnectionArn")
			r.connection, _ = v.(string)
		case "Headers":
			err = r.readHeaders(m.Value)
		case "QueryParameters":
			err = r.readQuery(m.Value)
		case "RequestBody":
			r.body = m.Value
		case "Transform":
			err = r.readTransform(m.Value)
		default:
			err = fmt.Errorf("The field \"%s\" is not supported by Step Functions", m.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, field := range []struct{ name, value string }{{"ApiEndpoint", r.url}, {"Method", r.method}, {"ConnectionArn", r.connection}} {
		if field.value == "" {
			return nil, fmt.Errorf("The field '%s' is required but was missing", field.name)
		}
	}
	if u, err := url.Parse(r.url); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("The ApiEndpoint '%s' is not a valid URL", r.url)
	}
	if !slices.Contains([]string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"}, r.method) {
		return nil, fmt.Errorf("The Method '%s' is not supported", r.method)
	}
	return r, nil
}

func (r *webRequest) endpoint(params *asl.Object) string {
	v, _ := params.Get("ApiEndpoint")
	s, _ := v.(string)
	return s
}

// reserved are headers that a task must not set, as are all that begin with x-forwarded-, x-amz- or x-amzn-.
var reserved = []string{
	"a-im", "accept-charset", "accept-datetime", "accept-encoding", "authorization", "cache-control", "connection", "content-encoding", "content-md5",
	"date", "expect", "forwarded", "from", "host", "http2-settings", "if-match", "if-modified-since", "if-none-match", "if-range",
	"if-unmodified-since", "max-forwards", "origin", "pragma", "proxy-authorization", "referer", "server", "te", "trailer", "transfer-encoding",
	"upgrade", "via", "warning",
}

func (r *webRequest) readHeaders(v any) error {
	o, ok := v.(*asl.Object)
	if !ok {
		return errors.New("The value for the field 'Headers' must be an object")
	}
	for _, m := range o.Members {
		lower := strings.ToLower(m.Name)
		if slices.Contains(reserved, lower) || strings.HasPrefix(lower, "x-forwarded-") || strings.HasPrefix(lower, "x-amz-") || strings.HasPrefix(lower, "x-amzn-") {
			return fmt.Errorf("The header '%s' is not allowed in an HTTP Task", m.Name)
		}
		r.setHeader(m.Name, texts(m.Value))
	}
	return nil
}

// setHeader replaces a header, whatever the case of its name is.
func (r *webRequest) setHeader(name string, values []string) {
	for there := range r.header {
		if strings.EqualFold(there, name) {
			delete(r.header, there)
		}
	}
	r.header[name] = values
}

func (r *webRequest) readQuery(v any) error {
	switch v := v.(type) {
	case *asl.Object:
		for _, m := range v.Members {
			if values := texts(m.Value); values != nil {
				r.query[m.Name] = values
			}
		}
		return nil
	case string:
		q, err := url.ParseQuery(v)
		if err == nil {
			r.query = q
		}
		return err
	}
	return errors.New("The value for the field 'QueryParameters' must be an object")
}

// texts returns a value, or the elements of a list, as they stand in a URL.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		list := make([]string, len(v))
		for i := range v {
			list[i] = plainText(v[i])
		}
		return list
	}
	return []string{plainText(v)}
}

func plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(asl.Encode(v))
}

func (r *webRequest) readTransform(v any) error {
	o, _ := v.(*asl.Object)
	encoding, _ := o.Get("RequestBodyEncoding")
	options, _ := o.Get("RequestEncodingOptions")
	of, _ := options.(*asl.Object)
	format, given := of.Get("ArrayFormat")
	switch {
	case encoding == "URL_ENCODED" && !given:
		r.encoding = "INDICES"
	case encoding == "URL_ENCODED":
		r.encoding, _ = format.(string)
	case encoding != nil && encoding != "NONE":
		return fmt.Errorf("The RequestBodyEncoding %s is not supported", asl.Encode(encoding))
	}
	if r.encoding != "" && !slices.Contains([]string{"INDICES", "REPEAT", "COMMAS", "BRACKETS"}, r.encoding) {
		return fmt.Errorf("The ArrayFormat '%s' is not supported", r.encoding)
	}
	return nil
}

// encode makes the body that is sent of the task's and of what the connection adds.
func (r *webRequest) encode(members []string) error {
	if len(members) > 0 {
		o, ok := r.body.(*asl.Object)
		if !ok && r.body != nil {
			return errors.New("The RequestBody must be a JSON object, since the connection has body parameters")
		}
		o = o.Clone()
		for i := 0; i+1 < len(members); i += 2 {
			o.Set(members[i], members[i+1])
		}
		r.body = o
	}
	if r.body == nil {
		return nil
	}
	switch text, isText := r.body.(string); {
	case isText:
		r.content = []byte(text)
	case r.encoding != "":
		r.content = []byte(strings.Join(r.form(nil, "", r.body), "&"))
	default:
		r.content = asl.Encode(r.body)
	}
	for name := range r.header {
		if strings.EqualFold(name, "Content-Type") {
			return nil
		}
	}
	r.header["Content-Type"] = []string{"application/json; charset=UTF-8"}
	return nil
}

// form writes a value as fields of a form.
func (r *webRequest) form(fields []string, name string, v any) []string {
	switch v := v.(type) {
	case *asl.Object:
		for _, m := range v.Members {
			inner := m.Name
			if name != "" {
				inner = name + "[" + m.Name + "]"
			}
			fields = r.form(fields, inner, m.Value)
		}
		return fields
	case []any:
		if r.encoding == "COMMAS" {
			return append(fields, escape(name)+"="+escape(strings.Join(texts(v), ",")))
		}
		for i, e := range v {
			inner := map[string]string{"INDICES": "[" + strconv.Itoa(i) + "]", "BRACKETS": "[]"}[r.encoding]
			fields = r.form(fields, name+inner, e)
		}
		return fields
	case nil:
		return append(fields, escape(name)+"=")
	}
	return append(fields, escape(name)+"="+escape(plainText(v)))
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func (r *webRequest) fullURL() string {
	if len(r.query) == 0 {
		return r.url
	}
	separator := "?"
	if strings.Contains(r.url, "?") {
		separator = "&"
	}
	return r.url + separator + strings.ReplaceAll(r.query.Encode(), "+", "%20")
}

// mayFetch asks whether the machine's role may make the request, with the connection.
func (c *taskCall) mayFetch(ctx context.Context, r *webRequest) *asl.Failure {
	if c.s.cfg.Roles == nil || awsapi.CallerOf(ctx).Admin {
		return nil
	}
	err := c.s.cfg.Roles.Authorize(ctx, "states:InvokeHTTPEndpoint", c.x.MachineARN, map[string][]string{
		"states:HTTPEndpoint": {r.url}, "states:HTTPMethod": {r.method},
	})
	if err != nil {
		return &asl.Failure{Error: "States.Http.AccessDeniedException", Cause: apiError(err).Message}
	}
	secret, _ := arn.Parse(r.connection)
	secret.Service, secret.Resource = "secretsmanager", "secret:events!"+secret.Resource
	for _, need := range []struct{ action, resource string }{
		{"events:RetrieveConnectionCredentials", r.connection},
		{"secretsmanager:GetSecretValue", secret.String()},
		{"secretsmanager:DescribeSecret", secret.String()},
	} {
		if err := c.s.allowed(ctx, need.action, need.resource); err != nil {
			return connectionFailure(err).Failure
		}
	}
	return nil
}

// connectionFailure words an error of EventBridge's about a connection.
func connectionFailure(err error) machine.Result {
	e := apiError(err)
	name := strings.TrimSuffix(e.Code, "Exception")
	if e.Code == "InternalFailure" {
		name = "InternalError"
	}
	return failed("Events.ConnectionResource."+name, "%s", e.Message)
}

// webFailure words what went wrong before there was an answer.
func webFailure(ctx context.Context, deadline int64, err error) machine.Result {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		if deadline > 0 && time.Now().UnixMilli() >= deadline {
			return failed(asl.ErrTimeout, "")
		}
		return failed(errSocket, "The HTTP Task timed out after 60 seconds.")
	}
	return failed(errSocket, "%s", err)
}

// webAnswer is the task's result. AWS: of an error only the name of its status is told.
func webAnswer(status int, header map[string][]string, content []byte) machine.Result {
	text := http.StatusText(status)
	if status < 200 || status > 299 {
		return failed("States.Http.StatusCode."+strconv.Itoa(status), "%s", text)
	}
	headers := asl.NewObject()
	for _, name := range slices.Sorted(maps.Keys(header)) {
		values := make([]any, len(header[name]))
		for i, v := range header[name] {
			values[i] = v
		}
		headers.Set(strings.ToLower(name), values)
	}
	contentType := http.Header(header).Get("Content-Type")
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind == "application/octet-stream" || strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "video/") || strings.HasPrefix(kind, "audio/") {
		return failed(asl.ErrRuntime, "The response has a content type that is not supported: %s", contentType)
	}
	if !utf8.Valid(content) {
		return failed(asl.ErrRuntime, "The response cannot be read as a string.")
	}
	var body any = string(content)
	if kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if v, err := asl.Decode(content); err == nil {
			body = v
		}
	}
	return machine.Result{Output: asl.Encode(asl.NewObject("Headers", headers, "ResponseBody", body, "StatusCode", json.Number(strconv.Itoa(status)), "StatusText", text))}
}

// traceWeb keeps what TestState shows. AWS: what the connection added is a secret.
func (c *taskCall) traceWeb(r *webRequest, status int, header map[string][]string, content []byte) {
	if c.trace == nil {
		return
	}
	protocol, _, _ := strings.Cut(r.url, ":")
	request := asl.NewObject("protocol", protocol, "method", r.method, "url", r.fullURL(), "headers", headerText(r.header))
	if r.content != nil {
		request.Set("body", string(r.content))
	}
	c.trace.request = request
	c.trace.response = asl.NewObject("protocol", protocol, "statusCode", strconv.Itoa(status), "statusMessage", http.StatusText(status), "headers", headerText(header), "body", string(content))
}

func headerText(header map[string][]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, v := range header[name] {
			parts = append(parts, name+": "+v)
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
