//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// An echo answers every message with itself, as a MOCK integration would.
type echo struct{ attach int }

func (e echo) Open(c loop.Conn, h *loop.Handshake) {
	if e.attach > 0 {
		c.Attach(new(append(make([]byte, 0, e.attach), h.Target...)))
	}
	c.Accept("")
}
func (echo) Message(c loop.Conn, text []byte)   { c.Write(text) }
func (echo) Closed(c loop.Conn, e loop.Closure) {}

// serve is the server process. It obeys lines: "gc" and "fanout SIZE".
func serve(o options) error {
	l, err := net.Listen("tcp4", o.addr)
	if err != nil {
		return err
	}
	cfg := loop.Config{}
	if o.secure {
		if cfg.TLS, err = selfSigned(); err != nil {
			return err
		}
	}
	s := loop.New(cfg)
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if o.proxy {
		return serveProxy(ctx)
	}
	if o.app != "" {
		return serveApp(ctx, s, l, o.app == "inline")
	}
	go obey(func(text []byte) int { return fanOut(s, text) })
	fmt.Println(l.Addr())
	if o.gateway {
		reply := staticReply(o.size)
		if o.template {
			reply = templateReply(o.size)
		}
		return serveGateway(ctx, s, l, reply)
	}
	return s.Run(ctx, echo{o.attach}, l)
}

// fanOut pushes a text to all connections, and returns how many took it.
func fanOut(s *loop.Server, text []byte) (n int) {
	p := loop.Prepare(text)
	for c := range s.All() {
		if c.Send(p) == nil {
			n++
		}
	}
	return n
}

func obey(fanOut func(text []byte) int) {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var size int
		switch line := in.Text(); {
		case line == "gc":
			debug.FreeOSMemory()
			fmt.Println("done")
		default:
			fmt.Sscanf(line, "fanout %d", &size)
			fmt.Println(fanOut([]byte(strings.Repeat("x", size))))
		}
	}
}

func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, err
}
