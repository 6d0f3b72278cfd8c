package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	cloudformationapi "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	connectionsapi "github.com/sallyport/sallyport/internal/awsapi/shapes/connections"
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
	mux.HandleFunc("GET "+edge.OwnPrefix+"status", s.asAdmin(s.serveStatus))
	mux.HandleFunc("POST "+edge.OwnPrefix+"admin-key", s.asAdmin(s.rotateKey))
	mux.HandleFunc("GET "+edge.OwnPrefix+"metrics", s.serveMetrics())
	mux.HandleFunc("PUT "+responsePath+"{token}", s.takeResponse)
	return mux
}

// responsePath is where functions behind custom resources send their answers. The token in the path is the permission to.
const responsePath = edge.OwnPrefix + "cloudformation-response/"

// maxResponse is the largest answer of a custom resource that AWS takes.
const maxResponse = 4096

// responseURL has a host of AWS's, as its URLs do: functions take its name and path, and send to port 443 with TLS whatever the URL says, as
// those that the CDK makes do. From functions such names lead here.
func (s *Server) responseURL(token string) string {
	return "https://cloudformation-custom-resource-response-" + strings.ReplaceAll(s.cfg.Region, "-", "") + ".s3" + awsSuffix + responsePath + url.PathEscape(token)
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

// asAdmin lets only the administrator call f. Requests are signed as calls of @connections are.
func (s *Server) asAdmin(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		peer, _ := netip.ParseAddrPort(r.RemoteAddr)
		caller, err := s.gate.Verify(r.Context(), awsapi.SignedRequest(r, nil), connectionsapi.API, peer.Addr())
		if err == nil && !caller.Admin {
			err = awsapi.Errorf("AccessDeniedException", http.StatusForbidden, "Only the administrator may call %s", r.URL.Path)
		}
		if err != nil {
			connectionsapi.API.WriteError(r.Context(), w, s.cfg.Log, "", err)
			return
		}
		f(w, r)
	}
}

// serveStatus tells how many are connected to this node.
func (s *Server) serveStatus(w http.ResponseWriter, _ *http.Request) {
	stats := s.sockets.Stats()
	writeJSON(w, http.StatusOK, map[string]int{"connections": stats.Open, "pending": stats.Pending, "limit": stats.Max})
}

// rotateKey replaces the administrator's key and answers with the new one.
func (s *Server) rotateKey(w http.ResponseWriter, r *http.Request) {
	key, err := s.identity.RotateAdminKey(r.Context())
	if err != nil {
		connectionsapi.API.WriteError(r.Context(), w, s.cfg.Log, "", err)
		return
	}
	s.cfg.Log.Info("the administrator's key was replaced", "key", key.AccessKeyID, "file", s.CredentialsFile())
	writeJSON(w, http.StatusOK, key)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
