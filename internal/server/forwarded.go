package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// asForwarded gives requests of trusted proxies the host that was called: paths, signatures and events are of that name. Upgrades do not
// come this way; what is signed in them must keep the host that reaches the sockets.
func (s *Server) asForwarded(next http.Handler) http.Handler {
	if len(s.cfg.TrustedProxies) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if host := r.Header.Get("X-Forwarded-Host"); err == nil && host != "" && s.trusts(peer.Addr().Unmap()) {
			first, _, _ := strings.Cut(host, ",")
			r.Host = strings.TrimSpace(first)
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) trusts(peer netip.Addr) bool {
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}
