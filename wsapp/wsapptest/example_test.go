package wsapptest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/wsapp"
	"github.com/sallyport/sallyport/wsapp/wsapptest"
)

// A notebook stands for the *testing.T that a test has and an example has not.
type notebook struct {
	testing.TB
	cleanups []func()
}

func (n *notebook) Helper()                   {}
func (n *notebook) Context() context.Context  { return context.Background() }
func (n *notebook) Cleanup(f func())          { n.cleanups = append(n.cleanups, f) }
func (n *notebook) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (n *notebook) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (n *notebook) Fatal(a ...any)            { panic(fmt.Sprint(a...)) }

func (n *notebook) end() {
	for _, f := range n.cleanups {
		f()
	}
}

func Example() {
	t := new(notebook) // in a test: t *testing.T
	defer t.end()

	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{}}
	wsapp.On(app, "say", func(ctx context.Context, m struct{ Text string }) error {
		_, err := wsapp.Broadcast(ctx, m.Text)
		return err
	})

	test := wsapptest.New(t, app)
	ann, bob := test.Connect(), test.Connect()
	ann.Send(`{"action":"say","text":"hello"}`)
	ann.Expect("hello")
	fmt.Println("bob got", bob.Receive())
	// Output: bob got hello
}

func ExampleTest_Advance() {
	t := new(notebook)
	defer t.end()
	app := &wsapp.App{Name: "quiet"}
	wsapp.On(app, wsapp.DefaultKey, func(context.Context, string) error { return nil })

	test := wsapptest.New(t, app)
	c := test.Connect()
	test.Advance(10 * time.Minute)
	fmt.Println(c.Closed())
	// Output: 1001 Going away
}

func ExampleClient_Vanish() {
	t := new(notebook)
	defer t.end()
	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{}}
	wsapp.On(app, wsapp.DefaultKey, func(context.Context, string) error { return nil })

	test := wsapptest.New(t, app)
	test.Connect()
	test.Connect().Vanish()
	fmt.Println(len(test.Connections()), "in the table")
	fmt.Println(wsapp.Broadcast(test.Context(), "anybody?"))
	fmt.Println(len(test.Connections()), "in the table")
	// Output:
	// 2 in the table
	// {1 1 0} <nil>
	// 1 in the table
}

func ExampleEvent() {
	t := new(notebook)
	defer t.end()
	app := &wsapp.App{Name: "strict"}
	wsapp.On(app, "order", func(_ context.Context, in struct{ Pizza string }) error {
		if in.Pizza == "" {
			return wsapp.Errorf(422, "which pizza?")
		}
		return nil
	})

	test := wsapptest.New(t, app)
	c := test.Connect()
	c.Send(`{"action":"order"}`)
	c.Send(`{"action":"eat"}`)
	for _, e := range test.Events() {
		fmt.Printf("%s %q %d %q %q\n", e.Kind, e.Route, e.Status, e.Response.Body, e.Error)
	}
	// Unordered output:
	// connect "" 101 "" ""
	// message "order" 422 "which pizza?" ""
	// message "" 403 "" "Forbidden"
}

// A DialOption is what a client sends with its upgrade.
func ExampleDialOption() {
	t := new(notebook)
	defer t.end()
	app := &wsapp.App{Name: "spoken", Subprotocols: []string{"v2", "v1"}}
	wsapp.Reply(app, wsapp.ConnectKey, func(_ context.Context, e *wsapp.Event) (wsapp.Response, error) {
		if e.QueryStringParameters["room"] == "" {
			return wsapp.Response{StatusCode: 400}, nil
		}
		return wsapp.Response{StatusCode: 200}, nil
	})

	test := wsapptest.New(t, app)
	_, status := test.Dial(wsapptest.Subprotocols("v1"))
	fmt.Println(status)
	c := test.Connect(wsapptest.Subprotocols("v1"), wsapptest.Query("room=blue"), wsapptest.Header("Origin", "https://example.com"))
	fmt.Println(c.Subprotocol)
	// Output:
	// 400
	// v1
}
