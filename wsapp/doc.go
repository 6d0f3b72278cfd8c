// Package wsapp makes a WebSocket API of Go functions: one per route, each taking a message as the type that it is and returning what is sent back.
//
//	app := &wsapp.App{Name: "chat", Table: &wsapp.Table{}}
//
//	// {"action":"say","text":"hello"} goes to all.
//	wsapp.On(app, "say", func(ctx context.Context, m struct{ Text string }) error {
//		_, err := wsapp.Broadcast(ctx, m.Text)
//		return err
//	})
//
//	// {"action":"add","a":1,"b":2} is answered with 3.
//	wsapp.Reply(app, "add", func(ctx context.Context, in struct{ A, B int }) (int, error) {
//		return in.A + in.B, nil
//	})
//
// The same program has four lives. On AWS it is a Lambda function behind Amazon API Gateway ([App.Lambda], found by the environment). Its command
// `template` writes the template that makes API, table, roles and functions there, or on a Sallyport server ([App.Template]). With package sallyport it serves
// by itself: sallyport.Main(app) adds the command `run`, which calls the functions in the process. And package wsapptest serves it in a test, in memory.
//
// # Routes
//
// [On] adds a one-way route and [Reply] a two-way one. Their key is what the route selection expression yields for a message, or [ConnectKey], [DisconnectKey],
// [DefaultKey]. A function may take a string or []byte, its own type, or the whole [Event]; functions written for aws-lambda-go fit as they are.
//
// [App.Use] wraps all routes in middleware. A function that returns an [*Error] has decided on a status; any other error means that it failed. What the client
// sees then is AWS's: "Internal server error" in a frame, or a refused connection.
//
// # Connections
//
// [ConnOf] is the connection that an event came from, [ConnByID] any other; a [Conn] is posted to, closed and asked about. With [App.Table] the app keeps a table of
// its connections: each is added when $connect has succeeded and removed at $disconnect. [Broadcast] sends to all of them, [Connections] lists them. AWS
// promises no $disconnect, so a broadcast removes the connections that it finds gone.
//
// [App.Authorizer] decides who may connect, [IdentityOf] tells functions who it was. [App.Subprotocols] are chosen from.
//
// # What it stands on
//
// The package imports the event types of aws-lambda-go and otherwise only the standard library: its client for @connections and for the table is its own, so that a
// function's program stays small. Where else than on AWS an app can run is an [Engine]; apps do not see it.
//
// Files along the path: app.go (routes), serve.go (an event from beginning to end), codec.go, conn.go and broadcast.go (what functions use), aws.go and sign.go
// (the engine on AWS), lambda.go (the runtime), template.go, describe.go and main.go (the commands).
package wsapp
