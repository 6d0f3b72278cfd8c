package server

import (
	"encoding/json"
	"net/http"
	"net/netip"

	"github.com/sallyport/sallyport/internal/awsapi"
	connectionsapi "github.com/sallyport/sallyport/internal/awsapi/shapes/connections"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/edge"
)

// ownHandler answers what AWS does not have: whether the server works, and how many are connected.
func (s *Server) ownHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+edge.OwnPrefix+"health", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-s.ready:
			writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
		default:
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "starting"})
		}
	})
	mux.HandleFunc("GET "+edge.OwnPrefix+"status", s.serveStatus)
	return mux
}

// serveStatus tells the administrator how many are connected to this node. It is signed as calls of @connections are.
func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	signed := &sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host}
	for name, values := range r.Header {
		for _, value := range values {
			signed.Header = append(signed.Header, sigv4.Field{Name: name, Value: value})
		}
	}
	signed.Header = append(signed.Header, sigv4.Field{Name: "Host", Value: r.Host})
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	caller, err := s.gate.Verify(r.Context(), signed, connectionsapi.API, peer.Addr())
	if err == nil && !caller.Admin {
		err = awsapi.Errorf("AccessDeniedException", http.StatusForbidden, "Only the administrator may ask for the status")
	}
	if err != nil {
		connectionsapi.API.WriteError(r.Context(), w, s.cfg.Log, "", err)
		return
	}
	stats := s.sockets.Stats()
	writeJSON(w, http.StatusOK, map[string]int{"connections": stats.Open, "pending": stats.Pending, "limit": stats.Max})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
