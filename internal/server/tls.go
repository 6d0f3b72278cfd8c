package server

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"

	"github.com/sallyport/sallyport/internal/edge/acme"
	"github.com/sallyport/sallyport/internal/edge/ca"
	"github.com/sallyport/sallyport/internal/store"
)

// newTLS says which certificates clients see, and which they must have. A name's certificate is one that the operator gave, else one by ACME,
// else of our own authority.
func (s *Server) newTLS(stores store.Stores) (*tls.Config, error) {
	var sources []ca.Source
	for _, f := range s.cfg.Certificates {
		given, err := ca.LoadGiven(f.File, f.Key)
		if err != nil {
			return nil, err
		}
		sources = append(sources, given)
	}
	var protocols []string
	if c := s.cfg.ACME; c != nil {
		roots, err := backendRoots(c.CA)
		if err != nil {
			return nil, err
		}
		s.acme = acme.New(acme.Config{
			Stores: stores, Directory: c.Directory, Email: c.Email, Log: s.cfg.Log, Names: func() []string { return s.gateway.DomainNames() },
			Client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots}}},
		})
		sources = append(sources, s.acme)
		protocols = append(protocols, acme.Protocol)
	}
	secure := s.ca.TLSConfig(sources...)
	secure.NextProtos = append(secure.NextProtos, protocols...)
	return s.withClientCertificates(secure), nil
}

// runACME gets certificates of new domains until ctx is done.
func (s *Server) runACME(ctx context.Context) error {
	if s.acme == nil {
		<-ctx.Done()
		return nil
	}
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil
	}
	return s.acme.Run(ctx)
}

// onlyHTTP2 returns the configuration for a client that speaks HTTP/2 and nothing else, as the SDK for JavaScript does to call Bedrock from
// a function; nil for all others, who are to speak HTTP/1.1: a WebSocket begins with it.
func onlyHTTP2(base *tls.Config, hello *tls.ClientHelloInfo) *tls.Config {
	if !slices.Equal(hello.SupportedProtos, []string{"h2"}) {
		return nil
	}
	c := base.Clone()
	c.NextProtos = hello.SupportedProtos
	return c
}

// withClientCertificates lets the names of domains with mutual TLS be reached with a certificate of their truststore only. AWS: without one
// the handshake fails. Who comes by another name, to ask for such a domain in the Host header, is refused by the gateway.
func (s *Server) withClientCertificates(base *tls.Config) *tls.Config {
	open := base.Clone()
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		pool := s.gateway.ClientCAs(hello.ServerName)
		if pool == nil || s.acme != nil && acme.Asks(hello) {
			return onlyHTTP2(open, hello), nil
		}
		c := open.Clone()
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
		c.SessionTicketsDisabled = true // a session that is resumed would not be held against the truststore as it is now
		return c, nil
	}
	return base
}
