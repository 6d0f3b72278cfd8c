package worker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
)

// The Runtime API is served by hand: net/http would cost a third more of every request. Each process has a port of its
// own, because AWS_LAMBDA_RUNTIME_API has no room for a path; so a process gets only its own work.

const (
	apiLineMax   = 16 << 10
	apiHeaderMax = 64 << 10
)

// errAPI says that a request is not HTTP/1.1 as we understand it; the connection is closed.
var errAPI = errors.New("worker: malformed request to the runtime API")

// openAPI prepares the Runtime API for one process.
func (e *environment) openAPI() (talk, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return talk{}, fmt.Errorf("listen for the runtime API: %w", err)
	}
	s := &apiServer{env: e, listener: l, conns: map[net.Conn]struct{}{}, done: make(chan struct{})}
	t := talk{api: l.Addr().String(), run: s.run, close: s.close}
	if e.launch.Speaks == runtime.HTTPOrRPC {
		rpcPort, err := freePort()
		if err != nil {
			l.Close()
			return talk{}, err
		}
		g := &goRPC{env: e, address: "127.0.0.1:" + rpcPort, connected: make(chan struct{})}
		t.env = []string{"_LAMBDA_SERVER_PORT=" + rpcPort}
		t.run = func() {
			var wg sync.WaitGroup
			wg.Go(s.run)
			g.run()
			wg.Wait()
		}
		t.close = func() {
			g.close()
			s.close()
		}
	}
	return t, nil
}

type apiServer struct {
	env      *environment
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex // guards conns
	conns  map[net.Conn]struct{}
	closed bool

	done chan struct{} // closed when run ends
}

// run serves until close.
func (s *apiServer) run() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			break
		}
		s.mu.Lock()
		if s.closed {
			c.Close()
		} else {
			s.conns[c] = struct{}{}
			s.wg.Go(func() { s.serve(c) })
		}
		s.mu.Unlock()
	}
	s.wg.Wait()
	close(s.done)
}

// close takes what the process has sent before its end.
func (s *apiServer) close() {
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.SetReadDeadline(time.Now().Add(lastWords))
	}
	s.mu.Unlock()
	<-s.done
}

func (s *apiServer) serve(c net.Conn) {
	a := &apiConn{env: s.env, conn: raw(c)}
	a.r = bufio.NewReaderSize(a.conn, 4<<10)
	for a.next() == nil {
	}
	s.env.leave(a)
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	c.Close()
}

// An apiConn is one connection of a process to the Runtime API.
type apiConn struct {
	env  *environment
	conn net.Conn
	r    *bufio.Reader

	mu  sync.Mutex // guards out and writing: a request is delivered from another goroutine
	out []byte
}

// An apiRequest is what matters of a request.
type apiRequest struct {
	method, path string
	length       int64 // of the body; -1 is chunked
	expect       bool  // the client waits for 100 Continue
	closing      bool
	errorType    string // Lambda-Runtime-Function-Error-Type
	streaming    bool
	body         []byte
	large        bool
}

// next reads one request and answers it.
func (a *apiConn) next() error {
	q, err := readHead(a.r)
	if err != nil {
		return err
	}
	if q.expect {
		if err := a.write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return err
		}
	}
	if err := q.readBody(a.r); err != nil {
		return err
	}
	if err := a.answer(&q); err != nil {
		return err
	}
	if q.closing && q.method != "GET" {
		return io.EOF
	}
	return nil
}

// readHead reads the request line and the headers.
func readHead(r *bufio.Reader) (apiRequest, error) {
	var q apiRequest
	line, err := readLine(r)
	if err != nil {
		return q, err
	}
	method, rest, _ := bytes.Cut(line, []byte(" "))
	path, proto, ok := bytes.Cut(rest, []byte(" "))
	if !ok || !bytes.HasPrefix(proto, []byte("HTTP/1.")) {
		return q, errAPI
	}
	q.method, q.path = methodName(method), string(path)
	q.closing = string(proto) == "HTTP/1.0"
	for size := 0; ; {
		h, err := readLine(r)
		if err != nil {
			return q, err
		}
		if len(h) == 0 {
			return q, nil
		}
		if size += len(h); size > apiHeaderMax {
			return q, errAPI
		}
		if err := q.header(h); err != nil {
			return q, err
		}
	}
}

