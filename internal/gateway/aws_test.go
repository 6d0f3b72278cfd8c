package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/sns"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/service/s3"
)

// service is the URI of an integration with a service: "dynamodb:action/PutItem".
func service(rest string) string { return "arn:aws:apigateway:" + region + ":" + rest }

// allowed gives the role of integrations permissions.
func (w *world) allowed(permissions ...string) { w.keys["gateway"] = permissions }

const everything = "arn:aws:*"

func TestConnectByDynamoDB_DP043_DP044(t *testing.T) {
	const put = `{"TableName":"%s","Item":{"id":{"S":"$context.connectionId"},"at":{"N":"$context.connectedAt"}}}`
	w := newWorld(t)
	w.allowed("dynamodb:PutItem "+everything, "dynamodb:DeleteItem "+everything)
	catalog := w.tables("Connections")
	n := w.node()
	w.deploy(route("$connect", to(apigateway.AWS, service("dynamodb:action/PutItem"), as(role), renders(fmt.Sprintf(put, "Connections")))),
		route("$disconnect", to(apigateway.AWS, service("dynamodb:action/DeleteItem"), as(role), renders(`{"TableName":"Connections","Key":{"id":{"S":"$context.connectionId"}}}`))))
	c := n.connect("/prod")
	id := w.connections(1)[0]
	if item := w.must(catalog, "dynamodb", "GetItem", `{"TableName":"Connections","Key":{"id":{"S":"`+id+`"}}}`); !strings.Contains(item, `"at":{"N":"1`) {
		t.Errorf("DP-043: item %s", item)
	}
	c.close(1000, "")
	w.eventually(func() bool {
		return strings.Contains(w.must(catalog, "dynamodb", "Scan", `{"TableName":"Connections"}`), `"Count":0`)
	}, "$disconnect did not delete the item")

	w.deploy(route("$connect", to(apigateway.AWS, service("dynamodb:action/PutItem"), as(role), renders(fmt.Sprintf(put, "Ghosts")))))
	w.eventually(func() bool { _, resp := n.upgrade("/prod"); return resp.StatusCode == 400 }, "DP-044: a missing table does not refuse with 400")
	w.deployAs(apiID, "fixed", route("$connect", to(apigateway.AWS, service("dynamodb:action/PutItem"), as(role), renders(fmt.Sprintf(put, "Ghosts")),
		responds(`/400/`, `#set($context.responseOverride.status = 503)`))))
	if _, resp := n.upgrade("/fixed"); resp.StatusCode != 503 {
		t.Errorf("status %d, want the template's 503", resp.StatusCode)
	}
}

func TestAWSReplies(t *testing.T) {
	const dynamo = "dynamodb:action/GetItem"
	get := renders(`{"TableName":"Items","Key":{"id":{"S":"$input.path('$.id')"}}}`)
	for _, tt := range []struct {
		name    string
		uri     string
		allow   []string
		changes []func(*apigateway.Integration)
		want    string // "!x" is the error frame x
		cause   string
	}{
		{"found", dynamo, []string{"dynamodb:GetItem " + everything}, list(as(role), get, responds("$default", `$input.path('$.Item.id.S')`)), "1", ""},
		{"DP-171 body_of_the_service", dynamo, []string{"dynamodb:GetItem " + everything}, list(as(role), get, responds("$default", `got $input.body`)), `got {"Item":{"id":{"S":"1"}}}`, ""},
		{"refused_is_an_answer", "dynamodb:action/GetItem", []string{"dynamodb:GetItem " + everything}, list(as(role), renders(`{"TableName":"Items","Key":{}}`), responds(`/4\d\d/`, "four"), responds("$default", "other")), "four", ""},
		{
			"not_allowed_is_an_answer", dynamo,
			[]string{"dynamodb:PutItem " + everything},
			list(as(role), get, responds(`/4\d\d/`, `$input.path('$.Message')`), responds("$default", "other")),
			"User: arn:aws:sts::000000000000:assumed-role/gateway/BackplaneAssumeRoleSession is not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:000000000000:table/Items", "",
		},
		{"action_that_is_none", "dynamodb:action/EatItem", nil, list(as(role), get, responds(`/400/`, "four")), "four", ""},
		{"no_credentials", dynamo, nil, list(get, responds("$default", "")), "!Internal server error", "credentialsArn"},
		{"role_that_does_not_trust", dynamo, nil, list(as("arn:aws:iam::000000000000:role/untrusting"), get, responds("$default", "")), "!Internal server error", "trust policy"},
		{"callers_own_without_caller", dynamo, nil, list(as("arn:aws:iam::*:user/*"), get, responds("$default", "")), "!Internal server error", "AWS_IAM"},
		{"service_that_is_not_here", "kinesis:action/PutRecord", nil, list(as(role), get, responds("$default", "")), "!Internal server error", "set endpoints.kinesis"},
		{"no_action", "dynamodb:other/x", nil, list(as(role), get, responds("$default", "")), "!Internal server error", "neither path/ nor action/"},
		{"header_of_signatures", dynamo, nil, list(as(role), get, maps("integration.request.header.Authorization", "'x'"), responds("$default", "")), "!Internal server error", "header Authorization may not be mapped"},
		{"other_region", strings.Replace(service(dynamo), region, "eu-west-1", 1), []string{"dynamodb:GetItem " + everything}, list(as(role), get, responds(`/400/`, `$input.path('$.message')`)), "Requested resource not found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.allowed(tt.allow...)
			catalog := w.tables("Items")
			w.must(catalog, "dynamodb", "PutItem", `{"TableName":"Items","Item":{"id":{"S":"1"}}}`)
			n := w.node()
			uri := tt.uri
			if !strings.HasPrefix(uri, "arn:") {
				uri = service(uri)
			}
			w.deploy(route("$default", twoWay, to(apigateway.AWS, uri, tt.changes...)))
			c := n.connect("/prod")
			c.send(`{"id":"1"}`)
			if text, isError := strings.CutPrefix(tt.want, "!"); isError {
				c.wantError(text)
				if r := w.failure(gateway.Message); !strings.Contains(fmt.Sprint(r.Cause, r.Hint), tt.cause) {
					t.Errorf("cause %v, hint %s; want %q", r.Cause, r.Hint, tt.cause)
				}
				return
			}
			c.want(tt.want)
		})
	}
}

