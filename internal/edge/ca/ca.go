// Package ca is the local certificate authority: it signs for AWS's host names, so that functions which talk to
// https://{apiId}.execute-api.{region}.amazonaws.com end here with TLS that they trust.
//
// Load makes the authority at first start and keeps it in a directory; TLSConfig signs a certificate for whatever
// name a client asks for, when it asks. The key never leaves the directory, and nothing outside the functions that
// are run here is told to trust it. Names that clients elsewhere use, custom domains, have certificates that the
// operator gives (files.go), or that come by ACME (package acme).
package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 90 * 24 * time.Hour
	leafRenew     = 24 * time.Hour // before it ends
	maxLeaves     = 1024           // kept signed; more names start the cache anew
)

// An Authority signs certificates. Its methods may be called from many goroutines.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
	dir  string

	mu     sync.Mutex // guards leaves
	leaves map[string]*tls.Certificate
	leaf   *ecdsa.PrivateKey // one key for all leaves of this process
}

// Load reads the authority in dir, or makes it: ca.pem, ca.key (mode 0600) and bundle.pem, which is the system's
// roots followed by ca.pem, for programs that take one file only.
func Load(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make certificate directory: %w", err)
	}
	a, err := read(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && time.Until(a.cert.NotAfter) < leafLife {
		a, err = generate(dir)
	}
	if err != nil {
		return nil, err
	}
	if a.leaf, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	a.leaves = map[string]*tls.Certificate{}
	bundle := append(systemRoots(), a.pem...)
	if err := writeFile(filepath.Join(dir, "bundle.pem"), bundle, 0o644); err != nil {
		return nil, fmt.Errorf("write certificate bundle: %w", err)
	}
	return a, nil
}

// File returns the path of the authority's certificate, in PEM.
func (a *Authority) File() string { return filepath.Join(a.dir, "ca.pem") }

// BundleFile returns the path of the system's roots and the authority's certificate in one file.
func (a *Authority) BundleFile() string { return filepath.Join(a.dir, "bundle.pem") }

// Pool returns a pool with the authority's certificate alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// A Source has certificates of some names.
type Source interface {
	// Certificate returns the one for a client, nil if there is none.
	Certificate(hello *tls.ClientHelloInfo) *tls.Certificate
}

// TLSConfig returns a server's configuration that has a certificate for every name: of the first source that has one, or our own.
func (a *Authority) TLSConfig(sources ...Source) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // WebSocket upgrades need HTTP/1.1
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			for _, s := range sources {
				if cert := s.Certificate(hello); cert != nil {
					return cert, nil
				}
			}
			name := hello.ServerName
			if name == "" { // clients that connect by address send no name
				name, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
			}
			return a.certificate(name)
		},
	}
}

// certificate returns a certificate for one host name or address, signed now or kept from before.
func (a *Authority) certificate(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.leaves[name]; ok && time.Until(c.Leaf.NotAfter) > leafRenew {
		return c, nil
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "Sallyport"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &a.leaf.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate for %q: %w", name, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse certificate for %q: %w", name, err)
	}
	c := &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: a.leaf, Leaf: leaf}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[name] = c
	return c, nil
}

func read(dir string) (*Authority, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("%s holds no certificate and key in PEM; remove ca.pem and ca.key to make new ones", dir)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse %s (remove ca.pem and ca.key to make new ones): %w", filepath.Join(dir, "ca.pem"), err)
	}
	key, err := x509.ParseECPrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse %s (remove ca.pem and ca.key to make new ones): %w", filepath.Join(dir, "ca.key"), err)
	}
	return &Authority{cert: cert, key: key, pem: certPEM, dir: dir}, nil
}

func generate(dir string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	host, _ := os.Hostname()
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "Sallyport local authority", Organization: []string{host}},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign authority: %w", err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := writeFile(filepath.Join(dir, "ca.key"), keyPEM, 0o600); err != nil {
		return nil, fmt.Errorf("write authority: %w", err)
	}
	if err := writeFile(filepath.Join(dir, "ca.pem"), certPEM, 0o644); err != nil {
		return nil, fmt.Errorf("write authority: %w", err)
	}
	return read(dir)
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the system has no randomness
	}
	return n
}

// writeFile replaces a file as a whole, so that a reader never sees half of it.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// systemRoots returns the system's root certificates in PEM, or nothing where they are not in one file.
func systemRoots() []byte {
	files := []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Alpine
		"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL, Amazon Linux
		"/etc/ssl/ca-bundle.pem",             // openSUSE
		"/etc/ssl/cert.pem",                  // macOS, BSD
		"/opt/homebrew/etc/ca-certificates/cert.pem",
	}
	for _, f := range files {
		if f == "" {
			continue
		}
		if data, err := os.ReadFile(f); err == nil && len(data) > 0 {
			return append(data, '\n')
		}
	}
	return nil
}
