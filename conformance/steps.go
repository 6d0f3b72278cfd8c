package conformance

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// silenceBefore is how long nothing has to come before a line believes that nothing comes.
const silenceBefore = 150 * time.Millisecond

// arrow is what an answer must be, at the end of a line.
var arrow = regexp.MustCompile(`(?s)\s*->\s+(\d{3})(?:\s+(.*))?$`)

// step does one line of a case.
func (r *run) step(ctx context.Context, l Line) error {
	if r.ctx == nil {
		r.ctx = ctx
	}
	if l.Word == "handle" { // its placeholders are put in when the function runs
		w, rest := words(l.Rest, 1)
		r.mu.Lock()
		defer r.mu.Unlock()
		if l.Rest == w[0]+" clear" {
			r.handles[w[0]] = nil
			return nil
		}
		if strings.HasPrefix(rest, "return") || strings.HasPrefix(rest, "raise") || strings.HasPrefix(rest, "echo") || strings.HasPrefix(rest, "drop") {
			rest = strings.TrimSpace(rest)
		}
		r.handles[w[0]] = append(r.handles[w[0]], rest)
		return nil
	}
	word, name := l.Word, ""
	if who, verb, ok := strings.Cut(word, "."); ok {
		name, word = who, verb
	}
	rest := l.Rest
	if word != "event" && word != "frame" && word != "frame-json" { // those may tell what the placeholders stand for
		var err error
		if rest, err = r.expand(rest); err != nil {
			return err
		}
	}
	switch word {
	case "connect", "connect-and-send":
		return r.connect(ctx, name, word, rest)
	case "connect-and-leave":
		return r.leave(ctx)
	case "post", "get", "delete", "call", "until", "post-hex", "flood":
		return r.remote(ctx, word, rest)
	case "header":
		return r.header(rest)
	case "save":
		return r.save(rest)
	case "differ":
		w, other := words(rest, 1)
		if w[0] == other {
			return fmt.Errorf("both are %s", other)
		}
		return nil
	case "at-least":
		w, other := words(rest, 1)
		if len(w[0]) < len(other) || len(w[0]) == len(other) && w[0] < other {
			return fmt.Errorf("%s is less than %s", w[0], other)
		}
		return nil
	case "order":
		return r.order(rest)
	case "same":
		w, want := words(rest, 1)
		return matchText(want, w[0])
	case "matches":
		w, want := words(rest, 1)
		return matchLeaf("it", "~"+want, w[0])
	case "event", "no-event", "events":
		return r.event(ctx, word, rest)
	case "took":
		return r.checkTook(rest)
	case "wait":
		return r.wait(ctx, rest)
	case "advance":
		return r.advance(ctx, rest)
	case "deploy":
		return r.redeploy(ctx)
	}
	r.mu.Lock()
	c := r.sockets[name]
	r.mu.Unlock()
	if c == nil {
		return fmt.Errorf("%q is no word of this language, or there is no connection yet", word)
	}
	return r.onSocket(ctx, c, word, rest)
}

// connect reads: [PATH] [-> STATUS [BODY]], and header fields on lines of their own.
func (r *run) connect(ctx context.Context, name, word, rest string) error {
	first, more, _ := strings.Cut(rest, "\n")
	var behind []byte // goes out with the upgrade
	if word == "connect-and-send" {
		behind, first = frameOf(true, 0, opText, true, []byte(first)), ""
	}
	want, body := http.StatusSwitchingProtocols, ""
	if m := arrow.FindStringSubmatchIndex(first); m != nil {
		want, _ = strconv.Atoi(first[m[2]:m[3]])
		if m[4] >= 0 {
			body = first[m[4]:m[5]]
		}
		first = first[:m[0]]
	}
	path := strings.TrimSpace(first)
	if path == "" {
		path = "/" + stageName
	}
	host := r.g.t.host(r.g.api)
	var header []field
	sign := ""
	for line := range strings.SplitSeq(more, "\n") {
		k, v, ok := strings.Cut(line, ":")
		v = strings.TrimSpace(v)
		switch {
		case !ok:
		case strings.EqualFold(k, "host"):
			host = v
		case k == "sign":
			sign = v
		default:
			header = append(header, field{k, v})
		}
	}
	d, _, prefix, err := r.g.at(host)
	if err != nil {
		return err
	}
	if sign != "" {
		if path, err = r.presign(path, host, sign); err != nil {
			return err
		}
	}
	c := &client{name: name}
	r.mu.Lock()
	r.sockets[name] = c
	r.unknown = append(r.unknown, c)
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 35*time.Second)
	defer cancel()
	began := time.Now()
	s, a, err := dial(ctx, d, prefix+path, host, header, behind)
	if err != nil {
		return err
	}
	c.socket = s
	r.mu.Lock()
	r.took, r.last = time.Since(began), a
	if s == nil {
		delete(r.sockets, name)
	}
	r.mu.Unlock()
	if a.status != want {
		return fmt.Errorf("status %d %s, want %d", a.status, brief(a.body), want)
	}
	if body != "" {
		return matchBody(body, a.body)
	}
	return nil
}

