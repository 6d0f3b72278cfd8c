package conformance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Result is how a case went.
type Result struct {
	Case    *Case
	Err     error  // why it failed
	Skipped string // why it was not run
	Took    time.Duration
}

// Run runs the cases whose name passes the filter, groups of them side by side, and tells of each result.
func Run(ctx context.Context, t *Target, s *Suite, parallel int, filter func(*Case) bool) []Result {
	var (
		mu      sync.Mutex
		results []Result
		wg      sync.WaitGroup
		seats   = make(chan struct{}, max(parallel, 1))
	)
	run := func(g *Group, cases []*Case) {
		rs := t.runGroup(ctx, g, cases)
		mu.Lock()
		defer mu.Unlock()
		results = append(results, rs...)
	}
	var timed []func()
	for _, g := range s.Groups {
		cases := slices.DeleteFunc(slices.Clone(g.Cases), func(c *Case) bool { return !filter(c) })
		switch {
		case len(cases) == 0:
		case slices.ContainsFunc(cases, (*Case).movesClock):
			timed = append(timed, func() { run(g, cases) }) // the clock is everybody's: alone, at the end
		default:
			seats <- struct{}{}
			wg.Go(func() {
				defer func() { <-seats }()
				run(g, cases)
			})
		}
	}
	wg.Wait()
	for _, f := range timed {
		f()
	}
	slices.SortFunc(results, func(a, b Result) int {
		if c := strings.Compare(a.Case.File, b.Case.File); c != 0 {
			return c
		}
		return a.Case.Line - b.Case.Line
	})
	return results
}

// movesClock reports whether a case waits for minutes.
func (c *Case) movesClock() bool {
	return slices.ContainsFunc(c.Steps, func(l Line) bool { return l.Word == "advance" })
}

// A group is a Group that runs.
type group struct {
	*Group
	t       *Target
	token   string // in the URL of its HTTP backend
	api     string
	address string // of a process of its own; empty: the target's
	pushes  string // URL before a connection id, of such a process
	direct  bool   // has functions that are not given events
	vars    variables
	handles []Line
	undo    []func(context.Context)

	mu      sync.Mutex // guards what follows
	current *run
	owners  map[string]*run // by connection
}

func (t *Target) runGroup(ctx context.Context, g *Group, cases []*Case) []Result {
	var id [6]byte
	_, _ = rand.Read(id[:])
	token := hex.EncodeToString(id[:])
	r := &group{Group: g, t: t, token: token, owners: map[string]*run{}, vars: variables{
		"name": t.prefix + "-" + token, "token": token, "stage": stageName, "region": t.Region, "account": t.account, "role": t.role,
		"backend": t.Public + "/g/" + token, "function": t.handler, "lambda": t.invocation(t.handler), "denied": t.invocation(t.denied), "prefix": t.prefix,
		"past": strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10), "future": strconv.FormatInt(time.Now().Add(4*time.Hour).Unix(), 10),
	}}
	r.direct = slices.ContainsFunc(g.API, func(l Line) bool { return l.Word == "handle" && strings.HasPrefix(l.Rest, "direct") })
	t.backend.add(r)
	defer func() {
		for i := len(r.undo) - 1; i >= 0; i-- {
			r.undo[i](context.WithoutCancel(ctx))
		}
	}()
	var err error
	for _, l := range g.API {
		if l.Word == "before" && err == nil && t.Rival == nil {
			err = r.before(ctx, l)
		}
	}
	if err == nil {
		if t.Rival != nil {
			err = t.Rival.deploy(ctx, r)
		} else {
			err = t.deploy(ctx, r)
		}
	}
	results := make([]Result, 0, len(cases))
	for _, c := range cases {
		switch {
		case err != nil:
			results = append(results, Result{Case: c, Err: fmt.Errorf("deploy: %w", err)})
		case c.movesClock() && t.Advance == nil && !t.Wait:
			results = append(results, Result{Case: c, Skipped: "needs minutes: -wait"})
		default:
			began := time.Now()
			failure := r.runCase(ctx, c)
			results = append(results, Result{Case: c, Err: failure, Took: time.Since(began)})
		}
	}
	return results
}

// at returns how to reach a host of the group's API.
func (g *group) at(host string) (d dialer, base, prefix string, err error) {
	if g.address != "" {
		return dialerOf(g.address, nil), "http://" + g.address, "", nil
	}
	return g.t.at(host, g.api)
}

// before makes a call that the API stands on: SERVICE OPERATION {…} [as NAME=MEMBER].
func (g *group) before(ctx context.Context, l Line) error {
	r := g.newRun(&Case{})
	if err := r.step(ctx, Line{Word: "call", Rest: l.Rest, Line: l.Line}); err != nil {
		return fmt.Errorf("line %d: %w", l.Line, err)
	}
	for name, value := range r.vars {
		g.vars[name] = value
	}
	return nil
}

// A run is a case that runs.
type run struct {
	g    *group
	c    *Case
	ctx  context.Context
	vars variables

	mu      sync.Mutex // guards what follows
	handles map[string][]string
	events  []*seen
	news    chan struct{} // closed when an event comes
	sockets map[string]*client
	unknown []*client // whose id is not known yet
	last    *answer
	took    time.Duration
}

