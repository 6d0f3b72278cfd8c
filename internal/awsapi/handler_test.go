package awsapi_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/sts"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// A service is a table of operations for tests.
type service struct {
	api *awsapi.API
	ops map[string]awsapi.Operation
}

func (s service) API() *awsapi.API                        { return s.api }
func (s service) Operations() map[string]awsapi.Operation { return s.ops }

func op[In, Out any](f func(context.Context, *In) (*Out, error)) awsapi.Operation {
	return awsapi.Op(f)
}

var created = time.Date(2026, 11, 20, 3, 5, 27, 614e6, time.UTC)

func catalog() *awsapi.Catalog {
	return awsapi.NewCatalog([]awsapi.Service{
		service{dynamodb.API, map[string]awsapi.Operation{
			"DescribeTable": op(func(_ context.Context, in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
				switch *in.TableName {
				case "ghosts":
					return nil, awsapi.Errorf("ResourceNotFoundException", 400, "Requested resource not found: Table: ghosts not found")
				case "broken":
					return nil, errors.New("disk on fire")
				case "panic":
					panic("a programmer's mistake")
				}
				return &dynamodb.DescribeTableOutput{Table: &dynamodb.TableDescription{TableName: in.TableName, CreationDateTime: &created}}, nil
			}),
			"TransactWriteItems": op(func(context.Context, *dynamodb.TransactWriteItemsInput) (*dynamodb.TransactWriteItemsOutput, error) {
				return nil, awsapi.Errorf("TransactionCanceledException", 400, "Transaction cancelled").
					With("CancellationReasons", []*dynamodb.CancellationReason{{Code: new("None")}})
			}),
		}},
		service{lambda.API, map[string]awsapi.Operation{
			"Invoke": op(func(_ context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
				return &lambda.InvokeOutput{StatusCode: new(int64(200)), Payload: in.Payload, ExecutedVersion: in.FunctionName}, nil
			}),
			"GetFunction": op(func(context.Context, *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
				return nil, awsapi.Errorf("ResourceNotFoundException", 404, "Function not found: f")
			}),
			"InvokeWithResponseStream": op(func(_ context.Context, in *lambda.InvokeWithResponseStreamInput) (*lambda.InvokeWithResponseStreamOutput, error) {
				return &lambda.InvokeWithResponseStreamOutput{EventStream: []*lambda.InvokeWithResponseStreamResponseEvent{
					{PayloadChunk: &lambda.InvokeResponseStreamUpdate{Payload: in.Payload}}, {InvokeComplete: &lambda.InvokeWithResponseStreamCompleteEvent{}},
				}}, nil
			}),
		}},
		service{apigatewayv2.API, map[string]awsapi.Operation{
			"CreateApi": op(func(_ context.Context, in *apigatewayv2.CreateApiInput) (*apigatewayv2.CreateApiOutput, error) {
				return &apigatewayv2.CreateApiOutput{Name: in.Name, CreatedDate: new(created.Truncate(time.Second)), Tags: map[string]string{}}, nil
			}),
			"DeleteApi": op(func(context.Context, *apigatewayv2.DeleteApiInput) (*apigatewayv2.DeleteApiOutput, error) {
				return nil, nil
			}),
			"GetTags": op(func(_ context.Context, in *apigatewayv2.GetTagsInput) (*apigatewayv2.GetTagsOutput, error) {
				return &apigatewayv2.GetTagsOutput{Tags: map[string]string{"arn": *in.ResourceArn}}, nil
			}),
		}},
		service{sts.API, map[string]awsapi.Operation{
			"GetCallerIdentity": op(func(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
				c := awsapi.CallerOf(ctx)
				return &sts.GetCallerIdentityOutput{Account: &c.Account, Arn: &c.ARN, UserId: &c.Region}, nil
			}),
		}},
		service{cloudformation.API, map[string]awsapi.Operation{
			"DescribeStacks": op(func(context.Context, *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
				return &cloudformation.DescribeStacksOutput{Stacks: []*cloudformation.Stack{{StackName: new("a&b"), CreationTime: &created, Capabilities: []string{"X"}}}}, nil
			}),
			"CreateStack": op(func(_ context.Context, in *cloudformation.CreateStackInput) (*cloudformation.CreateStackOutput, error) {
				if in.Tags == nil || len(in.Parameters) != 1 {
					return nil, errors.New("form not read")
				}
				return &cloudformation.CreateStackOutput{StackId: in.Parameters[0].ParameterKey}, nil
			}),
		}},
	}, sqs.API)
}