// leave sends an upgrade and ends TCP before the answer comes.
func (r *run) leave(ctx context.Context) error {
	host := r.g.t.host(r.g.api)
	d, _, prefix, err := r.g.at(host)
	if err != nil {
		return err
	}
	conn, err := d(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.unknown = append(r.unknown, &client{})
	r.mu.Unlock()
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s/%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", prefix, stageName, host); err != nil {
		return err
	}
	return pause(ctx, 100*time.Millisecond)
}

// order reads: order KEY KEY, two routes that have to be called in this order.
func (r *run) order(rest string) error {
	w, second := words(rest, 1)
	for _, e := range r.of("") {
		switch e.key {
		case w[0]:
			return nil
		case second:
			return fmt.Errorf("%s was called before %s", second, w[0])
		}
	}
	return errors.New("neither was called")
}

// onSocket does what concerns one connection.
func (r *run) onSocket(ctx context.Context, c *client, word, rest string) error {
	switch word {
	case "send":
		return c.write(true, 0, opText, true, []byte(rest))
	case "send-hex":
		data, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		if err != nil {
			return err
		}
		return c.write(true, 0, opText, true, data)
	case "fragments":
		return sendFragments(c, rest)
	case "binary":
		return c.write(true, 0, opBinary, true, []byte(rest))
	case "ping":
		return c.write(true, 0, opPing, true, []byte(rest))
	case "raw":
		return sendRaw(c, rest)
	case "close":
		var payload []byte
		if code, reason, _ := strings.Cut(rest, " "); code != "" {
			n, err := strconv.Atoi(code)
			if err != nil {
				return err
			}
			payload = append([]byte{byte(n >> 8), byte(n)}, reason...)
		}
		answered := c.hasClosed()
		err := c.write(true, 0, opClose, true, payload)
		if answered || errors.Is(err, net.ErrClosed) { // the gateway has closed before; what comes of it, the next lines say
			err = nil
		}
		return err
	case "reset":
		return c.reset()
	case "hangup":
		return c.conn.Close()
	case "deaf":
		c.socket.deaf <- true
		return nil
	case "hears":
		c.socket.deaf <- false
		return nil
	}
	return r.expect(ctx, c, word, rest)
}

func sendFragments(c *client, rest string) error {
	w, text := words(rest, 1)
	size, err := strconv.Atoi(w[0])
	if err != nil {
		return err
	}
	op := opText
	for len(text) > size {
		if err := c.write(false, 0, op, true, []byte(text[:size])); err != nil {
			return err
		}
		text, op = text[size:], opContinue
	}
	return c.write(true, 0, op, true, []byte(text))
}

// sendRaw reads: [unmasked] [more] [rsv=N] [op=N] TEXT.
func sendRaw(c *client, rest string) error {
	fin, masked, rsv, op := true, true, 0, opText
	for {
		w, after := words(rest, 1)
		name, value, _ := strings.Cut(w[0], "=")
		n, _ := strconv.Atoi(value)
		switch name {
		case "unmasked":
			masked = false
		case "more":
			fin = false
		case "rsv":
			rsv = n
		case "op":
			op = n
		default:
			return c.write(fin, rsv, op, masked, []byte(rest))
		}
		rest = after
	}
}

