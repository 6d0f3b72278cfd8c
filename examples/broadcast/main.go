// Broadcast is a chat in one file: what a client sends goes to all. It is the service of Sparta's documentation, written with package wsapp.
//
//	go run ./broadcast run         serve it here
//	go run ./broadcast template    print the template
//	go run ./broadcast describe    say what it is made of
//	go run ./broadcast deploy      deploy it to a running Sallyport, in the folder of this file
package main

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/sallyport/sallyport"
	"github.com/sallyport/sallyport/wsapp"
)

func main() { sallyport.Main(newApp()) }

// newApp returns the app. Tests have one each.
func newApp() *wsapp.App {
	app := &wsapp.App{
		Name:        "sample",
		Description: "Everybody who is connected gets every message",
		Stage:       "v1",
		Selection:   "$request.body.message",
		Table:       &wsapp.Table{Variable: "SPARTA_TABLE", Attribute: "connectionID", ReadCapacity: 5, WriteCapacity: 5},
	}
	wsapp.On(app, wsapp.ConnectKey, connectWorld).OperationName = "ConnectRoute"
	wsapp.On(app, wsapp.DisconnectKey, disconnectWorld).OperationName = "DisconnectRoute"
	wsapp.On(app, "sendmessage", sendMessage).OperationName = "SendRoute"
	return app
}

// connectWorld is told of a new client. The table of connections is kept by the app.
func connectWorld(ctx context.Context, e wsapp.Event) error {
	slog.Info("connected", "connection", wsapp.ConnOf(ctx).ID(), "from", e.RequestContext.Identity.SourceIP)
	return nil
}

// disconnectWorld is told of one that has gone.
func disconnectWorld(ctx context.Context, e wsapp.Event) error {
	slog.Info("disconnected", "connection", wsapp.ConnOf(ctx).ID(), "code", e.RequestContext.DisconnectStatusCode)
	return nil
}

// sendMessage sends the member data of {"message":"sendmessage","data":"hello world !"} to all, as the JSON value that it is.
func sendMessage(ctx context.Context, body []byte) error {
	var message struct{ Data json.RawMessage }
	if err := json.Unmarshal(body, &message); err != nil {
		return wsapp.Errorf(500, "Failed to unmarshal request: %v", err)
	}
	if message.Data == nil {
		return wsapp.Errorf(500, "Failed to unmarshal request: there is no data")
	}
	done, err := wsapp.Broadcast(ctx, message.Data)
	if err != nil {
		slog.Warn("not all have got it", "failed", done.Failed, "err", err)
	}
	slog.Info("sent", "to", done.Sent, "stale", done.Stale)
	return nil
}
