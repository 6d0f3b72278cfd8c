package conformance

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Target is where cases run. Exported fields are set before Open.
type Target struct {
	Name     string // in reports
	Endpoint string // URL of the APIs; empty: AWS itself
	Region   string
	KeyID    string
	Secret   string
	Token    string

	// Sockets is the address of a stage with {api}, {region} and {stage} in it. Empty: AWS's host name, on AWS itself or by way of Endpoint.
	Sockets string

	// Via, if it is not empty, is an address where all of AWS's names are reached, and Roots whose certificates these have: so can a run against
	// AWS be rehearsed.
	Via   string
	Roots *x509.CertPool

	// Settled is how long a change of a stage takes until it is known everywhere; 0: five seconds on AWS, next to nothing elsewhere.
	Settled time.Duration

	// Rival has the cases run by another product, which has no APIs to deploy by; nil: by the APIs of Endpoint or AWS.
	Rival Rival

	// Listen is where the runner listens for functions and HTTP integrations, and Public the URL by which the target reaches it.
	// Empty: a port of this machine.
	Listen, Public string

	// Advance moves the target's clock and has its limits of time checked. Nil: cases that need time are left out, unless Wait.
	Advance func(time.Duration)
	Wait    bool // really wait for what takes minutes

	Patience time.Duration // how long a line waits for what it expects; 0: 5 s

	http    *http.Client
	key     key
	account string
	prefix  string
	role    string
	handler string // ARN of the function that asks the runner
	denied  string // ARN of the same, which may not be invoked by API Gateway
	backend *backend
	users   map[string]key
	undo    []func(context.Context)
}

// Open makes what all cases share. Close removes it.
func (t *Target) Open(ctx context.Context) (err error) {
	if t.Patience == 0 {
		t.Patience = 5 * time.Second
	}
	t.key = key{t.KeyID, t.Secret, t.Token}
	t.users = map[string]key{"wrong": {t.KeyID, "wrong" + t.Secret, t.Token}}
	t.http = &http.Client{Timeout: time.Minute, Transport: t.transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if t.Listen == "" {
		t.Listen = "127.0.0.1:0"
	}
	if t.backend, err = newBackend(t.Listen); err != nil {
		return err
	}
	if t.Public == "" {
		t.Public = "http://" + t.backend.listener.Addr().String()
	}
	var id [3]byte
	_, _ = rand.Read(id[:])
	t.prefix = "conformance-" + hex.EncodeToString(id[:])
	if t.Rival != nil {
		return t.Rival.open(t)
	}
	a, err := t.call(ctx, "sts", "GetCallerIdentity", "")
	if err != nil {
		return err
	}
	if t.account = between(a.body, "<Account>", "</Account>"); t.account == "" {
		return fmt.Errorf("ask who we are: status %d %s", a.status, brief(a.body))
	}
	if err := t.makeRole(ctx); err != nil {
		return err
	}
	if t.handler, err = t.makeFunction(ctx, "handler"); err != nil {
		return err
	}
	if t.denied, err = t.makeFunction(ctx, "denied"); err != nil {
		return err
	}
	if err := t.permit(ctx, ""); err != nil {
		return err
	}
	if err := t.makeAlias(ctx); err != nil {
		return err
	}
	_ = t.makeUser(ctx, "nobody", "") // without them the cases that need them fail
	_ = t.makeUser(ctx, "pusher", "arn:aws:execute-api:*:*:*/prod/POST/@connections/*")
	return nil
}

// Close removes what Open made, the last first.
func (t *Target) Close(ctx context.Context) {
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i](ctx)
	}
	if t.backend != nil {
		_ = t.backend.server.Close()
	}
}

