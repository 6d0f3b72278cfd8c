//go:build !lambda.norpc

package sallyport_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/coder/websocket"

	"github.com/sallyport/sallyport"
	"github.com/sallyport/sallyport/wsapp"
)

func ExampleStart() {
	ctx := context.Background()
	app := &wsapp.App{Name: "echo"}
	wsapp.Reply(app, wsapp.DefaultKey, func(_ context.Context, text string) (string, error) { return text, nil })

	s, err := sallyport.Start(ctx, sallyport.App(app))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	c, _, err := websocket.Dial(ctx, s.URL(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_ = c.Write(ctx, websocket.MessageText, []byte("hello"))
	_, text, err := c.Read(ctx)
	fmt.Println(string(text), err)
	// Output: hello <nil>
}

// Credentials and Endpoint are what the AWS SDKs take.
func ExampleCredentials() {
	s, err := sallyport.Start(context.Background(), sallyport.Region("eu-central-1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	key := s.Credentials()
	fmt.Println(strings.HasPrefix(key.AccessKeyID, "AKIA"), strings.HasPrefix(s.Endpoint(), "http://127.0.0.1:"), s.Region())
	// Output: true true eu-central-1
}

func ExampleServer_Table() {
	ctx := context.Background()
	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{}}
	wsapp.On(app, wsapp.DefaultKey, func(context.Context, string) error { return nil })
	s, err := sallyport.Start(ctx, sallyport.App(app))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	item := map[string]any{"connectionId": map[string]string{"S": "x"}, "visits": map[string]string{"N": "3"}}
	if err := s.Call(ctx, "dynamodb", "PutItem", map[string]any{"TableName": s.Resource("Connections"), "Item": item}, nil); err != nil {
		fmt.Println(err)
	}
	fmt.Println(s.Table(ctx, "Connections"))
	// Output: [map[connectionId:x visits:3]] <nil>
}

// Options are given to Start, or to Test.
func ExampleOption() {
	folder, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	template := "Parameters: {Title: {Type: String}}\nResources: {Topic: {Type: AWS::SNS::Topic}}\nOutputs: {Title: {Value: !Ref Title}}\n"
	if err := os.WriteFile(filepath.Join(folder, "template.yaml"), []byte(template), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	s, err := sallyport.Start(context.Background(), sallyport.Template(folder), sallyport.Parameter("Title", "Hello"), sallyport.Region("eu-west-1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	fmt.Println(s.Outputs()["Title"], s.Resource("Topic") != "")
	// Output: Hello true
}

// tb stands for the *testing.T that a test has and an example has not.
type tb struct{ cleanups []func() }

func (*tb) Context() context.Context          { return context.Background() }
func (t *tb) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }
func (*tb) Helper()                           {}
func (*tb) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (*tb) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *tb) end() {
	for _, f := range t.cleanups {
		f()
	}
}

// A server that a test starts stops with it.
func ExampleTB() {
	t := new(tb) // in a test: t *testing.T
	app := &wsapp.App{Name: "echo"}
	wsapp.Reply(app, wsapp.DefaultKey, func(_ context.Context, text string) (string, error) { return text, nil })
	s := sallyport.Test(t, sallyport.App(app))
	t.end()
	<-s.Done()
	fmt.Println("stopped")
	// Output: stopped
}
