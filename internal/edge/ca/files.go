package ca

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// reread is how often the files of a given certificate are looked at: whoever renews it need not restart the server.
const reread = time.Minute

// A Given is a certificate that the operator brings, for custom domain names: in files, which may be replaced at any time.
type Given struct {
	certFile, keyFile string

	mu      sync.Mutex // guards what follows
	cert    *tls.Certificate
	changed time.Time // of certFile, when cert was read
	looked  time.Time
}

// LoadGiven reads a certificate, with the chain behind it, and its key, both as PEM.
func LoadGiven(certFile, keyFile string) (*Given, error) {
	g := &Given{certFile: certFile, keyFile: keyFile}
	if err := g.read(); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Given) read() error {
	info, err := os.Stat(g.certFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	if info.ModTime().Equal(g.changed) {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(g.certFile, g.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate %s with key %s: %w", g.certFile, g.keyFile, err)
	}
	if cert.Leaf == nil {
		if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return fmt.Errorf("parse certificate %s: %w", g.certFile, err)
		}
	}
	g.cert, g.changed = &cert, info.ModTime()
	return nil
}

// Certificate implements Source: it returns the certificate if it fits the name that a client asks for.
func (g *Given) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	if cert := g.certificate(time.Now()); hello.ServerName != "" && hello.SupportsCertificate(cert) == nil {
		return cert
	}
	return nil
}

// certificate returns the certificate as its files have it. Files that are just being replaced, or are broken, leave it as it was.
func (g *Given) certificate(now time.Time) *tls.Certificate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.looked) >= reread {
		g.looked = now
		_ = g.read()
	}
	return g.cert
}
