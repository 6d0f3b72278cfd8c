package wsapp_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sallyport/sallyport/wsapp"
)

// A function that asks for the Event sees all that API Gateway says.
func ExampleEvent() {
	app := &wsapp.App{Name: "travelling"}
	wsapp.Reply(app, "where", func(_ context.Context, e wsapp.Event) (string, error) {
		return e.RequestContext.ConnectionID + " at " + e.RequestContext.Stage, nil
	})
	raw := []byte(`{"requestContext":{"routeKey":"where","connectionId":"ann","eventType":"MESSAGE","stage":"prod"},"body":"{}"}`)
	r, err := wsapp.NewRequest(raw)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := app.Serve(context.Background(), &memory{}, r)
	fmt.Println(resp.Body, err)
	// Output: ann at prod <nil>
}

// A Response of $connect lets a client in or refuses it, and may choose the subprotocol.
func ExampleResponse() {
	app := &wsapp.App{Name: "old"}
	wsapp.Reply(app, wsapp.ConnectKey, func(_ context.Context, e *wsapp.Event) (wsapp.Response, error) {
		if e.Headers["Sec-WebSocket-Protocol"] == "" {
			return wsapp.Response{StatusCode: http.StatusBadRequest}, nil
		}
		return wsapp.Response{StatusCode: http.StatusOK, Headers: map[string]string{"Sec-WebSocket-Protocol": "v1"}}, nil
	})
	send(app, &memory{}, "$connect", "")
	// Output: 200 v1
}

// A Request knows its route and connection at once; the whole event is decoded when somebody asks.
func ExampleRequest() {
	r := &wsapp.Request{RouteKey: "echo", ConnectionID: "ann", Body: []byte("hi"), Raw: []byte(`{"requestContext":{"domainName":"example.com"}}`)}
	e, err := r.Event()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s from %s at %s: %s\n", r.RouteKey, r.ConnectionID, e.RequestContext.DomainName, r.Body)
	// Output: echo from ann at example.com: hi
}

// lazy counts how often it was asked for its event.
type lazy struct{ asked int }

func (l *lazy) RawEvent() []byte {
	l.asked++
	return []byte(`{"requestContext":{"stage":"prod"}}`)
}

// An EventSource saves an engine the event of messages whose function does not look at it.
func ExampleEventSource() {
	app := &wsapp.App{Name: "lazy"}
	wsapp.Reply(app, "body", func(_ context.Context, text string) (string, error) { return text, nil })
	wsapp.Reply(app, "stage", func(_ context.Context, e wsapp.Event) (string, error) { return e.RequestContext.Stage, nil })
	source := new(lazy)
	for _, key := range []string{"body", "stage"} {
		resp, err := app.Serve(context.Background(), &memory{}, &wsapp.Request{RouteKey: key, ConnectionID: "ann", Body: []byte("hi"), Source: source})
		fmt.Println(resp.Body, err, source.asked)
	}
	// Output:
	// hi <nil> 0
	// prod <nil> 1
}

// A Handler is what middleware wraps: here one that answers without asking the route's function.
func ExampleHandler() {
	var closed wsapp.Handler = func(context.Context, *wsapp.Request) (wsapp.Response, error) {
		return wsapp.Response{}, wsapp.Errorf(http.StatusServiceUnavailable, "closed for today")
	}
	app := &wsapp.App{Name: "shop"}
	wsapp.Reply(app, "buy", func(_ context.Context, text string) (string, error) { return "sold", nil })
	app.Use(func(wsapp.Handler) wsapp.Handler { return closed })
	send(app, &memory{}, "buy", "{}")
	// Output: 503 closed for today
}

// An Authorizer sees the upgrade request and decides who the client is.
func ExampleAuthorizer() {
	var byToken wsapp.Authorizer = func(_ context.Context, e *wsapp.AuthorizerEvent) (wsapp.Identity, error) {
		switch e.QueryStringParameters["token"] {
		case "":
			return wsapp.Identity{}, wsapp.ErrUnauthorized // 401
		case "secret":
			return wsapp.Identity{Principal: "ann"}, nil
		}
		return wsapp.Identity{}, wsapp.ErrForbidden // 403
	}
	for _, token := range []string{"", "guess", "secret"} {
		id, err := byToken(context.Background(), &wsapp.AuthorizerEvent{QueryStringParameters: map[string]string{"token": token}})
		fmt.Println(id.Principal, err)
	}
	// Output:
	//  Unauthorized
	//  forbidden
	// ann <nil>
}

// An AuthorizerEvent has what the client sent with its upgrade, and the ARN that is asked about.
func ExampleAuthorizerEvent() {
	app := &wsapp.App{Name: "members", Authorizer: func(_ context.Context, e *wsapp.AuthorizerEvent) (wsapp.Identity, error) {
		return wsapp.Identity{Principal: e.Headers["X-User"]}, nil
	}}
	wsapp.On(app, wsapp.DefaultKey, func(context.Context, string) error { return nil })
	answer, err := app.Invoke(context.Background(), []byte(`{"type":"REQUEST","methodArn":"arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/$connect","headers":{"X-User":"ann"}}`))
	fmt.Printf("%+v %v\n", answer, err)
	// Output: {PrincipalID:ann PolicyDocument:{Version:2012-10-17 Statement:[{Action:[execute-api:Invoke] Effect:Allow Resource:[arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/prod/$connect]}]} Context:map[] UsageIdentifierKey:} <nil>
}
