package events

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
)

// callTimeout is how long an API destination may take. AWS: five seconds.
const callTimeout = 5 * time.Second

// limits keep API destinations at their rates: the time at which the next call of each may go out.
type limits struct {
	mu   sync.Mutex // guards next
	next map[string]time.Time
}

// wait returns when the destination's rate allows one more call.
func (l *limits) wait(ctx context.Context, key string, perSecond int64) error {
	if perSecond <= 0 {
		return nil
	}
	l.mu.Lock()
	if l.next == nil {
		l.next = map[string]time.Time{}
	}
	at := time.Now()
	if next := l.next[key]; next.After(at) {
		at = next
	}
	l.next[key] = at.Add(time.Second / time.Duration(perSecond))
	l.mu.Unlock()
	select {
	case <-time.After(time.Until(at)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tokens are what OAuth servers gave, by connection.
type tokens struct {
	mu  sync.Mutex // guards all
	all map[string]token
}

type token struct {
	text    string
	expires time.Time
}

// An httpCall is a request as it is put together.
type httpCall struct {
	method, url string
	query       url.Values
	header      map[string]string
	body        []byte
}

// invokeDestination makes the HTTP call of an API destination.
func (s *Service) invokeDestination(ctx context.Context, a arn.ARN, t *shapes.Target, payload []byte) error {
	name, _ := cutAPIDestination(a)
	p := place{a.Account, a.Region}
	d, err := s.destinations.Get(ctx, p.key("destination", name))
	if err != nil {
		return err
	}
	if d == nil {
		return errNoDestination("invoke", name)
	}
	connectionName, _ := connectionNamed(d.Connection)
	c, err := s.connections.Get(ctx, p.key("connection", connectionName))
	if err != nil {
		return err
	}
	switch {
	case c == nil:
		return errNoConnection("use", connectionName)
	case c.State != authorized:
		return awsapi.Errorf("AccessDeniedException", 400, "Connection '%s' is not authorized.", c.Name)
	case s.cfg.Web == nil:
		return invalid("This server makes no HTTP calls.")
	}
	if err := s.limits.wait(ctx, d.arn(), d.Rate); err != nil {
		return err
	}
	call := &httpCall{method: d.Method, url: d.Endpoint, query: url.Values{}, header: map[string]string{
		"Content-Type": "application/json; charset=utf-8", "User-Agent": "Amazon/EventBridge/ApiDestinations",
	}, body: payload}
	call.fill(t.HttpParameters)
	call.add(c.Auth.InvocationHttpParameters)
	if err := s.authorizeCall(ctx, c, call); err != nil {
		return err
	}
	status, _, err := s.do(ctx, call)
	if err != nil {
		return err
	}
	if status == 401 && c.Kind == "OAUTH_CLIENT_CREDENTIALS" { // the token has ended before its time
		s.tokens.drop(c.tokenKey())
	}
	return statusError(status, d.Endpoint)
}

func (s *Service) do(ctx context.Context, call *httpCall) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	target := call.url
	if len(call.query) > 0 {
		sep := "?"
		if strings.Contains(target, "?") {
			sep = "&"
		}
		target += sep + call.query.Encode()
	}
	if call.method == "GET" || call.method == "HEAD" {
		call.body = nil
	}
	status, body, err = s.cfg.Web.Do(ctx, call.method, target, call.header, call.body)
	if err != nil {
		return 0, nil, fmt.Errorf("call %s: %w", call.url, err)
	}
	return status, body, nil
}

// statusError is nil for success. AWS tries again after 401, 407, 409, 429 and what is the server's fault.
func statusError(status int, endpoint string) error {
	switch {
	case status < 300:
		return nil
	case status == 401, status == 407, status == 409, status == 429, status >= 500:
		return fmt.Errorf("call %s: status %d", endpoint, status)
	}
	return awsapi.Errorf("SDK_CLIENT_ERROR", 400, "%s answered with status %d", endpoint, status)
}

// fill takes the parameters of the target: what stands for the stars in the path, headers, query.
func (c *httpCall) fill(p *shapes.HttpParameters) {
	if p == nil {
		return
	}
	for _, v := range p.PathParameterValues {
		c.url = strings.Replace(c.url, "*", url.PathEscape(v), 1)
	}
	for k, v := range p.HeaderParameters {
		c.header[k] = v
	}
	for k, v := range p.QueryStringParameters {
		c.query.Set(k, v)
	}
}

// add takes the parameters of the connection, which win.
func (c *httpCall) add(p *shapes.ConnectionHttpParameters) {
	if p == nil {
		return
	}
	for _, h := range p.HeaderParameters {
		c.header[value(h.Key)] = value(h.Value)
	}
	for _, q := range p.QueryStringParameters {
		c.query.Set(value(q.Key), value(q.Value))
	}
	if len(p.BodyParameters) == 0 {
		return
	}
	var body map[string]any
	if json.Unmarshal(c.body, &body) != nil {
		return // AWS: only an object takes more members
	}
	for _, b := range p.BodyParameters {
		body[value(b.Key)] = value(b.Value)
	}
	if merged, err := json.Marshal(body); err == nil {
		c.body = merged
	}
}

func (s *Service) authorizeCall(ctx context.Context, c *connection, call *httpCall) error {
	switch c.Kind {
	case "BASIC":
		p := c.Auth.BasicAuthParameters
		call.header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(value(p.Username)+":"+value(p.Password)))
	case "API_KEY":
		p := c.Auth.ApiKeyAuthParameters
		call.header[value(p.ApiKeyName)] = value(p.ApiKeyValue)
	case "OAUTH_CLIENT_CREDENTIALS":
		text, err := s.oauthToken(ctx, c)
		if err != nil {
			return err
		}
		call.header["Authorization"] = "Bearer " + text
	}
	return nil
}

func (t *tokens) get(key string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.all[key]
	return one.text, ok && time.Now().Before(one.expires)
}

func (t *tokens) put(key string, one token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]token{}
	}
	t.all[key] = one
}

