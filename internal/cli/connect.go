package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/spf13/cobra"
)

// maxFrame is the largest payload that AWS takes in one frame from a client.
const maxFrame = 32 << 10

func newConnect() *cobra.Command {
	var opts connectOptions
	cmd := &cobra.Command{
		Use:   "connect URL or API[/STAGE]",
		Short: "A WebSocket client: lines in, frames out",
		Long: `Connect opens a WebSocket and sends every line of its input as one message; what comes back is printed.
Without an argument it connects to the only API of the running server. Ctrl-D or Ctrl-C closes.

  sallyport connect wss://q7d3k9x2ab.execute-api.us-east-1.amazonaws.com/prod
  sallyport connect chat/prod --send '{"action":"sendmessage","data":"hello"}'`,
		Args: oneArg("the URL or API"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.target = args[0]
			}
			opts.in, opts.out, opts.errs = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return connect(cmd.Context(), opts)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&opts.headers, "header", "H", nil, "a header of the upgrade request, as \"Name: value\" (repeatable)")
	f.StringArrayVarP(&opts.subprotocols, "subprotocol", "s", nil, "a subprotocol to offer (repeatable)")
	f.StringArrayVar(&opts.send, "send", nil, "send this message, then close after the answers of --wait (repeatable)")
	f.DurationVar(&opts.wait, "wait", time.Second, "with --send, or lines from a file: how long to wait for more after the last message")
	f.BoolVar(&opts.json, "json", false, "print one JSON object per event: {\"type\":\"message\",\"data\":…}")
	return cmd
}

type connectOptions struct {
	target       string
	headers      []string
	subprotocols []string
	send         []string
	wait         time.Duration
	json         bool
	in           io.Reader
	out, errs    io.Writer
}

func connect(ctx context.Context, opts connectOptions) error {
	address, caFile, err := resolve(ctx, opts.target)
	if err != nil {
		return err
	}
	header, host := http.Header{}, ""
	for _, h := range opts.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return usagef("header %q is not of the form \"Name: value\"", h)
		}
		name = strings.TrimSpace(name)
		if strings.EqualFold(name, "Host") { // which net/http takes from elsewhere
			host = strings.TrimSpace(value)
			continue
		}
		header[name] = append(header[name], strings.TrimSpace(value)) // as it was written: functions see it so
	}
	c, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient: clientTrusting(caFile), HTTPHeader: header, Host: host, Subprotocols: opts.subprotocols, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return refusal(address, res, err)
	}
	defer c.CloseNow()
	c.SetReadLimit(largestMessage)
	p := printer{out: opts.out, errs: opts.errs, json: opts.json}
	p.event("connected", address, c.Subprotocol())

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	received := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() { ended <- receive(ctx, c, p, received) }()
	sent := make(chan error, 1)
	go func() { sent <- opts.write(ctx, c, received) }()

	select {
	case err := <-ended: // the server closed first
		return err
	case err := <-sent:
		if err != nil && ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	cancel()
	<-ended
	return nil
}

// largestMessage is the most that a stage's tags allow.
const largestMessage = 64 << 20

