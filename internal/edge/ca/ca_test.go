package ca

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// handshake connects a client that trusts only the authority and returns what the server's certificate says.
func handshake(t *testing.T, a *Authority, clientName string) error {
	t.Helper()
	ln, err := tls.Listen("tcp4", "127.0.0.1:0", a.TLSConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err == nil {
			_ = c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	c, err := tls.Dial("tcp4", ln.Addr().String(), &tls.Config{RootCAs: a.Pool(), ServerName: clientName})
	if err != nil {
		return err
	}
	return c.Close()
}

func TestHandshake_AU084(t *testing.T) {
	a, err := Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"q7d3k9x2ab.execute-api.eu-central-1.amazonaws.com", "localhost", "127.0.0.1"} {
		t.Run(name, func(t *testing.T) {
			if err := handshake(t, a, name); err != nil {
				t.Errorf("handshake as %s: %v", name, err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	first, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("the same authority at the next start", func(t *testing.T) {
		second, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !first.cert.Equal(second.cert) {
			t.Error("the second Load made another authority")
		}
	})
	t.Run("the key is private", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(dir, "ca.key"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("ca.key: mode %v, %v; want 0600", info.Mode().Perm(), err)
		}
	})
	t.Run("the bundle ends in the authority", func(t *testing.T) {
		data, err := os.ReadFile(first.BundleFile())
		if err != nil || !strings.HasSuffix(string(data), string(first.pem)) {
			t.Errorf("bundle does not end in ca.pem (%v)", err)
		}
	})
	t.Run("a damaged file says what to do", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "remove ca.pem") {
			t.Errorf("Load with damaged ca.pem: %v", err)
		}
	})
}

func TestListenerName(t *testing.T) {
	a, err := Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.certificate("a.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if c.Leaf.VerifyHostname("a.example.com") != nil || c.Leaf.VerifyHostname("b.example.com") == nil {
		t.Error("the certificate is not for a.example.com alone")
	}
	if again, _ := a.certificate("a.example.com"); again != c {
		t.Error("the certificate was signed twice")
	}
	if ip, _ := a.certificate("127.0.0.1"); !ip.Leaf.IPAddresses[0].Equal(net.IPv4(127, 0, 0, 1)) {
		t.Error("an address is not certified as address")
	}
}
