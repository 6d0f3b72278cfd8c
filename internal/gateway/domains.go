package gateway

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/json"
)

// domains are the custom domain names, by name. Readers take the map as it is; one watch replaces it.
type domains struct {
	table atomic.Pointer[map[string]*domain]
}

// A domain is a custom domain name, and who may connect to it.
type domain struct {
	apigateway.Domain
	clients *x509.CertPool // nil: everybody
}

// find returns the domain that covers a host, and the name that the client used: with its own name, or with *.
func (d *domains) find(host string) (found *domain, name string) {
	table := *d.table.Load()
	if len(table) == 0 {
		return nil, ""
	}
	name = apigateway.Hostname(host)
	if found = table[name]; found != nil {
		return found, name
	}
	label, _, _ := strings.Cut(name, ".")
	plain := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' }
	if label == "" || strings.TrimFunc(label, plain) != "" {
		return nil, ""
	}
	return table[apigateway.Wildcard(name)], name
}

// set takes the document of a domain as it is now; data is nil if it was removed.
func (d *domains) set(name string, data []byte) error {
	table := maps.Clone(*d.table.Load())
	delete(table, name)
	if data != nil {
		one := new(domain)
		if err := json.Unmarshal(data, &one.Domain); err != nil {
			return fmt.Errorf("decode domain %s: %w", name, err)
		}
		if m := one.MutualTLS; m != nil {
			if one.clients = m.Pool(); one.clients == nil {
				one.clients = x509.NewCertPool() // nobody: better than everybody
			}
		}
		table[name] = one
	}
	d.table.Store(&table)
	return nil
}

// Domain reports whether a host is a custom domain name, or covered by one.
func (g *Gateway) Domain(host string) bool {
	d, _ := g.domains.find(host)
	return d != nil
}

// ClientCAs returns whose certificates the clients of a custom domain name must have; nil: they need none.
func (g *Gateway) ClientCAs(serverName string) *x509.CertPool {
	if d, _ := g.domains.find(serverName); d != nil {
		return d.clients
	}
	return nil
}

// verified reports whether the client of an upgrade may ask for a domain: with mutual TLS, it must have come by its name,
// where it was asked for its certificate.
func (d *domain) verified(g *Gateway, h *loop.Handshake) bool {
	if d.clients == nil {
		return true
	}
	by, _ := g.domains.find(h.ServerName)
	return h.Verified && by == d
}

// DomainNames returns the custom domain names that are known, with * as they are.
func (g *Gateway) DomainNames() []string {
	return slices.Sorted(maps.Keys(*g.domains.table.Load()))
}

// Mapping returns the stage that a path of a custom domain leads to, and what is left of the path. The API is empty if nothing is mapped
// there.
func (g *Gateway) Mapping(host, path string) (api, stage, rest string) {
	d, _ := g.domains.find(host)
	if d == nil {
		return "", "", path
	}
	m, rest := d.Route(path)
	if m == nil {
		return "", "", rest
	}
	return m.APIID, m.Stage, rest
}

// mapped returns the stage that an upgrade to a custom domain is for. AWS: the key of the mapping stands where the stage does elsewhere,
// and nothing may follow it.
func (g *Gateway) mapped(d *domain, path string) (*served, *stage, error) {
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	m, rest := d.Route(path)
	if m == nil || rest != "" {
		return nil, nil, fmt.Errorf("domain %s has no API mapping for %s", d.Name, path)
	}
	s := g.served.find(m.APIID, m.Stage)
	if s == nil {
		return nil, nil, fmt.Errorf("domain %s maps %s to stage %s of API %s, which is not deployed", d.Name, path, m.Stage, m.APIID)
	}
	st := s.current.Load()
	if st == nil {
		return nil, nil, fmt.Errorf("stage %s of API %s was removed", m.Stage, m.APIID)
	}
	return s, st, nil
}
