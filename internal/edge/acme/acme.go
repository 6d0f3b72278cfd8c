// Package acme gets certificates for custom domain names from an authority that speaks ACME (RFC 8555), such as Let's Encrypt, and renews
// them. The authority looks whether a name leads here by TLS-ALPN-01: it connects to port 443 of the name, so that port has to lead to the
// server. Certificates and the account are kept in the store: every node has them, and any node can answer the authority.
//
// Names with a * cannot be had this way; nor can a certificate while the authority does not answer: then the caller's own is shown.
package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/sallyport/sallyport/internal/store"
)

// Protocol is what the authority offers as the only one when it looks whether a name leads here. A server has to accept it.
const Protocol = acme.ALPNProto

// storeName is the store that certificates are kept in.
const storeName = "acme"

const (
	look  = 10 * time.Second // how often Run looks for new names
	again = time.Hour        // when a name is tried again after a failure: authorities count failures
)

// Config says where certificates come from, and for whom.
type Config struct {
	Stores    store.Stores
	Names     func() []string // for which certificates are wanted, now
	Directory string          // URL of the authority; empty: Let's Encrypt
	Email     string          // whom the authority writes to
	Client    *http.Client    // nil: http.DefaultClient
	Log       *slog.Logger
}

// A Manager has the certificates. New makes it.
type Manager struct {
	cfg  Config
	cert autocert.Manager
	now  func() time.Time

	mu     sync.Mutex // guards failed
	failed map[string]time.Time
}

// New returns a Manager. To use it is to agree to the terms of service of the authority.
func New(cfg Config) *Manager {
	m := &Manager{cfg: cfg, now: time.Now, failed: map[string]time.Time{}}
	m.cert = autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: &cache{stores: cfg.Stores}, Email: cfg.Email, HostPolicy: m.allow,
		Client: &acme.Client{DirectoryURL: cfg.Directory, HTTPClient: cfg.Client, UserAgent: "sallyport"},
	}
	return m
}

var errNotOurs = errors.New("no certificate is wanted for this name")

// allow implements autocert.HostPolicy.
func (m *Manager) allow(_ context.Context, name string) error {
	for _, want := range m.cfg.Names() {
		if want == name {
			return nil
		}
	}
	return errNotOurs
}

// Asks reports whether a handshake is the authority's, who looks whether a name leads here.
func Asks(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == Protocol
}

// Certificate implements ca.Source: it returns the certificate of a name, or what the authority wants to see. It returns nil if there is none; a
// handshake for a new name waits until it is there.
func (m *Manager) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if m.allow(context.Background(), name) != nil {
		return nil
	}
	if Asks(hello) {
		cert, err := m.cert.GetCertificate(hello)
		if err != nil {
			m.cfg.Log.Warn("nobody knows what the certificate authority asks for", "name", name, "cause", err)
		}
		return cert
	}
	m.mu.Lock()
	at, failed := m.failed[name]
	m.mu.Unlock()
	if failed && m.now().Sub(at) < again {
		return nil
	}
	cert, err := m.cert.GetCertificate(hello)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.failed[name] = m.now()
		m.cfg.Log.Warn("no certificate; the server shows its own instead, and tries again in an hour", "name", name, "cause", err)
		return nil
	}
	delete(m.failed, name)
	return cert
}

// Run gets certificates of new names before a client asks, until ctx is done. Renewals happen by themselves.
func (m *Manager) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	have := map[string]bool{}
	for {
		for _, name := range m.cfg.Names() {
			if have[name] || strings.Contains(name, "*") {
				continue
			}
			// As a client of today asks.
			have[name] = m.Certificate(&tls.ClientHelloInfo{ServerName: name, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}) != nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// A cache keeps what autocert has in the store.
type cache struct{ stores store.Stores }

// Get implements autocert.Cache.
func (c *cache) Get(ctx context.Context, name string) ([]byte, error) {
	s, err := c.stores.Open(ctx, storeName)
	if err != nil {
		return nil, fmt.Errorf("open certificates: %w", err)
	}
	doc, err := s.Get(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, autocert.ErrCacheMiss
	}
	return doc.Data, err
}

// Put implements autocert.Cache.
func (c *cache) Put(ctx context.Context, name string, data []byte) error {
	s, err := c.stores.Open(ctx, storeName)
	if err == nil {
		_, err = store.Put(ctx, s, name, data, store.Always)
	}
	return err
}

// Delete implements autocert.Cache.
func (c *cache) Delete(ctx context.Context, name string) error {
	s, err := c.stores.Open(ctx, storeName)
	if err == nil {
		err = store.Delete(ctx, s, name, store.Always)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