func TestCallersOwnCredentials(t *testing.T) {
	w := newWorld(t)
	w.keys["AKIAUSER"] = []string{"execute-api:Invoke arn:aws:execute-api:*", "dynamodb:PutItem " + everything, "lambda:InvokeFunction " + lambda + "fn"}
	catalog := w.tables("Items")
	n := w.node()
	own := as("arn:aws:iam::*:user/*")
	w.on("fn", returns(`{"body":"ran"}`))
	w.on("private", returns(`{"body":"ran"}`))
	w.deploy(route("$connect", to(apigateway.AWS, service("dynamodb:action/PutItem"), own, renders(`{"TableName":"Items","Item":{"id":{"S":"connect"}}}`)),
		func(r *apigateway.Route, _ *apigateway.Integration) { r.AuthorizationType = "AWS_IAM" }),
		route("put", twoWay, to(apigateway.AWS, service("dynamodb:action/PutItem"), own, renders(`{"TableName":"Items","Item":{"id":{"S":"message"}}}`), responds("$default", "done"))),
		route("delete", twoWay, to(apigateway.AWS, service("dynamodb:action/DeleteItem"), own, renders(`{"TableName":"Items","Key":{"id":{"S":"message"}}}`), responds("/400/", `$input.path('$.Message')`))),
		route("fn", twoWay, with(own)), route("private", twoWay, with(own)),
		route("$disconnect", to(apigateway.AWS, service("dynamodb:action/PutItem"), own, renders(`{"TableName":"Items","Item":{"id":{"S":"disconnect"}}}`))))
	r := &sigv4.Request{Method: "GET", Target: "/prod", Host: host}
	(&sigv4.Signer{AccessKeyID: "AKIAUSER", Secret: "secret", Region: region, Service: "execute-api"}).Presign(r, time.Now(), time.Minute)
	c := n.connect(r.Target)
	c.send(`{"action":"put"}`)
	c.want("done")
	c.send(`{"action":"delete"}`)
	if got := c.text(); !strings.Contains(got, "User: arn:aws:iam::000000000000:user/AKIAUSER is not authorized to perform: dynamodb:DeleteItem") {
		t.Errorf("got %q", got)
	}
	c.send(`{"action":"private"}`)
	c.wantError("Internal server error") // the user may not invoke it
	c.send(`{"action":"fn"}`)
	c.want("ran")
	c.close(1000, "")
	w.eventually(func() bool {
		return strings.Contains(w.must(catalog, "dynamodb", "Scan", `{"TableName":"Items"}`), `"Count":3`)
	}, "not all items are there")
}

