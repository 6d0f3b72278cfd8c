package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswer is the most that a backend may answer. AWS: 10 MB.
const maxAnswer = 10 << 20

// dialTimeout bounds the wait for a connection, so that an address that swallows packets is told from a backend that thinks.
const dialTimeout = 10 * time.Second

// HTTPConfig says how backends are reached by HTTP.
type HTTPConfig struct {
	// RootCAs are whom certificates of backends must come from; nil: the system's. AWS: there is no way around a valid certificate.
	RootCAs *x509.CertPool

	// Links are the addresses ("10.0.0.7:8080") that VPC links stand for, by link id. Integrations whose link is not here reach the host
	// in their URI.
	Links map[string]string
}

// An HTTPClient calls backends by HTTP, and keeps connections to them. AWS: version 1.1, and no redirect is followed.
type HTTPClient struct {
	internet *http.Transport
	links    map[string]*http.Transport
}

// NewHTTPClient returns a client. Close closes the connections that it keeps.
func NewHTTPClient(cfg HTTPConfig) *HTTPClient {
	c := &HTTPClient{internet: newTransport(cfg.RootCAs, ""), links: map[string]*http.Transport{}}
	for id, address := range cfg.Links {
		c.links[id] = newTransport(cfg.RootCAs, address)
	}
	return c
}

// newTransport returns a transport that dials address instead of the host of the URL, unless it is empty.
func newTransport(roots *x509.CertPool, address string) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   dialTimeout,
		DisableCompression:    true, // what a backend answers is for the client
		MaxIdleConns:          4096,
		MaxIdleConnsPerHost:   1024, // each message in flight has one
		IdleConnTimeout:       55 * time.Second,
		ExpectContinueTimeout: time.Second,
		Protocols:             new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if address != "" {
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		}
	}
	return t
}

// Internet is the way to hosts of the internet, for what calls them beside integrations.
func (c *HTTPClient) Internet() http.RoundTripper { return c.internet }

// Close closes the connections that are idle.
func (c *HTTPClient) Close() {
	c.internet.CloseIdleConnections()
	for _, t := range c.links {
		t.CloseIdleConnections()
	}
}

// transport returns the way to a VPC link, or to the internet if there is none.
func (c *HTTPClient) transport(link string) *http.Transport {
	if t := c.links[link]; t != nil {
		return t
	}
	return c.internet
}

// A reply is what a backend answered, in HTTP.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// get returns all values of a header.
func (r *reply) get(name string) []string { return r.header[http.CanonicalHeaderKey(name)] }

// exchange makes one request and reads all of the answer. name is the backend's, for failures.
func exchange(ctx context.Context, by http.RoundTripper, req *http.Request, name string, most int) (reply, error) {
	resp, err := by.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return reply{}, notReached(ctx, name, err)
	}
	defer resp.Body.Close()
	body, err := readAnswer(resp, most)
	if err != nil {
		return reply{}, notReached(ctx, name, err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

var errTooLong = errors.New("the answer is longer than it may be, which is 10 MB")

func readAnswer(resp *http.Response, most int) ([]byte, error) {
	if resp.ContentLength > int64(most) {
		return nil, errTooLong
	}
	if n := resp.ContentLength; n >= 0 {
		body := make([]byte, n)
		_, err := io.ReadFull(resp.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if err == nil && len(body) > most {
		err = errTooLong
	}
	return body, err
}

// notReached is the failure of a backend that gave no whole answer.
func notReached(ctx context.Context, name string, err error) *Failure {
	if f := timeout(ctx, name); f != nil {
		return f
	}
	f := &Failure{Status: 504, Message: internalError, Temporary: true, Cause: fmt.Errorf("call %s: %w", name, err)}
	var certificate *tls.CertificateVerificationError
	var dns *net.DNSError
	var dial *net.OpError
	switch {
	case errors.Is(err, errTooLong):
		f.Status, f.Temporary = 502, false
	case errors.As(err, &certificate):
		f.Hint = "the backend's certificate must be valid for its host and come from a known authority; add yours to the server's backend CAs"
	case errors.As(err, &dns):
		f.Hint = "the host in the integration's URI has no address"
	case errors.As(err, &dial) && dial.Op == "dial":
		f.Hint = "nothing accepts connections there: start the backend, or correct the integration's URI"
	}
	return f
}
