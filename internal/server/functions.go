package server

import (
	"net"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/service/lambda/urls"
)

// What AWS's host names end in, and those of function URLs.
const (
	awsSuffix = ".amazonaws.com"
	urlSuffix = ".on.aws"
)

// isFunctionURL reports whether a host is a URL of a function.
func isFunctionURL(host string) bool {
	_, ok := urls.HostID(host)
	return ok
}

// isOurs reports whether a host name ends here: AWS's, and custom domains.
func (s *Server) isOurs(host string) bool {
	if s.gateway != nil && s.gateway.Domain(host) {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if isFunctionURL(host) && strings.HasSuffix(host, urlSuffix) {
		return true
	}
	return strings.HasSuffix(host, awsSuffix)
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
	names := []string{awsSuffix, urlSuffix}
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