// A queue is what SQS and SNS are here: they keep what they get.
type queue struct {
	mu   sync.Mutex // guards got
	got  []string
	api  *awsapi.API
	take func(q *queue) map[string]awsapi.Operation
}

func (q *queue) API() *awsapi.API                        { return q.api }
func (q *queue) Operations() map[string]awsapi.Operation { return q.take(q) }

func (q *queue) keep(format string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.got = append(q.got, fmt.Sprintf(format, args...))
}

func (q *queue) all() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return strings.Join(q.got, "\n")
}

func newSQS() *queue {
	return &queue{api: sqs.API, take: func(q *queue) map[string]awsapi.Operation {
		return map[string]awsapi.Operation{"SendMessage": awsapi.Op(func(_ context.Context, in *sqs.SendMessageInput) (*sqs.SendMessageOutput, error) {
			if *in.MessageBody == "refuse" {
				return nil, awsapi.Errorf("InvalidMessageContents", 400, "no")
			}
			attribute := ""
			if a := in.MessageAttributes["id"]; a != nil {
				attribute = *a.StringValue
			}
			q.keep("%s %s %s", (*in.QueueUrl)[strings.LastIndex(*in.QueueUrl, "/0000"):], *in.MessageBody, attribute)
			return &sqs.SendMessageOutput{MessageId: new("m1")}, nil
		})}
	}}
}

func newSNS() *queue {
	return &queue{api: sns.API, take: func(q *queue) map[string]awsapi.Operation {
		return map[string]awsapi.Operation{"Publish": awsapi.Op(func(_ context.Context, in *sns.PublishInput) (*sns.PublishOutput, error) {
			q.keep("%s %s", *in.TopicArn, *in.Message)
			return &sns.PublishOutput{MessageId: new("n1")}, nil
		})}
	}}
}

func TestQueuesAndTopics_DP177(t *testing.T) {
	form := maps("integration.request.header.Content-Type", "'application/x-www-form-urlencoded'")
	topic := "arn:aws:sns:us-east-1:000000000000:news"
	for _, tt := range []struct {
		name    string
		uri     string
		changes []func(*apigateway.Integration)
		sent    string
		want    string
		got     string // by the queue
	}{
		{"DP-177 form", "sqs:path/000000000000/jobs", list(form, renders(`Action=SendMessage&MessageBody=$util.urlEncode($input.body)`), responds("/200/", `$input.path('$.SendMessageResponse.SendMessageResult.MessageId')`)), `{"a":"b & c=d é"}`, "m1", `/000000000000/jobs {"a":"b & c=d é"} `},
		{"form_with_attribute", "sqs:path/000000000000/jobs", list(form, renders(`Action=SendMessage&MessageBody=x&MessageAttribute.1.Name=id&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=$context.stage`), responds("$default", "ok")), "x", "ok", "/000000000000/jobs x prod"},
		{"json", "sqs:path/000000000000/jobs", list(maps("integration.request.header.Content-Type", "'application/x-amz-json-1.0'", "integration.request.header.X-Amz-Target", "'AmazonSQS.SendMessage'"),
			renders(`{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/000000000000/jobs","MessageBody":"$input.path('$.text')"}`), responds("$default", `$input.path('$.MessageId')`)), `{"text":"hi"}`, "m1", "/000000000000/jobs hi "},
		{"refused", "sqs:path/000000000000/jobs", list(form, renders(`Action=SendMessage&MessageBody=refuse`), responds(`/400/`, `$input.path('$.Error.Code')`)), "x", "InvalidMessageContents", ""},
		{"query", "sqs:path/000000000000/jobs?Action=SendMessage&Version=2012-11-05", list(maps("integration.request.querystring.MessageBody", "route.request.body.text"), renders(" "), responds("$default", "ok")), `{"text":"a b"}`, "ok", "/000000000000/jobs a b "},
		{"topic", "sns:action/Publish", list(form, renders(`Action=Publish&TopicArn=$util.urlEncode('`+topic+`')&Message=$util.urlEncode($input.body)`), responds("$default", `$input.path('$.PublishResponse.PublishResult.MessageId')`)), "news & more", "n1", topic + " news & more"},
		{"topic_by_query", "sns:action/Publish", list(maps("integration.request.querystring.TopicArn", "'"+topic+"'", "integration.request.querystring.Message", "route.request.body"), renders(" "), responds("$default", "ok")), "plain", "ok", topic + " plain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.allowed("sqs:SendMessage *", "sqs:SendMessage arn:aws:sqs:*", "sns:Publish arn:aws:sns:*")
			q, topics := newSQS(), newSNS()
			w.serve(q, topics)
			n := w.node()
			w.deploy(route("$default", twoWay, to(apigateway.AWS, service(tt.uri), append(tt.changes, as(role))...)))
			c := n.connect("/prod")
			c.send(tt.sent)
			c.want(tt.want)
			if got := q.all() + topics.all(); got != tt.got {
				t.Errorf("got %q, want %q", got, tt.got)
			}
		})
	}
}