// A client is a connection of a case.
type client struct {
	name string
	*socket
}

// seen is a call of a function or backend.
type seen struct {
	key, event string
	used       bool
}

func (g *group) newRun(c *Case) *run {
	r := &run{g: g, c: c, vars: variables{}, handles: map[string][]string{}, news: make(chan struct{}), sockets: map[string]*client{}}
	for name, value := range g.vars {
		r.vars[name] = value
	}
	return r
}

func (g *group) runCase(ctx context.Context, c *Case) error {
	limit := 2 * time.Minute
	if g.t.Wait {
		limit = 3 * time.Hour
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := g.newRun(c)
	r.ctx = ctx
	g.mu.Lock()
	g.current = r
	g.mu.Unlock()
	defer r.close()
	for _, l := range append(slices.Clone(g.handles), c.Steps...) {
		if err := r.step(ctx, l); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", c.File, l.Line, l.Word, err)
		}
	}
	return nil
}

func (r *run) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.sockets {
		if c.socket != nil {
			_ = c.write(true, 0, opClose, true, []byte{3, 232})
			_ = c.conn.Close()
		}
	}
}

// has reports whether the group has an API. Functions are called while other groups are deployed.
func (g *group) has(api string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.api == api
}

func (g *group) setARN(arn string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.current != nil {
		g.current.set("invoked", arn)
	}
}

func (r *run) set(name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vars[name] = value
}

// called notes a call and does what the case says.
func (g *group) called(key, connection, event string, req *http.Request) outcome {
	g.mu.Lock()
	r := g.current
	if owner := g.owners[connection]; owner != nil {
		r = owner
	} else if connection != "" {
		g.owners[connection] = r
	}
	g.mu.Unlock()
	if r == nil {
		return outcome{}
	}
	r.note(key, connection, event)
	r.mu.Lock()
	todo := slices.Clone(r.handles[key])
	r.mu.Unlock()
	out := outcome{value: json.RawMessage(`{"statusCode":200}`)}
	for _, text := range todo {
		word, rest, _ := strings.Cut(text, " ")
		rest, err := r.expand(rest)
		if err != nil {
			message := err.Error()
			return outcome{raise: &message}
		}
		if err := r.behave(&out, word, rest, connection, req); err != nil {
			message := err.Error()
			out.raise = &message
		}
	}
	return out
}

// behave does one thing that a function was told to.
func (r *run) behave(out *outcome, word, rest, connection string, req *http.Request) error {
	switch word {
	case "return":
		out.value = json.RawMessage(rest)
		if rest == "" {
			out.value = nil
		} else if !json.Valid(out.value) {
			return fmt.Errorf("handle: no JSON: %s", rest)
		}
	case "echo": // the event is the body
		events := r.of("")
		body, _ := json.Marshal(events[len(events)-1].event)
		out.value = json.RawMessage(`{"statusCode":200,"body":` + string(body) + `}`)
	case "raise":
		out.raise = &rest
	case "drop":
		out.drop = true
	case "sleep":
		d, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		select {
		case <-time.After(d):
		case <-r.ctx.Done():
		case <-req.Context().Done():
		}
	case "post":
		a, err := r.push(r.ctx, http.MethodPost, rest, pushOptions{to: connection})
		if err != nil {
			return err
		}
		r.note("posted", connection, fmt.Sprintf(`{"status":%d}`, a.status))
	default:
		return fmt.Errorf("%q is nothing that a function can be told", word)
	}
	return nil
}

// note keeps an event, and learns whose connection it is.
func (r *run) note(key, connection, event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learn(connection)
	r.events = append(r.events, &seen{key: key, event: event})
	close(r.news)
	r.news = make(chan struct{})
}

// learn gives a new id to the connection that was begun first and has none. The caller holds mu.
func (r *run) learn(connection string) {
	if connection == "" || len(r.unknown) == 0 {
		return
	}
	for name, value := range r.vars {
		if value == connection && strings.HasSuffix(name, "connection") {
			return
		}
	}
	name := "connection"
	if r.unknown[0].name != "" {
		name = r.unknown[0].name + ".connection"
	}
	r.vars[name] = connection
	r.unknown = r.unknown[1:]
}

func (r *run) expand(text string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.vars.expand(text)
}

// of returns the events of a route, or all.
func (r *run) of(key string) (out []*seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if key == "" || e.key == key {
			out = append(out, e)
		}
	}
	return out
}

// await waits for the next event of a route that no line has asked for yet.
func (r *run) await(ctx context.Context, key string) (string, error) {
	deadline := time.After(r.g.t.Patience)
	for {
		r.mu.Lock()
		for _, e := range r.events {
			if e.key == key && !e.used {
				e.used = true
				r.mu.Unlock()
				return e.event, nil
			}
		}
		news := r.news
		r.mu.Unlock()
		select {
		case <-news:
		case <-deadline:
			return "", errors.New("nothing was called")
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
