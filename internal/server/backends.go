package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/service/lambda"
)

// backends are what routes may call. Services of this server are called by the handlers in s.answers, which are there when the gateway
// compiles its first stage.
func (s *Server) backends(functions *lambda.Service) (integration.Backends, error) {
	roots, err := backendRoots(s.cfg.BackendCA)
	if err != nil {
		return integration.Backends{}, err
	}
	s.client = integration.NewHTTPClient(integration.HTTPConfig{RootCAs: roots, Links: s.cfg.VPCLinks})
	return integration.Backends{
		Lambda: functions, Local: s.inProcess, Queue: functions, HTTP: s.client,
		AWS: integration.AWS{
			Here:      func(service string) http.Handler { return s.answers[service] },
			Endpoints: s.cfg.Endpoints, Roles: s.identity, Authorizer: s.identity,
		},
	}, nil
}

// answersOf returns who answers for which signing name: aws for all services that are here, push for @connections.
func (s *Server) answersOf(aws, push http.Handler) map[string]http.Handler {
	answers := map[string]http.Handler{"execute-api": push, "s3": aws}
	for api, operations := range s.catalog.Services() {
		if len(operations) > 0 {
			answers[api.SigningName] = aws
		}
	}
	return answers
}

// backendRoots returns the system's certificate authorities and those of a file; nil, which means the system's, if there is none.
func backendRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authorities of backends: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate; write those of the authorities of backends there, as PEM", file)
	}
	return roots, nil
}

// closeClient closes the connections to backends at the end.
func (s *Server) closeClient(ctx context.Context) error {
	<-ctx.Done()
	s.client.Close()
	return nil
}