func methodName(b []byte) string {
	switch string(b) {
	case "GET":
		return "GET"
	case "POST":
		return "POST"
	}
	return string(b)
}

func (q *apiRequest) header(h []byte) error {
	name, value, ok := bytes.Cut(h, []byte(":"))
	if !ok {
		return errAPI
	}
	value = bytes.TrimSpace(value)
	switch len(name) { // most headers need no comparison
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) && q.length >= 0 {
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil || n < 0 {
				return errAPI
			}
			q.length = n
		}
	case len("Transfer-Encoding"):
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) && bytes.EqualFold(value, []byte("chunked")) {
			q.length = -1
		}
	case len("Expect"):
		if bytes.EqualFold(name, []byte("Expect")) && bytes.EqualFold(value, []byte("100-continue")) {
			q.expect = true
		}
	case len("Connection"):
		if bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")) {
			q.closing = true
		}
	case len("Lambda-Runtime-Function-Error-Type"):
		if bytes.EqualFold(name, []byte("Lambda-Runtime-Function-Error-Type")) {
			q.errorType = string(value)
		}
	case len("Lambda-Runtime-Function-Response-Mode"):
		if bytes.EqualFold(name, []byte("Lambda-Runtime-Function-Response-Mode")) {
			q.streaming = bytes.EqualFold(value, []byte("streaming"))
		}
	}
	return nil
}

// readLine returns a line without its end; it is valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := append([]byte(nil), line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) <= apiLineMax {
			line, err = r.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// readBody reads the body. What is more than a response may have is read and dropped.
func (q *apiRequest) readBody(r *bufio.Reader) error {
	if q.length < 0 {
		return q.readChunks(r)
	}
	return q.take(r, q.length)
}

func (q *apiRequest) take(r *bufio.Reader, n int64) error {
	if q.large || n > MaxResponse || int64(len(q.body))+n > MaxResponse {
		q.large, q.body = true, nil
		_, err := io.CopyN(io.Discard, r, n)
		return err
	}
	at := len(q.body)
	if at == 0 {
		q.body = make([]byte, n)
	} else {
		q.body = append(q.body, make([]byte, n)...)
	}
	_, err := io.ReadFull(r, q.body[at:])
	return err
}

func (q *apiRequest) readChunks(r *bufio.Reader) error {
	for {
		line, err := readLine(r)
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 64)
		if err != nil || n < 0 {
			return errAPI
		}
		if n == 0 {
			break
		}
		if err := q.take(r, n); err != nil {
			return err
		}
		if end, err := readLine(r); err != nil || len(end) > 0 {
			return errAPI
		}
	}
	for { // trailers: an error may come late in a streamed response
		h, err := readLine(r)
		if err != nil {
			return err
		}
		if len(h) == 0 {
			return nil
		}
		if err := q.header(h); err != nil {
			return err
		}
	}
}

// answer does what a request asks for.
func (a *apiConn) answer(q *apiRequest) error {
	rest, ok := strings.CutPrefix(q.path, "/2018-06-01/runtime/")
	if !ok {
		return a.extension(q)
	}
	switch {
	case q.method == "GET" && rest == "invocation/next":
		a.env.ask(a)
		return nil
	case q.method == "POST" && rest == "init/error":
		o := reported(q.body, q.errorType)
		o.status = "error"
		if !a.env.initFailed(o) {
			return a.refuse(403, "InvalidStateTransition", "State transition from Ready to InitError failed for runtime. Error: State transition is not allowed")
		}
		return a.accept()
	case q.method == "POST" && strings.HasPrefix(rest, "invocation/"):
		id, what, _ := strings.Cut(rest[len("invocation/"):], "/")
		if what == "response" || what == "error" {
			return a.outcome(q, id, what == "error")
		}
	case q.method == "GET" && rest == "restore/next":
		return a.reply(200, `{}`)
	}
	return a.reply(404, "404 page not found")
}