func (t *tokens) drop(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, key)
}

// tokenKey changes with the connection: its old token is of no use any more.
func (c *connection) tokenKey() string { return c.arn() + "@" + c.Modified.String() }

// oauthToken asks the connection's server for a token, as a client with credentials does, and keeps it for its time.
func (s *Service) oauthToken(ctx context.Context, c *connection) (string, error) {
	key := c.tokenKey()
	if text, ok := s.tokens.get(key); ok {
		return text, nil
	}
	p := c.Auth.OAuthParameters
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {value(p.ClientParameters.ClientID)}, "client_secret": {value(p.ClientParameters.ClientSecret)}}
	call := &httpCall{method: value(p.HttpMethod), url: value(p.AuthorizationEndpoint), query: url.Values{}, header: map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json",
	}}
	if h := p.OAuthHttpParameters; h != nil {
		for _, b := range h.BodyParameters {
			form.Set(value(b.Key), value(b.Value))
		}
		call.add(&shapes.ConnectionHttpParameters{HeaderParameters: h.HeaderParameters, QueryStringParameters: h.QueryStringParameters})
	}
	if call.method == "GET" {
		for k, v := range form {
			call.query[k] = v
		}
	} else {
		call.body = []byte(form.Encode())
	}
	status, body, err := s.do(ctx, call)
	if err != nil {
		return "", err
	}
	if err := statusError(status, call.url); err != nil {
		return "", err
	}
	var answer struct {
		Token   string  `json:"access_token"`
		Expires float64 `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return "", awsapi.Errorf("AccessDeniedException", 400, "%s answered without an access_token", call.url)
	}
	if answer.Expires <= 0 {
		answer.Expires = 300
	}
	s.tokens.put(key, token{answer.Token, time.Now().Add(time.Duration(answer.Expires * 0.9 * float64(time.Second)))})
	return answer.Token, nil
}
