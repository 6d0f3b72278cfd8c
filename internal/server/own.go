package server

import (
	"encoding/json"
	"net/http"

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
	return mux
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