// outcome takes the response or the error of a request.
func (a *apiConn) outcome(q *apiRequest, id string, failed bool) error {
	c := a.env.claim(id)
	if c == nil {
		a.env.mu.Lock()
		again := a.env.lastID == id
		a.env.mu.Unlock()
		if again {
			return a.refuse(403, "InvalidStateTransition", "State transition from Ready to InvocationResponse failed for runtime. Error: State transition is not allowed")
		}
		return a.refuse(400, "InvalidRequestID", "Invalid request ID")
	}
	// The process hears first: it can ask for its next request while we finish this one.
	o := outcome{payload: q.body}
	var err error
	switch {
	case q.large:
		o = tooLarge()
		err = a.refuse(413, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxResponse))
	case failed || q.streaming && q.errorType != "":
		o = reported(q.body, q.errorType)
		err = a.accept()
	default:
		err = a.accept()
	}
	a.env.finish(c, o)
	return err
}

// extension answers what extensions and telemetry ask for: they may register, and hear nothing.
func (a *apiConn) extension(q *apiRequest) error {
	switch {
	case q.method == "POST" && q.path == "/2020-01-01/extension/register":
		s := a.env.spec
		body := fmt.Sprintf(`{"functionName":%q,"functionVersion":%q,"handler":%q}`, s.FunctionName, s.version(), s.Handler)
		return a.reply(200, body, "Lambda-Extension-Identifier: "+newID())
	case q.method == "GET" && q.path == "/2020-01-01/extension/event/next":
		return nil // never
	case q.method == "PUT" && (q.path == "/2022-07-01/telemetry" || q.path == "/2020-08-15/logs"):
		return a.reply(200, `"OK"`)
	case q.method == "POST" && strings.HasPrefix(q.path, "/2020-01-01/extension/"):
		return a.accept()
	}
	return a.reply(404, "404 page not found")
}

// deliver answers the request for work.
func (a *apiConn) deliver(c *call) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := append(a.out[:0], "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: "...)
	b = append(b, c.id...)
	b = append(b, "\r\nLambda-Runtime-Deadline-Ms: "...)
	b = strconv.AppendInt(b, c.deadline.UnixMilli(), 10)
	b = appendHeader(b, "Lambda-Runtime-Invoked-Function-Arn", c.arn)
	b = appendHeader(b, "Lambda-Runtime-Trace-Id", c.trace)
	b = appendHeader(b, "Lambda-Runtime-Client-Context", c.in.ClientContext)
	b = appendHeader(b, "Lambda-Runtime-Cognito-Identity", c.in.Identity)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(c.in.Payload)), 10)
	b = append(b, "\r\n\r\n"...)
	if len(c.in.Payload) > 64<<10 {
		_, err := (&net.Buffers{b, c.in.Payload}).WriteTo(a.conn)
		return err
	}
	b = append(b, c.in.Payload...)
	a.out = b
	_, err := a.conn.Write(b)
	return err
}

// appendHeader adds a header that has a value; what could end the line early is left out.
func appendHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, "\r\n"...), name...), ": "...)
	for i := range len(value) {
		if value[i] >= ' ' || value[i] == '\t' {
			b = append(b, value[i])
		}
	}
	return b
}

const accepted = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"

func (a *apiConn) accept() error { return a.write([]byte(accepted)) }

func (a *apiConn) refuse(status int, errorType, message string) error {
	return a.reply(status, fmt.Sprintf(`{"errorMessage":%q,"errorType":%q}`, message, errorType))
}

var statusText = map[int]string{200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 413: "Request Entity Too Large"}

func (a *apiConn) reply(status int, body string, headers ...string) error {
	b := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n", status, statusText[status])
	for _, h := range headers {
		b = append(append(b, h...), "\r\n"...)
	}
	b = fmt.Appendf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return a.write(b)
}

func (a *apiConn) write(b []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err := a.conn.Write(b)
	return err
}