// Left returns what of Open's is still there, for those who do not trust Close: functions, roles, users and APIs with its prefix.
func (t *Target) Left(ctx context.Context) (left []string, err error) {
	for _, list := range []struct{ service, operation string }{
		{"iam", "ListRoles"}, {"iam", "ListUsers"}, {"lambda", "GET /2015-03-31/functions"}, {"apigateway", "GET /v2/apis"},
	} {
		a, err := t.call(ctx, list.service, list.operation, "")
		if err != nil {
			return nil, err
		}
		if a.status != http.StatusOK || strings.Contains(a.body, t.prefix) {
			left = append(left, fmt.Sprintf("%s: %d %s", list.operation, a.status, brief(a.body)))
		}
	}
	return left, nil
}

func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, ok := strings.Cut(text, to)
	if !ok {
		return ""
	}
	return text
}

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["lambda.amazonaws.com","apigateway.amazonaws.com"]}}]}`

// roleActions are what integrations with credentials may do.
const roleActions = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":["lambda:InvokeFunction","dynamodb:PutItem","dynamodb:GetItem","sqs:SendMessage"]}]}`

func (t *Target) makeRole(ctx context.Context) error {
	body, err := t.must(ctx, "iam", "CreateRole", map[string]string{"RoleName": t.prefix, "AssumeRolePolicyDocument": trust}, raw)
	if err != nil {
		return err
	}
	t.role = between(body, "<Arn>", "</Arn>")
	t.undo = append(t.undo, func(ctx context.Context) {
		_, _ = t.must(ctx, "iam", "DeleteRolePolicy", map[string]string{"RoleName": t.prefix, "PolicyName": "conformance"}, raw)
		_, _ = t.must(ctx, "iam", "DeleteRole", map[string]string{"RoleName": t.prefix}, raw)
	})
	_, err = t.must(ctx, "iam", "PutRolePolicy", map[string]string{"RoleName": t.prefix, "PolicyName": "conformance", "PolicyDocument": roleActions}, raw)
	return err
}

// makeUser makes a user with a key that may push to the resource, or do nothing.
func (t *Target) makeUser(ctx context.Context, name, resource string) error {
	user := t.prefix + "-" + name
	if _, err := t.must(ctx, "iam", "CreateUser", map[string]string{"UserName": user}, raw); err != nil {
		return err
	}
	t.undo = append(t.undo, func(ctx context.Context) {
		_, _ = t.must(ctx, "iam", "DeleteUserPolicy", map[string]string{"UserName": user, "PolicyName": "push"}, raw)
		_, _ = t.must(ctx, "iam", "DeleteAccessKey", map[string]string{"UserName": user, "AccessKeyId": t.users[name].id}, raw)
		_, _ = t.must(ctx, "iam", "DeleteUser", map[string]string{"UserName": user}, raw)
	})
	if resource != "" {
		policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:ManageConnections","Resource":"` + resource + `"}]}`
		if _, err := t.must(ctx, "iam", "PutUserPolicy", map[string]string{"UserName": user, "PolicyName": "push", "PolicyDocument": policy}, raw); err != nil {
			return err
		}
	}
	body, err := t.must(ctx, "iam", "CreateAccessKey", map[string]string{"UserName": user}, raw)
	if err != nil {
		return err
	}
	t.users[name] = key{between(body, "<AccessKeyId>", "</AccessKeyId>"), between(body, "<SecretAccessKey>", "</SecretAccessKey>"), ""}
	return nil
}

func (t *Target) makeFunction(ctx context.Context, name string) (string, error) {
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	w, err := z.Create("index.js")
	if err == nil {
		_, err = w.Write([]byte(handlerCode))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		return "", err
	}
	in := map[string]any{
		"FunctionName": t.prefix + "-" + name, "Runtime": "nodejs20.x", "Role": t.role, "Handler": "index.handler", "Timeout": 30, "MemorySize": 256,
		"Code": map[string]any{"ZipFile": code.Bytes()}, "Environment": map[string]any{"Variables": map[string]string{"CONFORMANCE_BACKEND": t.Public}},
	}
	arn := ""
	err = retry(ctx, func() error { // AWS: a new role is not known everywhere at once
		arn, err = t.must(ctx, "lambda", "POST /2015-03-31/functions", in, "FunctionArn")
		return err
	})
	if err != nil {
		return "", err
	}
	t.undo = append(t.undo, func(ctx context.Context) {
		_, _ = t.must(ctx, "lambda", "DELETE /2015-03-31/functions/"+t.prefix+"-"+name, nil, "")
	})
	return arn, retry(ctx, func() error {
		state, err := t.must(ctx, "lambda", "GET /2015-03-31/functions/"+t.prefix+"-"+name+"/configuration", nil, "State")
		if err == nil && state != "Active" {
			err = fmt.Errorf("function %s is %s", name, state)
		}
		return err
	})
}

