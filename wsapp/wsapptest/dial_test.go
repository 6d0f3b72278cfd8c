package wsapptest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sallyport/sallyport/wsapp"
	"github.com/sallyport/sallyport/wsapp/wsapptest"
)

// newDoor returns an app that looks at who comes.
func newDoor() *wsapp.App {
	app := &wsapp.App{
		Name: "door", Subprotocols: []string{"v2", "v1"}, IdentitySource: []string{"route.request.querystring.token"},
		Authorizer: func(_ context.Context, e *wsapp.AuthorizerEvent) (wsapp.Identity, error) {
			switch token := e.QueryStringParameters["token"]; token {
			case "thief":
				return wsapp.Identity{}, wsapp.ErrForbidden
			case "stranger":
				return wsapp.Identity{}, wsapp.ErrUnauthorized
			case "bug":
				return wsapp.Identity{}, errors.New("broken")
			case "panic":
				panic("broken")
			case "list":
				return wsapp.Identity{Principal: token, Context: map[string]any{"roles": []string{"a"}}}, nil
			default:
				return wsapp.Identity{Principal: token, Context: map[string]any{"age": 7}}, nil
			}
		},
	}
	wsapp.On(app, wsapp.ConnectKey, func(_ context.Context, e wsapp.Event) error {
		switch e.Headers["Mood"] {
		case "bad":
			return wsapp.Errorf(418, "go away")
		case "ill":
			return errors.New("broken")
		}
		return nil
	})
	wsapp.Reply(app, "who", func(ctx context.Context, _ string) (wsapp.Identity, error) {
		id, _ := wsapp.IdentityOf(ctx)
		return id, nil
	})
	return app
}

func TestDial(t *testing.T) {
	t.Parallel()
	test := wsapptest.New(t, newDoor())
	v1 := wsapptest.Subprotocols("v0", "v1")
	for _, tt := range []struct {
		name    string
		options []wsapptest.DialOption
		want    int
	}{
		{"no token", []wsapptest.DialOption{v1}, 401},
		{"unauthorized", []wsapptest.DialOption{v1, wsapptest.Query("token=stranger")}, 401},
		{"forbidden", []wsapptest.DialOption{v1, wsapptest.Query("token=thief")}, 403},
		{"broken authorizer", []wsapptest.DialOption{v1, wsapptest.Query("token=bug")}, 500},
		{"panicking authorizer", []wsapptest.DialOption{v1, wsapptest.Query("token=panic")}, 500},
		{"context of a list", []wsapptest.DialOption{v1, wsapptest.Query("token=list")}, 500},
		{"no subprotocol", []wsapptest.DialOption{wsapptest.Query("token=ann")}, 400},
		{"refused", []wsapptest.DialOption{v1, wsapptest.Query("token=ann"), wsapptest.Header("Mood", "bad")}, 418},
		{"broken", []wsapptest.DialOption{v1, wsapptest.Query("token=ann"), wsapptest.Header("Mood", "ill")}, 502},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c, status := test.Dial(tt.options...); c != nil || status != tt.want {
				t.Errorf("status %d, want %d", status, tt.want)
			}
		})
	}
	test.Dial(v1, wsapptest.Query("token=bug"))
	if e := test.Last(wsapp.ConnectKey); e.Response.Body != "authorizer: broken" {
		t.Errorf("the test learns %q of why", e.Response.Body)
	}
	c := test.Connect(v1, wsapptest.Query("token=ann"))
	if c.Subprotocol != "v1" {
		t.Errorf("subprotocol %q", c.Subprotocol)
	}
	c.Send(map[string]string{"action": "who"})
	var id wsapp.Identity
	c.ReceiveJSON(&id)
	if id.Principal != "ann" || id.Context["age"] != "7" {
		t.Errorf("%+v", id)
	}
	if e := test.Events(); len(e) != 12 || e[0].Kind != wsapptest.Connect {
		t.Errorf("%+v", e)
	}
}
