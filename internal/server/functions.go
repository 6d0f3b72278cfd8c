package server

import (
	"net"
	"strconv"
	"strings"
)

// awsSuffix ends AWS's host names.
const awsSuffix = ".amazonaws.com"

// isOurs reports whether a host name ends here: AWS's, and custom domains. Services that Config.Endpoints sends to AWS do not.
func (s *Server) isOurs(host string) bool {
	if s.gateway != nil && s.gateway.Domain(host) {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.HasSuffix(host, awsSuffix) {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, awsSuffix), ".") {
		if s.cfg.Endpoints[label] == "aws" {
			return false
		}
	}
	return true
}

// local is the address by which programs on this machine reach the port.
func (s *Server) local() string {
	addr := s.Addr()
	host := "127.0.0.1"
	if !addr.IP.IsUnspecified() {
		host = addr.IP.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// names are the host names that lead here from functions in Node, whose hook is told them when a process starts: of domains that are made
// later, processes that run already know nothing.
func (s *Server) names() string {
	names := []string{awsSuffix}
	for _, name := range s.gateway.DomainNames() {
		names = append(names, strings.TrimPrefix(name, "*"))
	}
	return strings.Join(names, ",")
}

// functionVariables lead AWS's host names from functions to this server, over TLS that they trust: a proxy for those whose HTTP clients
// know proxies, an address for the hook in Node, whose SDKs do not, and the authority's certificate in each form that is read.
func (s *Server) functionVariables() []string {
	proxy := "http://" + s.local()
	return []string{
		"HTTPS_PROXY=" + proxy,
		"https_proxy=" + proxy,
		"NO_PROXY=127.0.0.1,localhost,::1",
		"no_proxy=127.0.0.1,localhost,::1",
		"SALLYPORT_NAMES=" + s.names(),
		"SALLYPORT_EDGE=" + s.local(),
		"NODE_EXTRA_CA_CERTS=" + s.ca.File(),
		"AWS_CA_BUNDLE=" + s.ca.BundleFile(),
		"REQUESTS_CA_BUNDLE=" + s.ca.BundleFile(),
		"SSL_CERT_FILE=" + s.ca.BundleFile(),
		"AWS_EC2_METADATA_DISABLED=true",
	}
}