func TestFunctionsWithTemplates_DP168_DP172(t *testing.T) {
	const uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + lambda + "fn/invocations"
	throws := func(map[string]any) string { return failed }
	responses := list(responds(`/.*not found.*/`, `lost: $input.path('$.errorMessage')`), responds("boom", "bang"), responds("$default", `$input.json('$')`))
	for _, tt := range []struct {
		name    string
		fn      function
		changes []func(*apigateway.Integration)
		sent    string
		want    string
		event   string
	}{
		{"rendered", returns(`{"a":1}`), append(responses, renders(`{"text":$input.json('$.text'),"stage":"$context.stage"}`)), `{"text":"hi"}`, `{"a":1}`, `{"text":"hi","stage":"prod"}`},
		{"passed_through", returns(`{"a":1}`), responses, `{"text":"hi"}`, `{"a":1}`, `{"text":"hi"}`},
		{"DP-168 error_message", returns(`{"errorMessage":"not found: x","errorType":"E"}`), responses, `{}`, "lost: not found: x", `{}`},
		{"function_that_throws", throws, responses, `{}`, "bang", `{}`},
		{"no_error_message", returns(`{"errorMessage":5}`), responses, `{}`, `{"errorMessage":5}`, `{}`},
		{"result_that_is_no_object", returns(`"just text"`), list(responds("$default", "")), `{}`, `"just text"`, `{}`},
		{"message_that_is_no_json", returns(`{}`), list(responds("$default", `$input.path('$.Type')`)), `hi`, "User", ""},
		{"no_response_fits", returns(`{}`), list(responds("x", "")), `{}`, "!Internal server error", `{}`},
		{"DP-179 timeout", returns(`{}`), list(within(500), responds("$default", "")), `{}`, "!Endpoint request timed out", `{}`},
		{"DP-172 event", returns(`{}`), list(maps("integration.request.header.X-Amz-Invocation-Type", "'Event'"), responds("$default", "queued")), `{"a":2}`, "queued", `{"a":2}`},
		{"event_by_override", returns(`{}`), list(renders(`#set($context.requestOverride.header["x-amz-invocation-type"] = "Event"){"a":3}`), responds("$default", "queued")), `{}`, "queued", `{"a":3}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			release := make(chan struct{})
			if strings.Contains(tt.name, "event") || strings.Contains(tt.name, "timeout") {
				w.on("fn", func(e map[string]any) string { <-release; return tt.fn(e) })
			} else {
				w.on("fn", tt.fn)
			}
			w.deploy(route("$default", twoWay, to(apigateway.AWS, uri, tt.changes...)))
			c := n.connect("/prod")
			c.send(tt.sent)
			if text, isError := strings.CutPrefix(tt.want, "!"); isError {
				c.wantError(text)
			} else {
				c.want(tt.want)
			}
			close(release) // an asynchronous call is answered while the function waits
			if tt.event != "" {
				w.eventually(func() bool { return len(w.functions.of("fn")) > 0 }, "the function was not called")
			}
			calls := w.functions.of("fn")
			if tt.event == "" {
				if len(calls) != 0 {
					t.Errorf("called with %s", calls[0].raw)
				}
				return
			}
			if len(calls) != 1 || calls[0].raw != tt.event || calls[0].principal != "apigateway.amazonaws.com" || !strings.HasSuffix(calls[0].sourceARN, "/prod/$default") {
				t.Errorf("calls %+v, want one with %s", calls, tt.event)
			}
		})
	}
}

func TestConnectByFunctionWithTemplates(t *testing.T) {
	throws := func(map[string]any) string { return failed }
	for _, tt := range []struct {
		name    string
		fn      function
		changes []func(*apigateway.Integration)
		status  int
		event   string
	}{
		{"accepts", returns(`{}`), list(renders(`{"token":"$input.params('token')","agent":"$input.params().header.get('User-Agent')"}`)), 101, `{"token":"z","agent":"test/1"}`},
		{"nothing_is_an_empty_object", returns(`{}`), nil, 101, `{}`},
		{"A33 throws", throws, nil, 500, `{}`},
		{"A33 throws_and_default", throws, list(responds("$default", "")), 500, `{}`},
		{"throws_and_matches", throws, list(responds("boom", `#set($context.responseOverride.status = 403)`)), 403, `{}`},
		{"A32 no_responses", returns(`{"errorMessage":"x"}`), nil, 101, `{}`},
		{"event", returns(`{}`), list(maps("integration.request.header.X-Amz-Invocation-Type", "'Event'")), 101, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			n := w.node()
			w.on("fn", tt.fn)
			w.deploy(route("$connect", to(apigateway.AWS, lambda+"fn", tt.changes...)))
			if _, resp := n.upgrade("/prod?token=z"); resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d: %v", resp.StatusCode, tt.status, w.records.last(gateway.Connect).Cause)
			}
			w.eventually(func() bool { return len(w.functions.of("fn")) > 0 }, "the function was not called")
			if calls := w.functions.of("fn"); len(calls) != 1 || calls[0].raw != tt.event {
				t.Errorf("calls %+v, want one with %s", calls, tt.event)
			}
		})
	}
}

