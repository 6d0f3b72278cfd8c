package wsapp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/sallyport/sallyport/wsapp"
)

// A memory is an engine for the examples: one connection, called "ann".
type memory struct{ connections []string }

func (m *memory) Post(_ context.Context, id string, data []byte) error {
	if id == "gone" {
		return wsapp.ErrGone
	}
	fmt.Printf("to %s: %s\n", id, data)
	return nil
}

func (m *memory) Close(_ context.Context, id string) error {
	fmt.Println("closed", id)
	return nil
}

func (m *memory) Info(context.Context, string) (wsapp.Info, error) {
	return wsapp.Info{ConnectedAt: time.Unix(0, 0), SourceIP: "192.0.2.1"}, nil
}

func (m *memory) Add(_ context.Context, id string) error {
	m.connections = append(m.connections, id)
	return nil
}

func (m *memory) Remove(_ context.Context, id string) error {
	fmt.Println("removed", id)
	return nil
}

func (m *memory) Scan(_ context.Context, segment, _ int, page func([]string) error) error {
	if segment > 0 {
		return nil
	}
	return page(m.connections)
}

// send serves one message of connection "ann".
func send(app *wsapp.App, engine wsapp.Engine, key, body string) {
	r := &wsapp.Request{RouteKey: key, ConnectionID: "ann", RequestID: "r", Body: []byte(body)}
	r.Raw = fmt.Appendf(nil, `{"requestContext":{"routeKey":%q,"connectionId":"ann","eventType":"MESSAGE","authorizer":{"principalId":"user-1"}},"body":%q,"headers":{"Sec-WebSocket-Protocol":"v1, v2"}}`, key, body)
	resp, err := app.Serve(context.Background(), engine, r)
	switch {
	case err != nil:
		fmt.Println("failed:", err)
	default:
		fmt.Println(strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", resp.Headers["Sec-WebSocket-Protocol"], resp.Body)))
	}
}

func ExampleReply() {
	app := &wsapp.App{Name: "calculator"}
	wsapp.Reply(app, "add", func(_ context.Context, in struct{ A, B int }) (map[string]int, error) {
		return map[string]int{"sum": in.A + in.B}, nil
	})
	send(app, &memory{}, "add", `{"action":"add","a":1,"b":2}`)
	send(app, &memory{}, "add", `{"action":"add","a":"one"}`)
	// Output:
	// 200 {"sum":3}
	// 400 message cannot be read: json: cannot unmarshal string into Go struct field .A of type int
}

func ExampleOn() {
	app := &wsapp.App{Name: "log"}
	wsapp.On(app, wsapp.DefaultKey, func(ctx context.Context, text string) error {
		fmt.Println(wsapp.ConnOf(ctx).ID(), "says", text)
		return nil
	})
	send(app, &memory{}, "$default", "hello")
	// Output:
	// ann says hello
	// 200
}

func ExampleApp_Use() {
	app := &wsapp.App{Name: "measured"}
	wsapp.Reply(app, "echo", func(_ context.Context, text string) (string, error) { return text, nil })
	app.Use(func(next wsapp.Handler) wsapp.Handler {
		return func(ctx context.Context, r *wsapp.Request) (wsapp.Response, error) {
			resp, err := next(ctx, r)
			fmt.Println(r.RouteKey, "answered", resp.StatusCode)
			return resp, err
		}
	})
	send(app, &memory{}, "echo", "hi")
	// Output:
	// echo answered 200
	// 200 hi
}

func ExampleBroadcast() {
	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{Segments: 1}, Parallel: 1}
	wsapp.On(app, "say", func(ctx context.Context, in struct{ Text string }) error {
		done, err := wsapp.Broadcast(ctx, in.Text, wsapp.ConnOf(ctx).ID())
		fmt.Printf("%+v\n", done)
		return err
	})
	send(app, &memory{connections: []string{"ann", "bob", "gone"}}, "say", `{"action":"say","text":"hello"}`)
	// Unordered output:
	// to bob: hello
	// removed gone
	// {Sent:1 Stale:1 Failed:0}
	// 200
}

