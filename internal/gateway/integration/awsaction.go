package integration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
)

// contentTypeOfForms is that of the Query protocol.
const contentTypeOfForms = "application/x-www-form-urlencoded"

// aws completes an integration with a service of AWS.
func (b Backends) aws(i *Integration, m *apigateway.Integration, st Stage) {
	uri := apigateway.Expand(m.URI, st.Variables)
	if function, err := apigateway.FunctionARN(uri); err == nil {
		b.customLambda(i, m, st, function)
		return
	}
	a := &awsBackend{api: st.API, method: m.Method, responses: b.responses(m.Responses)}
	var err error
	if a.uri, err = readAWSURI(uri); err == nil {
		a.requests, err = b.outgoings(m, st)
	}
	a.identity = b.identity(apigateway.Expand(m.CredentialsARN, st.Variables))
	if err == nil && a.identity.nobody() {
		err = errors.New("integrations with AWS services need credentials: set credentialsArn to a role that API Gateway may assume")
	}
	if err == nil {
		a.way, err = b.wayTo(a.uri)
	}
	if err != nil {
		i.refuse(broken(err, ""))
		return
	}
	if a.method == "" || a.method == "ANY" {
		a.method = "POST"
	}
	a.path = readTarget(a.uri.rest)
	if a.uri.action != "" {
		a.path = readTarget("/")
	}
	i.Target = a.uri.host + " " + cmp.Or(a.uri.action, a.uri.rest)
	i.Values = a.requests.values() || a.responses.values()
	i.Problems = append(problems(a.requests.requests.templates), a.responses.problems()...)
	i.Caller = a.identity.caller
	i.call = a.call
}

// An awsBackend is a service of AWS.
type awsBackend struct {
	api       string
	uri       awsURI
	method    string
	path      target
	requests  outgoings
	responses responses
	identity  identity
	way       way
}

func (a *awsBackend) call(ctx context.Context, r *Request) (Response, error) {
	var out outgoing
	if err := a.requests.make(&out, r); err != nil {
		return Response{}, err
	}
	path, err := a.path.fill(out.path)
	if err != nil {
		return Response{}, broken(err, "map integration.request.path, or take the placeholder out of the URI")
	}
	path, query, _ := strings.Cut(path, "?")
	query = appendQuery(query, out.query)
	if a.uri.action != "" {
		query = a.addAction(&out, query)
	}
	out.add("Accept", "application/json")
	out.add("Content-Type", "application/json")
	out.add("User-Agent", "AmazonAPIGateway_"+a.api)
	out.setHeader("X-Amzn-Apigateway-Api-Id", []string{a.api})
	out.add("X-Amzn-Trace-Id", traceOf(r))
	who, err := a.identity.of(ctx, r)
	if err != nil {
		return Response{}, err
	}
	host, _ := a.uri.endpoint()
	u := &url.URL{Scheme: "https", Host: host, RawQuery: query}
	if u.Path, err = url.PathUnescape(path); err != nil {
		return Response{}, broken(fmt.Errorf("path %q of the integration's URI: %w", path, err), "")
	}
	u.RawPath = path
	got, err := a.way.call(ctx, a.method, u, &out, who)
	if err != nil {
		return Response{}, err
	}
	return a.responses.answer(got, got.statusText(), r)
}

// addAction names the action as the service's protocol wants it, and returns the query string.
func (a *awsBackend) addAction(out *outgoing, query string) string {
	if a.uri.rest != "" {
		query = strings.TrimPrefix(query+"&"+a.uri.rest, "&")
	}
	s, ok := jsonServices[a.uri.service]
	// AWS: Parameter Store still answers the protocol that it had before, for actions with their parameters in the query.
	if ok && (a.uri.service != "ssm" || query == "" && !isForm(out)) {
		out.add("X-Amz-Target", s.prefix+"."+a.uri.action)
		out.add("Content-Type", "application/x-amz-json-"+s.version)
		return query
	}
	if isForm(out) && strings.Contains("&"+string(out.body), "&Action=") {
		return query
	}
	query = appendQuery(query, []Field{{"Action", []string{a.uri.action}}})
	if v := versions[a.uri.service]; v != "" && !strings.Contains("&"+query+"&"+string(out.body), "&Version=") {
		query += "&Version=" + v
	}
	return query
}

func isForm(out *outgoing) bool {
	return strings.HasPrefix(out.get("Content-Type"), contentTypeOfForms)
}

// Roles makes callers of roles.
type Roles interface {
	// ServiceRole returns who acts when a service ("apigateway.amazonaws.com") takes on a role. The context carries who the service acts for.
	// The error is an *awsapi.Error: AccessDenied, if the role does not trust the service.
	ServiceRole(ctx context.Context, service, roleARN, sessionName string) (awsapi.Caller, error)
}

// sessionName is that of roles' sessions in AWS's own logs.
const sessionName = "BackplaneAssumeRoleSession"

// An identity is as whom an integration calls.
type identity struct {
	roles  Roles
	role   string // ARN
	caller bool   // the connection's own
}

// identity reads credentialsArn.
func (b Backends) identity(credentials string) identity {
	switch {
	case credentials == "":
		return identity{}
	case strings.HasPrefix(credentials, "arn:") && strings.Contains(credentials, ":user/"):
		return identity{caller: true}
	}
	return identity{roles: b.AWS.Roles, role: credentials}
}

// nobody reports whether there are no credentials.
func (i *identity) nobody() bool { return i.role == "" && !i.caller }

// of returns who calls.
func (i *identity) of(ctx context.Context, r *Request) (awsapi.Caller, error) {
	if i.caller {
		if r.Caller == nil {
			return awsapi.Caller{}, broken(errors.New("credentialsArn is the caller's own, and nobody signed the upgrade"), "set the authorizationType of $connect to AWS_IAM, or credentialsArn to a role; connections that are older than the deployment have to come again")
		}
		return *r.Caller, nil
	}
	if i.roles == nil {
		return awsapi.Caller{}, broken(errors.New("this server has no roles"), "leave credentialsArn out")
	}
	who, err := i.roles.ServiceRole(ctx, Principal, i.role, sessionName)
	if err != nil {
		return awsapi.Caller{}, broken(fmt.Errorf("assume role %s: %w", i.role, err), "the role must exist and its trust policy must allow sts:AssumeRole to "+Principal)
	}
	return who, nil
}