func TestObjects(t *testing.T) {
	w := newWorld(t)
	w.allowed("s3:PutObject arn:aws:s3:::*", "s3:GetObject arn:aws:s3:::*")
	w.keys["AKIAALL"] = append(w.keys["AKIAALL"], "s3:CreateBucket arn:aws:s3:::*")
	log := slog.New(slog.DiscardHandler)
	objects := s3.New(w.stores, log)
	w.mounts = map[string]http.Handler{"s3": objects.Handler(awsapi.NewGatekeeper(w.keys, log, awsapi.GateOptions{}), w.keys)}
	w.serve()
	n := w.node()
	method := func(m string) func(*apigateway.Integration) {
		return func(i *apigateway.Integration) { i.Method = m }
	}
	w.keys["gateway"] = append(w.keys["gateway"], "s3:CreateBucket arn:aws:s3:::*")
	w.deploy(route("make", twoWay, to(apigateway.AWS, service("s3:path/shelf"), as(role), method("PUT"), renders(" "), responds("/200/", "made"), responds("$default", "$input.body"))),
		route("put", twoWay, to(apigateway.AWS, service("s3:path/{bucket}/{key}"), as(role), method("PUT"),
			maps("integration.request.path.bucket", "'shelf'", "integration.request.path.key", "route.request.body.key", "integration.request.header.Content-Type", "'text/plain'"),
			renders("$input.path('$.text')"), responds("/200/", "stored"), responds("$default", "$input.body"))),
		route("get", twoWay, to(apigateway.AWS, service("s3:path/shelf/{key}"), as(role), method("GET"),
			maps("integration.request.path.key", "route.request.body.key"), renders(""), responds("$default", ""))))
	c := n.connect("/prod")
	c.send(`{"action":"make"}`)
	c.want("made")
	c.send(`{"action":"put","key":"a/b c.txt","text":"hello"}`)
	c.want("stored")
	c.send(`{"action":"get","key":"a/b c.txt"}`)
	c.want("hello")
}

func TestPushByIntegration(t *testing.T) {
	w := newWorld(t)
	w.allowed("execute-api:ManageConnections arn:aws:execute-api:*")
	n := w.node()
	w.deploy(route("say", to(apigateway.AWS, "arn:aws:apigateway:us-east-1:"+apiID+".execute-api:path/prod/@connections/{id}", as(role),
		maps("integration.request.path.id", "route.request.body.to"), renders("$input.path('$.text')"))))
	b := n.connect("/prod")
	id := w.connections(1)[0]
	a := n.connect("/prod")
	a.send(`{"action":"say","to":"` + id + `","text":"from a"}`)
	b.want("from a")
	a.quiet()
}

