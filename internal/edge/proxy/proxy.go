// Package proxy answers CONNECT, which is how the HTTP clients of functions leave the machine: a tunnel to one of
// AWS's host names ends here, any other goes where it was meant to go, through the outer proxy where the machine has one.
//
// Only clients on this machine may use it: it must never be an open proxy.
package proxy

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const dialTimeout = 10 * time.Second

// A Proxy is an http.Handler for the method CONNECT.
type Proxy struct {
	// Ours reports whether tunnels to a host name end here.
	Ours func(host string) bool

	// Serve takes over a tunnel that ends here, with the bytes that were read from it too much; the client speaks TLS or HTTP on
	// it. It owns the connection.
	Serve func(c net.Conn, read ...byte)

	// Outer returns the proxy that reaches a foreign host, or nil for none; http.ProxyFromEnvironment as it was
	// before this process changed anything, by default.
	Outer func(*http.Request) (*url.URL, error)

	Log *slog.Logger
}

// ServeHTTP opens the tunnel that a CONNECT request asks for.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !local(r.RemoteAddr) {
		http.Error(w, "tunnels are for functions on this machine only", http.StatusForbidden)
		return
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		http.Error(w, "CONNECT needs host:port", http.StatusBadRequest)
		return
	}
	if p.Ours(host) {
		client, read, err := establish(w)
		if err != nil {
			p.Log.Warn("tunnel not opened", "host", r.Host, "err", err)
			return
		}
		p.Serve(client, read...)
		return
	}
	server, err := p.dial(r.Context(), r.Host)
	if err != nil {
		p.Log.Debug("tunnel not opened", "host", r.Host, "err", err)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	client, read, err := establish(w)
	if err != nil {
		server.Close()
		p.Log.Warn("tunnel not opened", "host", r.Host, "err", err)
		return
	}
	if _, err := server.Write(read); err != nil {
		p.Log.Debug("tunnel broke", "host", r.Host, "err", err)
	}
	join(client, server)
}

// establish answers 200 and takes the connection over, with what the client has sent since.
func establish(w http.ResponseWriter) (c net.Conn, read []byte, err error) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("connection cannot be taken over")
	}
	c, rw, err := h.Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over connection: %w", err)
	}
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		c.Close()
		return nil, nil, fmt.Errorf("answer client: %w", err)
	}
	read, err = rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		c.Close()
		return nil, nil, fmt.Errorf("take over connection: %w", err)
	}
	return c, read, nil
}

// dial connects to addr, by way of the outer proxy if there is one.
func (p *Proxy) dial(ctx context.Context, addr string) (net.Conn, error) {
	outer := p.Outer
	if outer == nil {
		outer = http.ProxyFromEnvironment
	}
	via, err := outer(&http.Request{URL: &url.URL{Scheme: "https", Host: addr}})
	if err != nil {
		return nil, fmt.Errorf("read outer proxy: %w", err)
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	if via == nil {
		return dialer.DialContext(ctx, "tcp", addr)
	}
	c, err := dialer.DialContext(ctx, "tcp", proxyAddr(via))
	if err != nil {
		return nil, fmt.Errorf("reach outer proxy: %w", err)
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if via.User != nil {
		password, _ := via.User.Password()
		auth := base64.StdEncoding.EncodeToString([]byte(via.User.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+auth)
	}
	_ = c.SetDeadline(time.Now().Add(dialTimeout))
	if err := req.Write(c); err != nil {
		c.Close()
		return nil, fmt.Errorf("ask outer proxy: %w", err)
	}
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, req)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("read outer proxy's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		c.Close()
		return nil, fmt.Errorf("outer proxy refused %s: %s", addr, res.Status)
	}
	_ = c.SetDeadline(time.Time{})
	if br.Buffered() > 0 { // a server that speaks first
		return &buffered{Conn: c, r: br}, nil
	}
	return c, nil
}

// buffered reads first what was read too much.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

func proxyAddr(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// join copies both ways until both sides have ended.
func join(a, b net.Conn) {
	var wg sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			if half, ok := pair[0].(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			} else {
				pair[0].Close()
			}
		})
	}
	wg.Wait()
	a.Close()
	b.Close()
}

func local(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
