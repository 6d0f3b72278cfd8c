package wsapp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Keys of the routes that are chosen by what happens, and not by what a message says.
const (
	ConnectKey    = "$connect"    // a client wants to connect
	DisconnectKey = "$disconnect" // a connection has ended
	DefaultKey    = "$default"    // no other route matches a message
)

// An App is a WebSocket API: its settings and its routes. Only Name is needed. Fill in the fields and add the routes with [On] and [Reply]
// before the app serves; do not change it afterwards.
type App struct {
	// Name is what the API and its stack are called.
	Name string

	// Description goes into the template.
	Description string

	// Stage is the last part of the address that clients use. Empty means "prod".
	Stage string

	// Selection is the route selection expression. Empty means "$request.body.action".
	Selection string

	// Table makes the app keep a table of its connections, which [Broadcast] and [Connections] need.
	Table *Table

	// Subprotocols are what the app speaks, the best first. If there are any, the first that a client offers is chosen, and a client that
	// offers none of them is refused with 400.
	Subprotocols []string

	// Authorizer decides who may connect; nil lets everybody.
	Authorizer Authorizer

	// IdentitySource names what a client must send for Authorizer to be asked, as "route.request.header.Auth" or
	// "route.request.querystring.token". A client that leaves one out gets 401.
	IdentitySource []string

	// Statements are further permissions of all functions.
	Statements []Statement

	// Environment are further variables of all functions.
	Environment map[string]string

	// Memory of each function in megabytes; 0 means 128.
	Memory int

	// Timeout of each function; 0 means 29 seconds, the most that API Gateway waits.
	Timeout time.Duration

	// Parallel is how many posts of a broadcast run at the same time on AWS; 0 means 64.
	Parallel int

	routes     []*Route
	middleware []func(Handler) Handler
	once       sync.Once // compiles
	chains     map[string]Handler
	identities sync.Map // of authorized connections, by id, where no gateway keeps them
	aws        awsOnce
}

// A Table is where the connections are kept on AWS: a DynamoDB table that the template makes. The zero value has a meaning.
type Table struct {
	Variable  string // environment variable with the table's name; empty means "CONNECTIONS_TABLE"
	Attribute string // that holds the connection's id, the key; empty means "connectionId"

	// ReadCapacity and WriteCapacity are provisioned units; zero means that each request is paid for.
	ReadCapacity, WriteCapacity int

	// Segments is how many pages are read at the same time; 0 means 4.
	Segments int
}

// A Statement allows the functions of an app something, as in an IAM policy. Resources are ARNs or intrinsic functions of CloudFormation such
// as map[string]any{"Fn::GetAtt": []string{"Queue", "Arn"}}.
type Statement struct {
	Actions   []string
	Resources []any
}

// A Route is where messages of one key go. Its fields may be changed until the app serves.
type Route struct {
	// OperationName is what documentation calls the route.
	OperationName string

	// Function names the Lambda function that runs the route; routes with the same name share it. Empty means "App".
	Function string

	// Statements are further permissions of the route's function.
	Statements []Statement

	// Inline promises that the route's function and the middleware never wait: Sallyport may then run them on the event loop that has read the message,
	// which saves a goroutine. It means nothing on AWS.
	Inline bool

	key     string
	replies bool
	handle  Handler
}

// Key returns what the route is selected by.
func (r *Route) Key() string { return r.key }

// Replies reports whether the client gets what the route's function returns.
func (r *Route) Replies() bool { return r.replies }

// A Handler takes one event. Middleware wraps it. An error that is no [*Error] is a failure of the function: the client sees
// "Internal server error", or 502 if it wanted to connect.
type Handler func(ctx context.Context, r *Request) (Response, error)

// On adds a one-way route: whatever f returns, the client is told nothing but that something failed.
//
// What f takes decides what it gets: string, []byte and [encoding/json.RawMessage] the message as it came, [Event] (or a pointer to it, or to a
// [Request]) everything that is known, and any other type the message decoded from JSON. A message that cannot be decoded is
// answered with status 400.
//
// On panics if the key is empty or has a route already, or if the app has begun to serve.
func On[In any](a *App, key string, f func(ctx context.Context, in In) error) *Route {
	decode := decoder[In]()
	return a.add(key, false, func(ctx context.Context, r *Request) (Response, error) {
		in, err := decode(r)
		if err != nil {
			return Response{}, err
		}
		return Response{StatusCode: 200}, f(ctx, in)
	})
}