// expect holds the next thing that a connection hears against a line.
func (r *run) expect(ctx context.Context, c *client, word, rest string) error {
	patience := r.g.t.Patience
	if word == "silence" {
		d, err := time.ParseDuration(rest)
		if rest == "" {
			d, err = silenceBefore, nil
		}
		if err != nil {
			return err
		}
		if h, ok := c.next(ctx, d); ok {
			return fmt.Errorf("heard %s", h)
		}
		return nil
	}
	h, ok := c.next(ctx, patience)
	if !ok {
		return errors.New("heard nothing")
	}
	switch word {
	case "frame", "frame-json":
		if h.op != opText {
			return fmt.Errorf("heard %s", h)
		}
		if v, err := parseJSON(h.text); err == nil { // an error frame names the connection
			if o, ok := v.(object); ok && o["message"] != nil {
				id, _ := o["connectionId"].(string)
				r.mu.Lock()
				r.learn(id)
				r.mu.Unlock()
			}
		}
		rest, err := r.expand(rest)
		if err != nil {
			return err
		}
		if word == "frame" {
			return matchText(rest, h.text)
		}
		return matchJSON(rest, h.text)
	case "hears-pong": // somewhere behind frames
		for h.op == opText {
			if h, ok = c.next(ctx, patience); !ok {
				return errors.New("heard no pong")
			}
		}
		fallthrough
	case "pong":
		if h.op != opPong {
			return fmt.Errorf("heard %s", h)
		}
		return matchText(rest, h.text)
	case "closed":
		code, reason, _ := strings.Cut(rest, " ")
		if h.op != opClose || code != "" && strconv.Itoa(h.code) != code {
			return fmt.Errorf("heard %s, want a close frame %s", h, code)
		}
		if reason != "" {
			return matchText(reason, h.text)
		}
		return nil
	case "ended":
		if h.op != 0 {
			return fmt.Errorf("heard %s", h)
		}
		return nil
	}
	return fmt.Errorf("%q is no word of this language", word)
}

// next returns what a connection hears next.
func (c *client) next(ctx context.Context, patience time.Duration) (heard, bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case h, ok := <-c.in:
		return h, ok
	case <-timer.C:
	case <-ctx.Done():
	}
	return heard{}, false
}

// event reads: event KEY [JSON] · no-event KEY · events KEY COUNT.
func (r *run) event(ctx context.Context, word, rest string) error {
	w, rest := words(rest, 1)
	key := w[0]
	switch word {
	case "event":
		event, err := r.await(ctx, key)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		r.mu.Lock()
		r.last = &answer{body: event}
		r.mu.Unlock()
		if rest == "" {
			return nil
		}
		if rest, err = r.expand(rest); err != nil {
			return err
		}
		return matchJSON(rest, event)
	case "events":
		want, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		return r.count(ctx, key, want, func(*seen) bool { return true })
	}
	return r.count(ctx, key, 0, func(e *seen) bool { return !e.used })
}

// count waits a little and counts the events of a route.
func (r *run) count(ctx context.Context, key string, want int, match func(*seen) bool) error {
	deadline := time.Now().Add(r.g.t.Patience)
	quiet := time.Now().Add(silenceBefore)
	for {
		n := 0
		for _, e := range r.of(key) {
			if match(e) {
				n++
			}
		}
		now := time.Now()
		switch {
		case n > want:
			return fmt.Errorf("%s was called %d times, want %d", key, n, want)
		case n == want && now.After(quiet):
			return nil
		case now.After(deadline):
			return fmt.Errorf("%s was called %d times, want %d", key, n, want)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// checkTook reads: took >= 2s · took < 1s, of the last connect.
func (r *run) checkTook(rest string) error {
	w, rest := words(rest, 1)
	d, err := time.ParseDuration(rest)
	if err != nil {
		return err
	}
	if w[0] == ">=" && r.took < d || w[0] == "<" && r.took >= d {
		return fmt.Errorf("took %s, want %s %s", r.took, w[0], d)
	}
	return nil
}

// wait waits as long as a line says, or as a change takes to be known everywhere: that is what most lines wait for.
func (r *run) wait(ctx context.Context, rest string) error {
	d, err := time.ParseDuration(rest)
	if err != nil {
		return err
	}
	return pause(ctx, max(d, r.g.t.Settled))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// advance moves the target's clock, or waits as long.
func (r *run) advance(ctx context.Context, rest string) error {
	if r.g.t.Advance == nil {
		return r.wait(ctx, rest)
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return err
	}
	r.g.t.Advance(d)
	return nil
}

// header reads: header NAME VALUE, of the last answer; - stands for absent.
func (r *run) header(rest string) error {
	w, want := words(rest, 1)
	if r.last == nil || r.last.header == nil {
		return errors.New("there was no answer yet")
	}
	values := r.last.header.Values(w[0])
	if want == "-" {
		if len(values) > 0 {
			return fmt.Errorf("%s is %q, want none", w[0], values)
		}
		return nil
	}
	return matchText(want, strings.Join(values, ","))
}

// save reads: save NAME MEMBER, of the last answer or event.
func (r *run) save(rest string) error {
	w, path := words(rest, 1)
	if r.last == nil {
		return errors.New("there was no answer yet")
	}
	value, err := r.last.get(path)
	if err != nil {
		return err
	}
	r.set(w[0], value)
	return nil
}