func (t *Target) permit(ctx context.Context, qualifier string) error {
	target := "/2015-03-31/functions/" + t.prefix + "-handler/policy"
	if qualifier != "" {
		target += "?Qualifier=" + qualifier
	}
	_, err := t.must(ctx, "lambda", "POST "+target, map[string]any{
		"StatementId": "conformance", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com",
		"SourceArn": "arn:aws:execute-api:" + t.Region + ":" + t.account + ":*",
	}, "")
	return err
}

// makeAlias makes the alias live of the handler.
func (t *Target) makeAlias(ctx context.Context) error {
	version, err := t.must(ctx, "lambda", "POST /2015-03-31/functions/"+t.prefix+"-handler/versions", map[string]any{}, "Version")
	if err != nil {
		return err
	}
	if _, err := t.must(ctx, "lambda", "POST /2015-03-31/functions/"+t.prefix+"-handler/aliases", map[string]any{"Name": "live", "FunctionVersion": version}, ""); err != nil {
		return err
	}
	return t.permit(ctx, "live")
}

// retry tries f for half a minute.
func retry(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 3*time.Second) {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// via returns where an address is reached.
func (t *Target) via(addr string) string {
	if host, _, err := net.SplitHostPort(addr); t.Via != "" && err == nil && strings.HasSuffix(host, ".amazonaws.com") {
		return t.Via
	}
	return addr
}

func (t *Target) transport() http.RoundTripper {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if t.Via != "" {
		transport.Proxy = nil
		transport.TLSClientConfig = &tls.Config{RootCAs: t.Roots}
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, t.via(addr))
		}
	}
	return transport
}

// signingRegion is the one in a service's signatures. AWS: IAM is the same everywhere, and of us-east-1.
func (t *Target) signingRegion(service string) string {
	if service == "iam" && t.Endpoint == "" {
		return "us-east-1"
	}
	return t.Region
}

// serviceURL is where a service answers.
func (t *Target) serviceURL(service string) string {
	switch {
	case t.Endpoint != "":
		return t.Endpoint
	case service == "iam":
		return "https://iam.amazonaws.com"
	}
	return "https://" + service + "." + t.Region + ".amazonaws.com"
}

// host is AWS's name of an API.
func (t *Target) host(api string) string {
	return api + ".execute-api." + t.Region + ".amazonaws.com"
}

// at returns how to reach the host of an API: whom to dial, and what goes before the path.
func (t *Target) at(host, api string) (d dialer, base, prefix string, err error) {
	address := "wss://" + host
	if t.Sockets != "" && host == t.host(api) {
		address = strings.NewReplacer("{api}", api, "{region}", t.Region, "/{stage}", "", "{stage}", "").Replace(t.Sockets)
	} else if t.Endpoint != "" {
		address = strings.Replace(t.Endpoint, "http", "ws", 1)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", "", err
	}
	port := u.Port()
	var secure *tls.Config
	if u.Scheme == "wss" {
		secure = &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}, RootCAs: t.Roots}
		if port == "" {
			port = "443"
		}
	} else if port == "" {
		port = "80"
	}
	return dialerOf(t.via(net.JoinHostPort(u.Hostname(), port)), secure), strings.Replace(u.Scheme, "ws", "http", 1) + "://" + u.Host, strings.TrimSuffix(u.Path, "/"), nil
}
