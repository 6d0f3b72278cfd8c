package conformance

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// pushOptions say how a call of @connections differs from what SDKs send.
type pushOptions struct {
	to   string // id; empty: the case's connection
	path string // the whole of it
	host string
	sign string // "", none, once, or a user
}

// push calls @connections.
func (r *run) push(ctx context.Context, method, body string, o pushOptions) (*answer, error) {
	t := r.g.t
	id := o.to
	if id == "" {
		r.mu.Lock()
		id = r.vars["connection"]
		r.mu.Unlock()
	}
	path := o.path
	if path == "" {
		path = "/" + stageName + "/%40connections/" + url.QueryEscape(id)
	}
	host := o.host
	if host == "" {
		host = t.host(r.g.api)
	}
	_, base, prefix, err := r.g.at(host)
	if err != nil {
		return nil, err
	}
	if at, err := url.Parse(r.g.pushes); err == nil && r.g.pushes != "" && o.path == "" {
		base, path = at.Scheme+"://"+at.Host, at.Path+url.QueryEscape(id)
	}
	q := request{service: "execute-api", method: method, url: base, target: prefix + path, host: host, body: body, key: &t.key}
	if t.Sockets != "" {
		q.host = ""
	}
	switch o.sign {
	case "":
	case "none":
		q.key = nil
	case "once":
		q.once = true
	default:
		user, ok := t.users[o.sign]
		if !ok {
			return nil, fmt.Errorf("there is no user %s: the endpoint did not make one", o.sign)
		}
		q.key = &user
	}
	return t.do(ctx, q)
}

// presign signs the path of an upgrade in its query, as a user: mine, wrong, nobody.
func (r *run) presign(path, host, user string) (string, error) {
	k, ok := r.g.t.users[user]
	if user == "mine" {
		k, ok = r.g.t.key, true
	}
	if !ok {
		return "", fmt.Errorf("there is no user %s: the endpoint did not make one", user)
	}
	q := sigv4.Request{Method: http.MethodGet, Target: path, Host: host, Header: []sigv4.Field{{Name: "Host", Value: host}}}
	signer := sigv4.Signer{AccessKeyID: k.id, Secret: k.secret, Token: k.token, Region: r.g.t.Region, Service: "execute-api"}
	signer.Presign(&q, time.Now(), 5*time.Minute)
	return q.Target, nil
}

// option is a line of its own below a call.
var option = regexp.MustCompile(`\n(to|path|host|sign): ?([^\n]*)`)

// remote does a call and holds its answer against the line's end.
//
//	post TEXT -> 200 [BODY]          get -> 200 {…}          delete -> 204
//	call SERVICE OPERATION {…} -> 200 {…}
//	until SERVICE OPERATION {…} -> 200 {…}      again and again until it is so
func (r *run) remote(ctx context.Context, word, rest string) error {
	var o pushOptions
	for _, m := range option.FindAllStringSubmatch(rest, -1) {
		switch m[1] {
		case "to":
			o.to = m[2]
		case "path":
			o.path = m[2]
		case "host":
			o.host = m[2]
		case "sign":
			o.sign = m[2]
		}
	}
	if word != "call" && word != "until" {
		rest = option.ReplaceAllString(rest, "")
	}
	want, pattern := 0, ""
	if m := arrow.FindStringSubmatchIndex(" " + rest); m != nil {
		rest = " " + rest
		want, _ = strconv.Atoi(rest[m[2]:m[3]])
		if m[4] >= 0 {
			pattern = rest[m[4]:m[5]]
		}
		rest = strings.TrimSpace(rest[:m[0]])
	}
	do, err := r.doer(ctx, word, rest, o)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(r.g.t.Patience)
	for {
		a, err := do()
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.last = a
		r.mu.Unlock()
		err = checkAnswer(a, want, pattern)
		if err == nil || word != "until" || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// doer returns what a line calls.
func (r *run) doer(ctx context.Context, word, rest string, o pushOptions) (func() (*answer, error), error) {
	switch word {
	case "call", "until":
		service, operation, body := callOf(rest)
		return func() (*answer, error) { return r.g.t.call(ctx, service, operation, body) }, nil
	case "post-hex":
		data, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		return func() (*answer, error) { return r.push(ctx, http.MethodPost, string(data), o) }, err
	case "flood": // COUNT TEXT: posts until one is refused, at most so many
		w, text := words(rest, 1)
		n, err := strconv.Atoi(w[0])
		return func() (a *answer, err error) {
			for range n {
				if a, err = r.push(ctx, http.MethodPost, text, o); err != nil || a.status != http.StatusOK {
					break
				}
			}
			return a, err
		}, err
	}
	return func() (*answer, error) { return r.push(ctx, strings.ToUpper(word), rest, o) }, nil
}

func checkAnswer(a *answer, want int, pattern string) error {
	if want == 0 && a.status >= 300 || want != 0 && a.status != want {
		return fmt.Errorf("status %d %s, want %d", a.status, brief(a.body), want)
	}
	if pattern == "" {
		return nil
	}
	if pattern == "empty" {
		pattern = ""
	}
	return matchBody(pattern, a.body)
}

// callOf cuts a call into its parts: an operation has one word, or two if the first is a verb of HTTP.
func callOf(rest string) (service, operation, body string) {
	w, rest := words(rest, 2)
	service, operation = w[0], w[1]
	switch operation {
	case "GET", "POST", "PUT", "PATCH", "DELETE":
		w, rest = words(rest, 1)
		operation += " " + w[0]
	}
	return service, operation, rest
}

// redeploy makes a deployment and sets it on the stage.
func (r *run) redeploy(ctx context.Context) error {
	t := r.g.t
	id, err := t.must(ctx, "apigateway", "POST /v2/apis/"+r.g.api+"/deployments", object{}, "deploymentId")
	if err != nil {
		return err
	}
	if _, err := t.must(ctx, "apigateway", "PATCH /v2/apis/"+r.g.api+"/stages/"+stageName, object{"deploymentId": id}, ""); err != nil {
		return err
	}
	return t.settle(ctx)
}