// Reply adds a two-way route: the client gets what f returns. A string, []byte or json.RawMessage is sent as it is, the body of a [Response] too, and
// any other value as JSON. In is as for [On].
//
// On "$connect" and "$disconnect" there is nobody to reply to, but a [Response] of "$connect" decides with its status whether the client is let in, and
// with its header Sec-WebSocket-Protocol on the subprotocol.
func Reply[In, Out any](a *App, key string, f func(ctx context.Context, in In) (Out, error)) *Route {
	decode, encode := decoder[In](), encoder[Out]()
	return a.add(key, key != ConnectKey && key != DisconnectKey, func(ctx context.Context, r *Request) (Response, error) {
		in, err := decode(r)
		if err != nil {
			return Response{}, err
		}
		out, err := f(ctx, in)
		if err != nil {
			return Response{}, err
		}
		return encode(out)
	})
}

// add panics for what a programmer would want to know at once.
func (a *App) add(key string, replies bool, h Handler) *Route {
	switch {
	case key == "":
		panic("wsapp: a route needs a key")
	case a.chains != nil:
		panic("wsapp: route " + key + " is added to an app that serves already")
	case a.route(key) != nil:
		panic("wsapp: route " + key + " is added twice")
	}
	r := &Route{key: key, replies: replies, handle: h}
	a.routes = append(a.routes, r)
	return r
}

// Use wraps all routes; the first is the outermost.
func (a *App) Use(middleware ...func(next Handler) Handler) {
	a.middleware = append(a.middleware, middleware...)
}

// Routes returns the routes of the app. $connect and $disconnect are among them if anything has to be done there, also if the app has no
// function for them.
func (a *App) Routes() []*Route {
	routes := slices.Clone(a.routes)
	implied := func(key string) {
		if a.route(key) == nil {
			routes = append(routes, &Route{key: key, handle: func(context.Context, *Request) (Response, error) { return Response{StatusCode: 200}, nil }})
		}
	}
	if a.Table != nil || a.Authorizer != nil || len(a.Subprotocols) > 0 {
		implied(ConnectKey)
	}
	if a.Table != nil || a.Authorizer != nil {
		implied(DisconnectKey)
	}
	slices.SortStableFunc(routes, func(x, y *Route) int { return order(x.key) - order(y.key) })
	return routes
}

// order puts the routes that every reader looks for first.
func order(key string) int {
	switch key {
	case ConnectKey:
		return 0
	case DisconnectKey:
		return 1
	case DefaultKey:
		return 3
	}
	return 2
}

func (a *App) route(key string) *Route {
	for _, r := range a.routes {
		if r.key == key {
			return r
		}
	}
	return nil
}

// StageName returns Stage or its default.
func (a *App) StageName() string { return or(a.Stage, "prod") }

// SelectionExpression returns Selection or its default.
func (a *App) SelectionExpression() string { return or(a.Selection, "$request.body.action") }

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// VariableName returns Variable or its default.
func (t *Table) VariableName() string { return or(t.Variable, "CONNECTIONS_TABLE") }

func (t *Table) attribute() string { return or(t.Attribute, "connectionId") }
func (t *Table) segments() int     { return or(t.Segments, 4) }

// check reports what is wrong with the app's settings.
func (a *App) check() error {
	switch {
	case a.Name == "":
		return fmt.Errorf("wsapp: the app needs a Name")
	case len(a.routes) == 0:
		return fmt.Errorf("wsapp: app %s has no routes", a.Name)
	case strings.Trim(a.Stage, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "":
		return fmt.Errorf("wsapp: stage %q: letters, digits, - and _ make a stage's name", a.Stage)
	case a.Timeout < 0 || a.Timeout > 15*time.Minute:
		return fmt.Errorf("wsapp: a function may run for 15 minutes at most, and not for %v", a.Timeout)
	}
	return nil
}

// compile makes the handlers with their middleware, when the first event comes.
func (a *App) compile() {
	a.once.Do(func() {
		chains := map[string]Handler{}
		for _, r := range a.Routes() {
			h := r.handle
			for _, m := range slices.Backward(a.middleware) {
				h = m(h)
			}
			chains[r.key] = h
		}
		a.chains = chains
	})
}
