package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/sallyport/sallyport/internal/awsapi"
	cloudformationapi "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	connectionsapi "github.com/sallyport/sallyport/internal/awsapi/shapes/connections"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/edge"
)

// ownHandler answers what AWS does not have: whether the server works, how many are connected, and what Prometheus asks.
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
	mux.HandleFunc("GET "+edge.OwnPrefix+"metrics", s.serveMetrics())
	mux.HandleFunc("PUT "+responsePath+"{token}", s.takeResponse)
	return mux
}

// responsePath is where functions behind custom resources send their answers. The token in the path is the permission to.
const responsePath = edge.OwnPrefix + "cloudformation-response/"

// maxResponse is the largest answer of a custom resource that AWS takes.
const maxResponse = 4096

func (s *Server) responseURL(token string) string {
	return s.Endpoint() + responsePath + url.PathEscape(token)
}

func (s *Server) takeResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxResponse))
	if err == nil {
		err = s.CloudFormation.Respond(s.Admin(r.Context()), r.PathValue("token"), body)
	}
	if err != nil {
		cloudformationapi.API.WriteError(r.Context(), w, s.cfg.Log, "", err)
	}
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