// write sends --send, or the lines of the input, and returns when there is no more to do: at once at the end of what somebody types,
// after the answers of what was given, and never if nothing was given.
func (o *connectOptions) write(ctx context.Context, c *websocket.Conn, received <-chan struct{}) error {
	sent := 0
	for _, text := range o.send {
		if err := sendText(ctx, c, text); err != nil {
			return err
		}
		sent++
	}
	if sent == 0 {
		lines := bufio.NewScanner(o.in)
		lines.Buffer(nil, largestMessage)
		for lines.Scan() {
			if lines.Text() == "" {
				continue
			}
			if err := sendText(ctx, c, lines.Text()); err != nil {
				return err
			}
			sent++
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("read input: %w", err)
		}
		if isTerminal(o.in) {
			return nil
		}
	}
	if sent == 0 { // an empty input: a listener
		<-ctx.Done()
		return nil
	}
	for quiet := time.NewTimer(o.wait); ; {
		select {
		case <-received:
			quiet.Reset(o.wait)
		case <-quiet.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sendText sends one message, in frames that AWS takes.
func sendText(ctx context.Context, c *websocket.Conn, text string) error {
	if len(text) <= maxFrame {
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			return fmt.Errorf("send message: %w", err)
		}
		return nil
	}
	w, err := c.Writer(ctx, websocket.MessageText)
	if err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	for part := text; part != ""; {
		n := min(maxFrame, len(part))
		if _, err := io.WriteString(w, part[:n]); err != nil {
			return fmt.Errorf("send message: %w", err)
		}
		part = part[n:]
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

func receive(ctx context.Context, c *websocket.Conn, p printer, received chan<- struct{}) error {
	for {
		_, data, err := c.Read(ctx)
		var closed websocket.CloseError
		switch {
		case errors.As(err, &closed):
			p.event("closed", fmt.Sprint(int(closed.Code)), closed.Reason)
			return nil
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("the connection was lost: %w", err)
		}
		p.message(data)
		select {
		case received <- struct{}{}:
		default:
		}
	}
}

// printer writes messages to stdout and the rest to stderr, or everything as JSON to stdout.
type printer struct {
	out, errs io.Writer
	json      bool
}

func (p printer) message(data []byte) {
	if p.json {
		p.object(map[string]any{"type": "message", "data": string(data)})
		return
	}
	fmt.Fprintf(p.out, "%s\n", data)
}

func (p printer) event(kind, what, detail string) {
	if p.json {
		switch kind {
		case "closed":
			p.object(map[string]any{"type": kind, "code": json.Number(what), "reason": detail})
		default:
			p.object(map[string]any{"type": kind, "url": what, "subprotocol": detail})
		}
		return
	}
	line := strings.TrimSpace(kind + " " + what)
	if detail != "" {
		line += " (" + detail + ")"
	}
	fmt.Fprintln(p.errs, line)
}

func (p printer) object(v map[string]any) {
	data, _ := json.Marshal(v)
	fmt.Fprintf(p.out, "%s\n", data)
}

// refusal says why a connection did not come about.
func refusal(address string, res *http.Response, err error) error {
	if res == nil {
		return fmt.Errorf("cannot connect to %s: %w", address, err)
	}
	body := ""
	if res.Body != nil {
		data, _ := io.ReadAll(io.LimitReader(res.Body, 1024))
		body = " " + strings.TrimSpace(string(data))
	}
	hint := ""
	switch res.StatusCode {
	case http.StatusForbidden:
		hint = "; is the API id and stage right (`sallyport status` lists them), and may you connect?"
	case http.StatusBadGateway, http.StatusInternalServerError:
		hint = "; `sallyport logs` shows what the $connect route's function said"
	}
	return fmt.Errorf("%s answered %s%s%s", address, res.Status, body, hint)
}

// resolve turns the argument into a ws address, and says which certificate authority to trust besides the system's.
func resolve(ctx context.Context, target string) (address, caFile string, err error) {
	if strings.Contains(target, "://") {
		u, err := url.Parse(target)
		if err != nil {
			return "", "", usagef("%q is not a URL", target)
		}
		c, err := newClient()
		if err != nil { // some other server
			return u.String(), "", nil
		}
		return localAddress(u, c), c.caFile, nil
	}
	c, err := newClient()
	if err != nil {
		return "", "", err
	}
	apis, err := listAPIs(ctx, c)
	if err != nil {
		return "", "", err
	}
	id, stage, err := findStage(apis, target)
	if err != nil {
		return "", "", err
	}
	return "ws" + strings.TrimPrefix(c.endpoint, "http") + "/" + id + "/" + stage, c.caFile, nil
}

// localAddress leads AWS's host names to the running server, as they lead from inside functions.
func localAddress(u *url.URL, c *client) string {
	apiID, rest, ok := strings.Cut(u.Hostname(), ".execute-api.")
	server, err := url.Parse(c.endpoint)
	if err != nil || !ok || !strings.HasSuffix(rest, ".amazonaws.com") {
		return u.String()
	}
	local := url.URL{Scheme: "ws", Host: server.Host, Path: "/" + apiID + u.Path, RawQuery: u.RawQuery}
	return local.String()
}

// findStage returns the stage called by the API's id or name, and the stage's if given. An empty target means the only one.
func findStage(apis []statusAPI, target string) (id, stage string, err error) {
	name, wanted, _ := strings.Cut(target, "/")
	found := 0
	var known []string
	for _, a := range apis {
		for _, st := range a.Stages {
			known = append(known, a.Name+"/"+st)
			if (name == "" || name == a.APIID || name == a.Name) && (wanted == "" || wanted == st) {
				id, stage, found = a.APIID, st, found+1
			}
		}
	}
	switch {
	case found == 1:
		return id, stage, nil
	case len(apis) == 0:
		return "", "", errors.New("the running server has no WebSocket API; deploy one first")
	case len(known) == 0:
		return "", "", errors.New("no API of the running server has a stage; make one, with a deployment")
	case found == 0:
		return "", "", fmt.Errorf("there is no API %q; there is %s", target, strings.Join(known, ", "))
	default:
		return "", "", fmt.Errorf("say which API: %s", strings.Join(known, ", "))
	}
}

// clientTrusting returns an HTTP client that trusts the authority in caFile besides the system's.
func clientTrusting(caFile string) *http.Client {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if data, err := os.ReadFile(caFile); err == nil {
		pool.AppendCertsFromPEM(data)
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
}