// keys is an Authenticator of two keys.
type keys struct{}

const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

func (keys) Credential(_ context.Context, id, token string) (string, awsapi.Caller, error) {
	c := awsapi.Caller{Account: "000000000000", ARN: "arn:aws:iam::000000000000:user/ann", AccessKeyID: id}
	switch {
	case id == "AKIDEXAMPLE":
		return secret, c, nil
	case id == "AKIDADMIN":
		c.Admin = true
		return secret, c, nil
	case token == "old":
		return "", c, awsapi.Errorf("ExpiredTokenException", 400, "The security token included in the request is expired")
	}
	return "", c, awsapi.Errorf("UnrecognizedClientException", 400, "The security token included in the request is invalid.")
}

// decisions denies actions by name, and keeps what it was asked.
type decisions struct {
	deny  string
	asked []string
}

func (d *decisions) Authorize(_ context.Context, action, resource string, _ map[string][]string) error {
	d.asked = append(d.asked, action+" "+resource)
	if action == d.deny {
		return awsapi.Errorf("AccessDeniedException", 403, "User: u is not authorized to perform: %s on resource: %s", action, resource)
	}
	return nil
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do signs and sends a request.
func do(t *testing.T, h http.Handler, service, target string, change func(*http.Request, *sigv4.Signer), body string, header ...string) answer {
	t.Helper()
	method := "POST"
	if m, rest, ok := strings.Cut(target, " "); ok {
		method, target = m, rest
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:1234"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	s := &sigv4.Signer{AccessKeyID: "AKIDEXAMPLE", Secret: secret, Region: "eu-west-1", Service: service}
	if change != nil {
		change(r, s)
	}
	if s.AccessKeyID != "" {
		sr := &sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Body: []byte(body)}
		for name := range r.Header {
			sr.Header = append(sr.Header, sigv4.Field{Name: name, Value: r.Header.Get(name)})
		}
		s.Sign(sr, time.Now())
		for _, f := range sr.Header {
			r.Header.Set(f.Name, f.Value)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Header().Get("X-Amzn-Requestid") == "" {
		t.Error("AU-086: no x-amzn-RequestId")
	}
	return answer{w.Code, w.Header(), w.Body.String()}
}

func newHandler(log io.Writer, authz awsapi.Authorizer, permissive bool) http.Handler {
	l := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gate := awsapi.NewGatekeeper(keys{}, l, awsapi.GateOptions{Permissive: permissive})
	return awsapi.Handler(catalog(), gate, authz, awsapi.Options{Log: l, Region: "us-east-1", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
}

func form() []string {
	return []string{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}
}

func ddb(op string) []string {
	return []string{"X-Amz-Target", "DynamoDB_20120810." + op, "Content-Type", "application/x-amz-json-1.0"}
}

func TestAnswers(t *testing.T) {
	h := newHandler(io.Discard, &decisions{}, false)
	for _, tt := range []struct {
		name, service, target, body string
		header                      []string
		status                      int
		want                        string
		wantHeader                  [2]string
	}{
		{
			"json", "dynamodb", "/", `{"TableName":"users"}`, ddb("DescribeTable"), 200,
			`{"Table":{"TableName":"users","CreationDateTime":1.795143927614E9}}`,
			[2]string{"Content-Type", "application/x-amz-json-1.0"},
		},
		{
			"json error", "dynamodb", "/", `{"TableName":"ghosts"}`, ddb("DescribeTable"), 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: ghosts not found"}`,
			[2]string{},
		},
		{
			"json details", "dynamodb", "/", `{"TransactItems":[{}]}`, ddb("TransactWriteItems"), 400,
			`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled","CancellationReasons":[{"Code":"None"}]}`,
			[2]string{},
		},
		{
			"json validation", "dynamodb", "/", `{}`, ddb("DescribeTable"), 400,
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"}`,
			[2]string{},
		},
		{"DY-105 json syntax", "dynamodb", "/", `{`, ddb("DescribeTable"), 400, `{"__type":"com.amazon.coral.service#SerializationException"}`, [2]string{}},
		{
			"json type", "dynamodb", "/", `{"TableName":1}`, ddb("DescribeTable"), 400,
			`{"__type":"com.amazon.coral.service#SerializationException","message":"NUMBER_VALUE cannot be converted to String"}`,
			[2]string{},
		},
		{"EV-098 json unknown operation", "dynamodb", "/", `{}`, ddb("Fly"), 400, `{"__type":"com.amazon.coral.service#UnknownOperationException"}`, [2]string{}},
		{
			"json operation we lack", "dynamodb", "/", `{}`, ddb("RestoreTableFromBackup"), 400,
			`{"__type":"com.amazon.coral.service#UnknownOperationException","message":"Sallyport does not support the operation RestoreTableFromBackup of dynamodb."}`,
			[2]string{},
		},
		{
			"service we lack", "sqs", "/", `{}`,
			[]string{"X-Amz-Target", "AmazonSQS.SendMessage"},
			400,
			`{"__type":"UnknownOperationException","message":"Sallyport does not have sqs. Set endpoints.sqs in its configuration to send such calls elsewhere."}`,
			[2]string{},
		},
		{
			"service nobody knows", "bedrock", "/model/x/invoke", `{}`, nil, 404,
			`{"message":"Sallyport does not have the service bedrock. Set endpoints.bedrock in its configuration to send such calls elsewhere."}`,
			[2]string{"X-Amzn-Errortype", "UnknownOperationException"},
		},
		{"rest", "apigateway", "/v2/apis", `{"name":"n","protocolType":"WEBSOCKET"}`, nil, 201, `{"createdDate":"2026-11-20T03:05:27Z","name":"n","tags":{}}`, [2]string{"Content-Type", "application/json"}},
		{"rest no content", "apigateway", "DELETE /v2/apis/abc", ``, nil, 204, ``, [2]string{}},
		{
			"rest validation", "apigateway", "/v2/apis", `{"name":"n","protocolType":"FOO"}`, nil, 400,
			`{"message":"1 validation error detected: Value 'FOO' at 'protocolType' failed to satisfy constraint: Member must satisfy enum value set: [WEBSOCKET, HTTP]"}`,
			[2]string{"X-Amzn-Errortype", "BadRequestException"},
		},
		{"rest arn", "apigateway", "GET /v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapis%2Fabc", ``, nil, 200, `{"tags":{"arn":"arn:aws:apigateway:us-east-1::/apis/abc"}}`, [2]string{}},
		{"rest unknown path", "apigateway", "GET /v2/nothing", ``, nil, 403, `{"message":"Missing Authentication Token"}`, [2]string{"X-Amzn-Errortype", "MissingAuthenticationTokenException"}},
		{
			"lambda payload", "lambda", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations", `[1, 2]`, nil, 200, `[1, 2]`,
			[2]string{"X-Amz-Executed-Version", "arn:aws:lambda:us-east-1:000000000000:function:f"},
		},
		{"lambda error", "lambda", "GET /2015-03-31/functions/f", ``, nil, 404, `{"Type":"User","Message":"Function not found: f","message":"Function not found: f"}`, [2]string{"X-Amzn-Errortype", "ResourceNotFoundException"}},
		{
			"query", "cloudformation", "/", "Action=DescribeStacks&Version=2010-05-15", form(), 200,
			`<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member><StackName>a&amp;b</StackName>` +
				`<CreationTime>2026-11-20T03:05:27.614Z</CreationTime><Capabilities><member>X</member></Capabilities></member></Stacks></DescribeStacksResult>`,
			[2]string{"Content-Type", "text/xml"},
		},
		{
			"query empty list", "cloudformation", "/", "Action=CreateStack&Version=2010-05-15&StackName=s&Tags=&Parameters.member.1.ParameterKey=k&DeploymentConfig.Mode=STANDARD", form(), 200,
			"<StackId>k</StackId>",
			[2]string{},
		},
		{
			"query validation", "cloudformation", "/", "Action=CreateStack&Version=2010-05-15", form(), 400,
			`<Error><Type>Sender</Type><Code>ValidationError</Code><Message>1 validation error detected: Value null at &apos;stackName&apos; failed`,
			[2]string{},
		},
		{"query unknown action", "cloudformation", "/", "Action=Fly&Version=2010-05-15", form(), 400, "<Code>InvalidAction</Code><Message>Could not find operation Fly for version 2010-05-15</Message>", [2]string{}},
		{"AU-075 region of the scope", "sts", "/", "Action=GetCallerIdentity&Version=2011-06-15", form(), 200, "<UserId>eu-west-1</UserId>", [2]string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := do(t, h, tt.service, tt.target, nil, tt.body, tt.header...)
			body := strings.ReplaceAll(a.body, "'", "&apos;")
			if strings.HasPrefix(tt.want, "{") || tt.want == "" {
				body = a.body
				if body != tt.want {
					t.Errorf("body\n got %s\nwant %s", body, tt.want)
				}
			} else if !strings.Contains(body, tt.want) {
				t.Errorf("body\n got %s\nwant %s", body, tt.want)
			}
			if a.status != tt.status {
				t.Errorf("status %d, want %d", a.status, tt.status)
			}
			if k := tt.wantHeader[0]; k != "" && a.header.Get(k) != tt.wantHeader[1] {
				t.Errorf("%s: %q, want %q", k, a.header.Get(k), tt.wantHeader[1])
			}
			if crc := a.header.Get("X-Amz-Crc32"); (tt.service == "dynamodb") != (crc != "") || crc != "" && crc != strconv.Itoa(int(crc32.ChecksumIEEE([]byte(a.body)))) {
				t.Errorf("x-amz-crc32 %q", crc)
			}
		})
	}
}

func TestAuthenticationErrors(t *testing.T) {
	h := newHandler(io.Discard, &decisions{}, false)
	unsigned := func(_ *http.Request, s *sigv4.Signer) { s.AccessKeyID = "" }
	stranger := func(_ *http.Request, s *sigv4.Signer) { s.AccessKeyID = "AKIDNOBODY" }
	wrong := func(_ *http.Request, s *sigv4.Signer) { s.Secret = "wrong" }
	expired := func(_ *http.Request, s *sigv4.Signer) { s.AccessKeyID, s.Token = "ASIAOLD", "old" }
	const action = "Action=DescribeStacks&Version=2010-05-15"
	for _, tt := range []struct {
		name, service, target, body string
		header                      []string
		change                      func(*http.Request, *sigv4.Signer)
		status                      int
		want                        string
	}{
		{
			"AU-021 unknown key json", "dynamodb", "/", `{}`, ddb("DescribeTable"), stranger, 400,
			`{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The security token included in the request is invalid."}`,
		},
		{"AU-022 unknown key rest", "lambda", "GET /2015-03-31/functions/f", ``, nil, stranger, 403, `"message":"The security token included in the request is invalid."`},
		{"AU-023 unknown key query", "sts", "/", "Action=GetCallerIdentity&Version=2011-06-15", form(), stranger, 403, "<Code>InvalidClientTokenId</Code>"},
		{"AU-025 wrong secret json", "dynamodb", "/", `{}`, ddb("DescribeTable"), wrong, 400, `The Canonical String for this request should have been\n'POST\n/\n\n`},
		{"AU-026 wrong secret query", "cloudformation", "/", action, form(), wrong, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"AU-027 unsigned json", "dynamodb", "/", `{}`, ddb("DescribeTable"), unsigned, 400, `{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"Request is missing Authentication Token"}`},
		{"unsigned rest", "apigateway", "GET /v2/apis/a", ``, nil, unsigned, 403, `{"message":"Missing Authentication Token"}`},
		{"unsigned query", "cloudformation", "/", action, form(), unsigned, 403, "<Code>MissingAuthenticationToken</Code>"},
		{"AU-033 expired json", "dynamodb", "/", `{}`, ddb("DescribeTable"), expired, 400, `ExpiredTokenException","message":"The security token included in the request is expired"`},
		{"AU-033 expired query", "cloudformation", "/", action, form(), expired, 403, "<Code>ExpiredToken</Code>"},
		{"AU-019 scope of another service", "execute-api", "/v2/apis", `{}`, nil, nil, 403, "Credential should be scoped to correct service: 'apigateway'. "},
		{"AU-076 bogus region", "dynamodb", "/", `{}`, ddb("DescribeTable"), func(_ *http.Request, s *sigv4.Signer) { s.Region = "atlantis" }, 400, "Credential should be scoped to a valid region. "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := do(t, h, tt.service, tt.target, tt.change, tt.body, tt.header...)
			if a.status != tt.status || !strings.Contains(a.body, tt.want) {
				t.Errorf("status %d body %s\nwant %d %s", a.status, a.body, tt.status, tt.want)
			}
		})
	}
}

func TestDenied(t *testing.T) {
	for _, tt := range []struct {
		name, service, target, body string
		header                      []string
		asked                       string
		status                      int
		want                        string
	}{
		{"json", "dynamodb", "/", `{"TableName":"users"}`, ddb("DescribeTable"), "dynamodb:DescribeTable arn:aws:dynamodb:eu-west-1:000000000000:table/users", 400, `AccessDeniedException","Message":"User: u`},
		{"rest", "apigateway", "GET /v2/tags/x", ``, nil, "apigateway:GET arn:aws:apigateway:eu-west-1::/tags/x", 403, `{"message":"User: u is not`},
		{"lambda", "lambda", "/2015-03-31/functions/f/invocations", ``, nil, "lambda:InvokeFunction arn:aws:lambda:eu-west-1:000000000000:function:f", 403, `"message":"User: u`},
		{"query", "cloudformation", "/", "Action=DescribeStacks&StackName=s&Version=2010-05-15", form(), "cloudformation:DescribeStacks arn:aws:cloudformation:eu-west-1:000000000000:stack/s/*", 403, "<Code>AccessDenied</Code>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			action, _, _ := strings.Cut(tt.asked, " ")
			d := &decisions{deny: action}
			a := do(t, newHandler(io.Discard, d, false), tt.service, tt.target, nil, tt.body, tt.header...)
			if len(d.asked) != 1 || d.asked[0] != tt.asked {
				t.Errorf("asked %q, want %q", d.asked, tt.asked)
			}
			if a.status != tt.status || !strings.Contains(a.body, tt.want) {
				t.Errorf("status %d body %s\nwant %d %s", a.status, a.body, tt.status, tt.want)
			}
			admin := func(_ *http.Request, s *sigv4.Signer) { s.AccessKeyID = "AKIDADMIN" }
			if a := do(t, newHandler(io.Discard, d, false), tt.service, tt.target, admin, tt.body, tt.header...); a.status >= 300 {
				t.Errorf("the administrator was refused: %d %s", a.status, a.body)
			}
		})
	}
}

func TestPermissive_AU072(t *testing.T) {
	h := newHandler(io.Discard, &decisions{deny: "sts:GetCallerIdentity"}, true)
	for _, tt := range []struct {
		name, peer, header, value string
		ok                        bool
	}{
		{"loopback", "127.0.0.1:5", "", "", true},
		{"loopback 6", "[::1]:5", "", "", true},
		{"elsewhere", "192.0.2.1:5", "", "", false},
		{"through a proxy", "127.0.0.1:5", "X-Forwarded-For", "192.0.2.1", false},
		{"a page of another site", "127.0.0.1:5", "Origin", "https://evil.example", false},
		{"a page of this machine", "127.0.0.1:5", "Origin", "http://localhost:3000", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := do(t, h, "sts", "/", func(r *http.Request, s *sigv4.Signer) {
				r.RemoteAddr = tt.peer
				s.AccessKeyID, s.Secret = "test", "test"
				if tt.header != "" {
					r.Header.Set(tt.header, tt.value)
				}
			}, "Action=GetCallerIdentity&Version=2011-06-15", form()...)
			if (a.status == 200) != tt.ok {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			if tt.ok && !strings.Contains(a.body, "<Arn>arn:aws:iam::000000000000:root</Arn>") {
				t.Errorf("not the administrator: %s", a.body)
			}
		})
	}
}

func TestForwardedHost(t *testing.T) {
	for _, tt := range []struct {
		name, peer string
		ok         bool
	}{
		{"AU-081 trusted", "10.1.2.3:4", true},
		{"AU-082 untrusted", "192.0.2.1:4", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHandler(io.Discard, &decisions{}, false)
			r := httptest.NewRequest("POST", "http://inner/", strings.NewReader("Action=GetCallerIdentity&Version=2011-06-15"))
			r.RemoteAddr = tt.peer
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			sr := &sigv4.Request{Method: "POST", Target: "/", Host: "public.example", Body: []byte("Action=GetCallerIdentity&Version=2011-06-15")}
			(&sigv4.Signer{AccessKeyID: "AKIDEXAMPLE", Secret: secret, Region: "us-east-1", Service: "sts"}).Sign(sr, time.Now())
			for _, f := range sr.Header {
				r.Header.Set(f.Name, f.Value)
			}
			r.RequestURI = "/"
			r.Header.Set("X-Forwarded-Host", "public.example")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if (w.Code == 200) != tt.ok {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
}

func TestUnsigned(t *testing.T) {
	h := newHandler(io.Discard, &decisions{}, false)
	unsigned := func(_ *http.Request, s *sigv4.Signer) { s.AccessKeyID = "" }
	a := do(t, h, "", "OPTIONS /v2/apis", unsigned, "", "Origin", "https://example.com", "Access-Control-Request-Headers", "authorization")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Headers") != "authorization" {
		t.Errorf("AU-088 preflight: %+v", a)
	}
	if a := do(t, h, "", "GET /", unsigned, ""); a.status != 200 || a.body != "healthy: dynamodb.us-east-1.amazonaws.com \n" {
		t.Errorf("AU-087 health: %+v", a)
	}
	if a := do(t, h, "", "GET /anything", unsigned, ""); a.status != 403 {
		t.Errorf("unsigned path: %+v", a)
	}
}

func TestFailuresAreLimited_AU094(t *testing.T) {
	var log bytes.Buffer
	h := newHandler(&log, &decisions{}, false)
	wrong := func(_ *http.Request, s *sigv4.Signer) { s.Secret = "wrong" }
	for range 60 {
		if a := do(t, h, "dynamodb", "/", wrong, `{}`, ddb("DescribeTable")...); !strings.Contains(a.body, "InvalidSignatureException") {
			t.Fatalf("refused too early: %s", a.body)
		}
	}
	if a := do(t, h, "dynamodb", "/", wrong, `{}`, ddb("DescribeTable")...); a.body != `{"__type":"com.amazon.coral.service#ThrottlingException","message":"Rate exceeded"}` {
		t.Errorf("the 61st failure: %s", a.body)
	}
	if a := do(t, h, "dynamodb", "/", nil, `{"TableName":"users"}`, ddb("DescribeTable")...); a.status != 200 {
		t.Errorf("a good signature after failures: %s", a.body)
	}
	for _, leak := range []string{"Signature=", secret, "SignedHeaders", "x-amz-date"} {
		if strings.Contains(log.String(), leak) {
			t.Errorf("AU-074: the log has %q", leak)
		}
	}
}

func TestInternalErrors(t *testing.T) {
	for _, table := range []string{"broken", "panic"} {
		var log bytes.Buffer
		h := newHandler(&log, &decisions{}, false)
		a := do(t, h, "dynamodb", "/", nil, `{"TableName":"`+table+`"}`, ddb("DescribeTable")...)
		id := a.header.Get("X-Amzn-Requestid")
		if a.status != 500 || !strings.Contains(a.body, "InternalServerError") || !strings.Contains(a.body, id) || strings.Contains(a.body, "fire") || strings.Contains(a.body, "mistake") {
			t.Errorf("%s: %d %s", table, a.status, a.body)
		}
		if n := strings.Count(log.String(), id); n != 1 {
			t.Errorf("%s: logged %d times:\n%s", table, n, log.String())
		}
	}
}

func TestTooLarge_AU078(t *testing.T) {
	h := newHandler(io.Discard, &decisions{}, false)
	a := do(t, h, "dynamodb", "/", nil, strings.Repeat(" ", 16<<20+1), ddb("DescribeTable")...)
	if a.status != 413 {
		t.Errorf("status %d", a.status)
	}
}

func TestEventStream(t *testing.T) {
	h := newHandler(io.Discard, &decisions{}, false)
	a := do(t, h, "lambda", "/2021-11-15/functions/f/response-streaming-invocations", nil, `"hi"`)
	if a.header.Get("Content-Type") != "application/vnd.amazon.eventstream" || !strings.Contains(a.body, "PayloadChunk") || !strings.Contains(a.body, `"hi"`) || !strings.Contains(a.body, "InvokeComplete") {
		t.Errorf("%v %q", a.header, a.body)
	}
}

func TestCall(t *testing.T) {
	c := catalog()
	ctx := awsapi.WithCaller(t.Context(), awsapi.Caller{Account: "000000000000", Region: "us-east-1"})
	for _, tt := range []struct{ name, service, op, in, want, code string }{
		{"json", "dynamodb", "DescribeTable", `{"TableName":"users"}`, `{"Table":{"TableName":"users","CreationDateTime":1.795143927614E9}}`, ""},
		{"first letter small", "dynamodb", "describeTable", `{"TableName":"users"}`, `{"Table":{"TableName":"users","CreationDateTime":1.795143927614E9}}`, ""},
		{"payload", "lambda", "Invoke", `{"FunctionName":"f","Payload":{"a":1}}`, `{"StatusCode":200,"Payload":{"a":1},"ExecutedVersion":"f"}`, ""},
		{"by signing name", "apigateway", "CreateApi", `{"Name":"n","ProtocolType":"HTTP"}`, `{"createdDate":"2026-11-20T03:05:27Z","name":"n","tags":{}}`, ""},
		{"validation", "dynamodb", "DescribeTable", `{}`, "", "ValidationException"},
		{"error", "dynamodb", "DescribeTable", `{"TableName":"ghosts"}`, "", "ResourceNotFoundException"},
		{"operation we lack", "dynamodb", "Scan", `{}`, "", "UnknownOperationException"},
		{"service we lack", "sqs", "SendMessage", `{}`, "", "UnknownOperationException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := c.Call(ctx, tt.service, tt.op, []byte(tt.in))
			if string(out) != tt.want || awsapi.Code(err) != tt.code {
				t.Errorf("%s %v, want %s %s", out, err, tt.want, tt.code)
			}
		})
	}
	out, err := awsapi.Invoke[dynamodb.DescribeTableInput, dynamodb.DescribeTableOutput](ctx, c, "dynamodb", "DescribeTable", &dynamodb.DescribeTableInput{TableName: new("users")})
	if err != nil || *out.Table.TableName != "users" {
		t.Errorf("Invoke: %v %v", out, err)
	}
}

func BenchmarkHandler(b *testing.B) {
	h := newHandler(io.Discard, &decisions{}, false)
	sr := &sigv4.Request{Method: "POST", Target: "/", Host: "example.com", Body: []byte(`{"TableName":"users"}`), Header: []sigv4.Field{
		{Name: "X-Amz-Target", Value: "DynamoDB_20120810.DescribeTable"}, {Name: "Content-Type", Value: "application/x-amz-json-1.0"},
	}}
	(&sigv4.Signer{AccessKeyID: "AKIDEXAMPLE", Secret: secret, Region: "us-east-1", Service: "dynamodb"}).Sign(sr, time.Now())
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(sr.Body))
		r.Host = sr.Host
		for _, f := range sr.Header {
			r.Header.Set(f.Name, f.Value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// TestHTTP2_AU080 takes the host of a signature from :authority, which HTTP/2 has in place of the Host header.
func TestHTTP2_AU080(t *testing.T) {
	var proto string
	h := newHandler(io.Discard, &decisions{}, false)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto = r.Proto
		h.ServeHTTP(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	signed := &sigv4.Request{Method: "POST", Target: "/", Host: r.URL.Host, Body: []byte(body)}
	(&sigv4.Signer{AccessKeyID: "AKIDEXAMPLE", Secret: secret, Region: "us-east-1", Service: "sts"}).Sign(signed, time.Now())
	for _, f := range signed.Header {
		if f.Name != "Host" {
			r.Header.Set(f.Name, f.Value)
		}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || proto != "HTTP/2.0" {
		t.Errorf("status %d over %s", res.StatusCode, proto)
	}
}