func ExampleConnections() {
	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{}}
	wsapp.Reply(app, "who", func(ctx context.Context, _ string) ([]string, error) {
		var ids []string
		for id, err := range wsapp.Connections(ctx) {
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		return ids, nil
	})
	send(app, &memory{connections: []string{"ann", "bob"}}, "who", `{}`)
	// Output: 200 ["ann","bob"]
}

func ExampleConn() {
	app := &wsapp.App{Name: "chat"}
	wsapp.On(app, "whisper", func(ctx context.Context, in struct{ To, Text string }) error {
		err := wsapp.ConnByID(ctx, in.To).Post(ctx, in.Text)
		if errors.Is(err, wsapp.ErrGone) {
			return wsapp.ConnOf(ctx).Post(ctx, in.To+" has left")
		}
		return err
	})
	send(app, &memory{}, "whisper", `{"to":"bob","text":"psst"}`)
	send(app, &memory{}, "whisper", `{"to":"gone","text":"psst"}`)
	// Output:
	// to bob: psst
	// 200
	// to ann: gone has left
	// 200
}

func ExampleError() {
	app := &wsapp.App{Name: "door"}
	wsapp.On(app, wsapp.ConnectKey, func(context.Context, *wsapp.Event) error {
		return wsapp.Errorf(503, "we are full")
	})
	wsapp.Reply(app, "broken", func(context.Context, string) (string, error) { return "", errors.New("out of paper") })
	send(app, &memory{}, "$connect", "")
	send(app, &memory{}, "broken", "")
	// Output:
	// 503 we are full
	// failed: out of paper
}

func ExampleApp_subprotocols() {
	app := &wsapp.App{Name: "spoken", Subprotocols: []string{"v2", "v1"}}
	wsapp.On(app, wsapp.DefaultKey, func(context.Context, string) error { return nil })
	send(app, &memory{}, "$connect", "")
	// Output: 200 v2
}

func ExampleIdentity() {
	app := &wsapp.App{
		Name:           "members",
		IdentitySource: []string{"route.request.querystring.token"},
		Authorizer: func(_ context.Context, e *wsapp.AuthorizerEvent) (wsapp.Identity, error) {
			if e.QueryStringParameters["token"] != "secret" {
				return wsapp.Identity{}, wsapp.ErrUnauthorized
			}
			return wsapp.Identity{Principal: "user-1", Context: map[string]any{"vip": true}}, nil
		},
	}
	wsapp.Reply(app, "who", func(ctx context.Context, _ string) (string, error) {
		id, _ := wsapp.IdentityOf(ctx)
		return id.Principal, nil
	})
	send(app, &memory{}, "who", "")
	// Output: 200 user-1
}

func ExampleStatement() {
	app := &wsapp.App{Name: "orders", Statements: []wsapp.Statement{
		{Actions: []string{"sqs:SendMessage"}, Resources: []any{"arn:aws:sqs:us-east-1:123456789012:orders"}},
	}}
	r := wsapp.On(app, "order", func(context.Context, struct{ Pizza string }) error { return nil })
	r.OperationName, r.Function = "Order", "Orders"
	r.Statements = []wsapp.Statement{{Actions: []string{"events:PutEvents"}, Resources: []any{map[string]any{"Fn::GetAtt": []string{"Bus", "Arn"}}}}}
	text, err := app.Describe()
	if err != nil {
		slog.Error("describe", "err", err)
	}
	fmt.Print(text)
	// Output:
	// orders
	//
	// Stage prod; routes are selected by $request.body.action
	//
	// ROUTE  OPERATION  FUNCTION  REPLIES  AUTHORIZATION
	// order  Order      Orders    no       -
	//
	// FUNCTION  RUNTIME          MEMORY  TIMEOUT
	// Orders    provided.al2023  128 MB  29s
	//
	// PERMISSION                     OF      ON
	// execute-api:ManageConnections  Orders  arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*
	// sqs:SendMessage                Orders  arn:aws:sqs:us-east-1:123456789012:orders
	// events:PutEvents               Orders  Bus.Arn
}

