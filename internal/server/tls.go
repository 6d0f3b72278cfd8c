package server

import (
	"crypto/tls"
)

// withClientCertificates lets the names of domains with mutual TLS be reached with a certificate of their truststore only. AWS: without one
// the handshake fails. Who comes by another name, to ask for such a domain in the Host header, is refused by the gateway.
func (s *Server) withClientCertificates(base *tls.Config) *tls.Config {
	open := base.Clone()
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		pool := s.gateway.ClientCAs(hello.ServerName)
		if pool == nil {
			return nil, nil
		}
		c := open.Clone()
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
		c.SessionTicketsDisabled = true // a session that is resumed would not be held against the truststore as it is now
		return c, nil
	}
	return base
}
