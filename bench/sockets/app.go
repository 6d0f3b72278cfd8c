//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/local"
	"github.com/sallyport/sallyport/internal/store/mem"
	"github.com/sallyport/sallyport/wsapp"
)

// mockRef is the reference of the echo of an app and of a template: a gateway whose MOCK integration answers with a text.
const mockRef = "mock"

// serveApp serves an app of package wsapp on the gateway of this process: its route answers a message with itself, and the line "fanout" is
// its Broadcast.
func serveApp(ctx context.Context, s *loop.Server, l net.Listener, inline bool) error {
	app := &wsapp.App{Name: "echo", Table: &wsapp.Table{}}
	echo := wsapp.Reply(app, "echo", func(_ context.Context, body string) (string, error) { return body, nil })
	echo.Inline = inline
	const api = "q7d3k9x2ab"
	h := &local.Host{App: app}
	function := h.Function()
	stores := mem.New()
	h.Gateway = gateway.New(gateway.Config{Stores: stores, Sockets: s, Backends: integration.Backends{
		Local: func(string) (integration.Local, bool) { return function, true },
	}})
	h.At(api, app.StageName())
	st, err := stores.Open(ctx, apigateway.Store)
	if err != nil {
		return err
	}
	snapshot, err := local.Snapshot(app, "000000000000", "us-east-1", api, "app")
	if err != nil {
		return err
	}
	if _, err := st.Apply(ctx, snapshot); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Gateway.Run(ctx) }()
	<-h.Gateway.Ready()
	go obey(func(text []byte) int {
		d, _ := wsapp.Broadcast(h.Context(ctx), text)
		return d.Sent
	})
	fmt.Println(l.Addr())
	return errors.Join(s.Run(ctx, h.Gateway, l), <-failed)
}