func ExampleApp_Command() {
	app := &wsapp.App{Name: "hello"}
	wsapp.On(app, wsapp.DefaultKey, func(context.Context, string) error { return nil })
	if err := app.Command(context.Background(), []string{"help"}, os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Commands:
	//   template [--code DIR]            print the template, for AWS and for Sallyport
	//   describe [--svg]                 say what the app is made of, as text or as a diagram
	//   deploy   [--stack-name NAME]     deploy to a running Sallyport, with the sallyport command
	//   deploy   --aws                   deploy to AWS, with the sam command
	//   delete   [--stack-name NAME]     delete what was deployed; from AWS with --aws
}

// Apps do not see engines, but their connections can be reached from anywhere that has one.
func ExampleEngine() {
	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{Segments: 1}}
	ctx := app.On(context.Background(), &memory{connections: []string{"ann"}})
	_, err := wsapp.Broadcast(ctx, map[string]string{"notice": "closing soon"})
	fmt.Println(err)
	// Output:
	// to ann: {"notice":"closing soon"}
	// <nil>
}

// A loudspeaker is a memory that reaches everybody at once.
type loudspeaker struct{ memory }

func (l *loudspeaker) Cast(_ context.Context, data []byte, except []string) (wsapp.Delivery, error) {
	fmt.Printf("to all but %v: %s\n", except, data)
	return wsapp.Delivery{Sent: len(l.connections) - len(except)}, nil
}

// Broadcast leaves its work to engines that are a Caster.
func ExampleCaster() {
	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{}}
	ctx := app.On(context.Background(), &loudspeaker{memory{connections: []string{"ann", "bob"}}})
	done, err := wsapp.Broadcast(ctx, "hello", "ann")
	fmt.Println(done.Sent, err)
	// Output:
	// to all but [ann]: hello
	// 1 <nil>
}

// A Delivery tells those who have left from those who took nothing.
func ExampleDelivery() {
	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{Segments: 1}, Parallel: 1}
	ctx := app.On(context.Background(), &memory{connections: []string{"gone"}})
	done, err := wsapp.Broadcast(ctx, "anybody?")
	if done.Sent == 0 && err == nil {
		fmt.Println("nobody is here;", done.Stale, "had left without a word")
	}
	// Output:
	// removed gone
	// nobody is here; 1 had left without a word
}

func ExampleInfo() {
	app := &wsapp.App{Name: "whoami"}
	wsapp.Reply(app, "whoami", func(ctx context.Context, _ string) (string, error) {
		info, err := wsapp.ConnOf(ctx).Info(ctx)
		return info.SourceIP, err
	})
	send(app, &memory{}, "whoami", "{}")
	// Output: 200 192.0.2.1
}

// A Route's fields say what only the template and the gateway need to know.
func ExampleRoute() {
	app := &wsapp.App{Name: "fast"}
	r := wsapp.Reply(app, "ping", func(context.Context, string) (string, error) { return "pong", nil })
	r.OperationName = "Ping"
	r.Inline = true // it never waits
	fmt.Println(r.Key(), r.Replies())
	// Output: ping true
}

// A Table's zero value has a meaning; its fields are for functions that other programs look at, too.
func ExampleTable() {
	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{Variable: "SPARTA_WS_TABLE", Attribute: "connectionID", ReadCapacity: 5, WriteCapacity: 5}}
	fmt.Println(app.Table.VariableName(), (&wsapp.Table{}).VariableName())
	// Output: SPARTA_WS_TABLE CONNECTIONS_TABLE
}

// A TemplateOption says where the code of the functions is, or what they are called.
func ExampleTemplateOption() {
	app := &wsapp.App{Name: "hello"}
	wsapp.On(app, wsapp.DefaultKey, func(context.Context, string) error { return nil })
	template, err := app.Template(wsapp.Code("build"), wsapp.Names(func(function string) string { return "hello-" + function }))
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(template)) {
		if strings.Contains(line, "CodeUri") || strings.Contains(line, "FunctionName: hello") {
			fmt.Println(strings.TrimSpace(line))
		}
	}
	// Output:
	// FunctionName: hello-App
	// CodeUri: build
}
