package wsapp

import "context"

// A Conn is a connection, open or not.
type Conn struct {
	id     string
	engine Engine
}

// ConnOf returns the connection whose message, beginning or end a function was called for.
func ConnOf(ctx context.Context) Conn {
	c := callOf(ctx)
	if c == nil || c.request == nil {
		return Conn{}
	}
	return Conn{c.request.ConnectionID, c.engine}
}

// ConnByID returns the connection of that id. ctx is a function's, or made by [App.Context].
func ConnByID(ctx context.Context, id string) Conn {
	c := callOf(ctx)
	if c == nil {
		return Conn{id: id}
	}
	return Conn{id, c.engine}
}

// ID returns the connection's id: a short text, never used again for another.
func (c Conn) ID() string { return c.id }

// Post sends one message: a string, []byte or json.RawMessage as it is, any other value as JSON. The error is [ErrGone] if the connection
// has ended.
func (c Conn) Post(ctx context.Context, v any) error {
	if c.engine == nil {
		return errNoEngine
	}
	data, err := encode(v)
	if err != nil {
		return err
	}
	return c.engine.Post(ctx, c.id, data)
}

// Close ends the connection: the client gets code 1000, and $disconnect runs.
func (c Conn) Close(ctx context.Context) error {
	if c.engine == nil {
		return errNoEngine
	}
	return c.engine.Close(ctx, c.id)
}

// Info tells since when the connection is open, when it was last used, and whose it is.
func (c Conn) Info(ctx context.Context) (Info, error) {
	if c.engine == nil {
		return Info{}, errNoEngine
	}
	return c.engine.Info(ctx, c.id)
}
