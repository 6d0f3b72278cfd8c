package ca

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// write puts a certificate that a signs for a name into two files.
func write(t *testing.T, a *Authority, dir, name string) (certFile, keyFile string) {
	t.Helper()
	c, err := a.certificate(name)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[1]})...)
	if err := os.WriteFile(certFile, chain, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600); err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile
}

func TestGiven(t *testing.T) {
	own, err := Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile := write(t, foreign, dir, "*.example.com")
	given, err := LoadGiven(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp4", "127.0.0.1:0", own.TLSConfig(given))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	for _, tt := range []struct {
		name, host string
		by         *Authority
	}{
		{"given", "ws.example.com", foreign},
		{"own_for_other_names", "ws.example.net", own},
		{"own_for_deeper_names", "a.ws.example.com", own},
		{"own_without_name", "127.0.0.1", own},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := tls.Dial("tcp4", ln.Addr().String(), &tls.Config{RootCAs: tt.by.Pool(), ServerName: tt.host})
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		})
	}
	t.Run("renewed", func(t *testing.T) {
		before := given.certificate(time.Now())
		delete(foreign.leaves, "*.example.com")
		write(t, foreign, dir, "*.example.com")
		if err := os.Chtimes(certFile, time.Now(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if after := given.certificate(time.Now().Add(2 * reread)); after.Leaf.Equal(before.Leaf) {
			t.Error("the old certificate is served")
		}
		if err := os.WriteFile(certFile, []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		if given.certificate(time.Now().Add(4*reread)) == nil {
			t.Error("no certificate, because its file is broken")
		}
	})
	if _, err := LoadGiven(filepath.Join(dir, "nosuch"), keyFile); err == nil {
		t.Error("a file that is not there was read")
	}
	if _, err := LoadGiven(keyFile, keyFile); err == nil {
		t.Error("a key was taken for a certificate")
	}
}