// elsewhere sends calls of services to a server that answers with what it was asked, and by whom.
func (w *world) elsewhere(services ...string) {
	gate := awsapi.NewGatekeeper(w.keys, slog.New(slog.DiscardHandler), awsapi.GateOptions{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signed := &sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Body: body}
		for name, values := range r.Header {
			for _, v := range values {
				signed.Header = append(signed.Header, sigv4.Field{Name: name, Value: v})
			}
		}
		sig, _ := sigv4.Parse(signed)
		who, err := gate.Verify(r.Context(), signed, &awsapi.API{Name: sig.Service, SigningName: sig.Service, Protocol: awsapi.JSON}, netip.MustParseAddr("192.0.2.1"))
		if err != nil || r.Header.Get("Accept") != "application/json" {
			w.t.Errorf("signature: %v; Accept %s", err, r.Header.Get("Accept"))
		}
		fmt.Fprintf(rw, "%s %s|%s|%s|%s|%s %s %s", r.Method, r.RequestURI, r.Header.Get("X-Amz-Target"), r.Header.Get("Content-Type"), body, who.AccessKeyID, who.Region, sig.Service)
	}))
	w.t.Cleanup(server.Close)
	w.endpoints = map[string]string{"odd": "nowhere"}
	for _, name := range services {
		w.endpoints[name] = server.URL
	}
}

func TestServicesElsewhere_DP178(t *testing.T) {
	for _, tt := range []struct {
		name, uri string
		changes   []func(*apigateway.Integration)
		want      string // method and target, X-Amz-Target, Content-Type, body, service
	}{
		{"DP-178 dynamodb", "dynamodb:action/PutItem", nil, `POST /|DynamoDB_20120810.PutItem|application/x-amz-json-1.0|{"x":1}|dynamodb`},
		{"kinesis", "kinesis:action/PutRecord", nil, `POST /|Kinesis_20131202.PutRecord|application/x-amz-json-1.1|{"x":1}|kinesis`},
		{"states", "states:action/StartExecution", nil, `POST /|AWSStepFunctions.StartExecution|application/x-amz-json-1.0|{"x":1}|states`},
		{"ssm_json", "ssm:action/GetParameter", nil, `POST /|AmazonSSM.GetParameter|application/x-amz-json-1.1|{"x":1}|ssm`},
		{"ssm_query", "ssm:action/GetParameter", list(maps("integration.request.querystring.Name", "'/a b'")), `POST /?Name=%2Fa%20b&Action=GetParameter&Version=2014-11-06||application/json|{"x":1}|ssm`},
		{"target_of_the_template", "events:action/PutEvents", list(renders(`#set($context.requestOverride.header["X-Amz-Target"] = "AWSEvents.PutEvents")#set($context.requestOverride.header["Content-Type"] = "application/x-amz-json-1.1"){"y":2}`)), `POST /|AWSEvents.PutEvents|application/x-amz-json-1.1|{"y":2}|events`},
		{"action_of_query", "monitoring:action/PutMetricData&Namespace=N", nil, `POST /?Namespace=N&Action=PutMetricData&Version=2010-08-01||application/json|{"x":1}|monitoring`},
		{"object", "s3:path/bucket/a//b/../{key}", list(maps("integration.request.path.key", "'c d/e'"), func(i *apigateway.Integration) { i.Method = "PUT" }), `PUT /bucket/a//b/../c%20d%2Fe||application/json|{"x":1}|s3`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOUT")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
			t.Setenv("AWS_SESSION_TOKEN", "")
			w := newWorld(t)
			w.keys["AKIAOUT"] = nil
			name, _, _ := strings.Cut(tt.uri, ":")
			w.elsewhere(name)
			n := w.node()
			w.deploy(route("$default", twoWay, to(apigateway.AWS, service(tt.uri), append(tt.changes, as(role), responds("$default", ""))...)))
			c := n.connect("/prod")
			c.send(`{"x":1}`)
			i := strings.LastIndexByte(tt.want, '|') + 1
			c.want(tt.want[:i] + "AKIAOUT us-east-1 " + tt.want[i:])
		})
	}
}

func TestServicesThatCannotBeReached(t *testing.T) {
	for _, tt := range []struct{ name, uri, cause, hint string }{
		{"no_credentials", "dynamodb:action/PutItem", "endpoints.dynamodb", "set AWS_ACCESS_KEY_ID"},
		{"no_url", "odd:action/X", "neither aws nor a URL", ""},
		{"not_here", "kinesis:action/X", "set endpoints.kinesis to aws", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			w := newWorld(t)
			w.elsewhere("dynamodb")
			n := w.node()
			w.deploy(route("$default", twoWay, to(apigateway.AWS, service(tt.uri), as(role), responds("$default", ""))))
			c := n.connect("/prod")
			c.send(`{}`)
			c.wantError("Internal server error")
			if r := w.failure(gateway.Message); !strings.Contains(r.Cause.Error(), tt.cause) || !strings.Contains(r.Hint, tt.hint) {
				t.Errorf("cause %v, hint %q; want %q, %q", r.Cause, r.Hint, tt.cause, tt.hint)
			}
		})
	}
}
