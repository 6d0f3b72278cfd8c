package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// A relay passes on what is signed for services that Config.Endpoints names: functions call them by AWS's host names, which end here. Calls
// that were signed with a key of this server are signed anew, with the credentials of the environment; others go as they are.
type relay struct {
	s    *Server
	to   map[string]*awsapi.Elsewhere
	next http.Handler
	log  *slog.Logger
}

// maxRelayed bounds the body of a request, which is read before it is signed.
const maxRelayed = 64 << 20

// relayed puts a relay in front of the AWS APIs, where any service is elsewhere.
func (s *Server) relayed(next http.Handler) (http.Handler, error) {
	if len(s.cfg.Endpoints) == 0 {
		return next, nil
	}
	r := &relay{s: s, to: map[string]*awsapi.Elsewhere{}, next: next, log: s.cfg.Log}
	for service, endpoint := range s.cfg.Endpoints {
		at, err := awsapi.NewElsewhere(service, endpoint)
		if err != nil {
			return nil, err
		}
		r.to[service] = at
	}
	return r, nil
}

func (h *relay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	signed := awsapi.SignedRequest(r, nil)
	sig, err := sigv4.Parse(signed)
	if err != nil || sig.Presigned {
		h.next.ServeHTTP(w, r)
		return
	}
	at := h.elsewhere(r.Host, sig.Service)
	u := &url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if at == nil || at.Address(u) == u && !strings.HasSuffix(r.Host, awsSuffix) { // nobody knows AWS's host of it
		h.next.ServeHTTP(w, r)
		return
	}
	api := &awsapi.API{Name: sig.Service, SigningName: sig.Service, Protocol: awsapi.RestJSON}
	refuse := func(err error) { api.WriteError(r.Context(), w, h.log, awsapi.NewRequestID(), err) }
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		refuse(awsapi.Errorf("NotImplemented", 501, "Sallyport does not pass on bodies that are sent in signed chunks: turn them off in the client."))
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRelayed+1))
	if err != nil || len(body) > maxRelayed {
		refuse(awsapi.Errorf("RequestEntityTooLargeException", 413, "The request is larger than the %d bytes that are passed on.", maxRelayed))
		return
	}
	ours, err := h.verify(r, body, &sig, api)
	if err != nil {
		refuse(err)
		return
	}
	h.pass(at, u, ours, sig, body, refuse).ServeHTTP(w, r)
}

// elsewhere returns where a service is that is called by a host name and a name in signatures, or nil if it is here.
func (h *relay) elsewhere(host, service string) *awsapi.Elsewhere {
	if at := h.to[service]; at != nil {
		return at
	}
	if name, ok := strings.CutSuffix(host, awsSuffix); ok {
		for label := range strings.SplitSeq(name, ".") {
			if at := h.to[label]; at != nil {
				return at
			}
		}
	}
	return nil
}

// verify reports whether a request was signed with a key of this server. One that was not may come from programs on this machine only.
func (h *relay) verify(r *http.Request, body []byte, sig *sigv4.Signature, api *awsapi.API) (ours bool, err error) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false, fmt.Errorf("read the client's address: %w", err)
	}
	if _, _, err := h.s.identity.Credential(r.Context(), sig.AccessKeyID, sig.Token); err != nil && peer.Addr().Unmap().IsLoopback() {
		return false, nil
	}
	_, err = h.s.gate.Verify(r.Context(), awsapi.SignedRequest(r, body), api, peer.Addr())
	return true, err
}

// pass returns the handler that passes a request on.
func (h *relay) pass(at *awsapi.Elsewhere, u *url.URL, ours bool, sig sigv4.Signature, body []byte, refuse func(error)) http.Handler {
	target := at.Address(u)
	hasKey := os.Getenv("AWS_ACCESS_KEY_ID") != "" && os.Getenv("AWS_SECRET_ACCESS_KEY") != ""
	if ours && !hasKey && target == u { // AWS knows nothing of our keys; who stands in for it may not ask
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			refuse(awsapi.Errorf("UnrecognizedClientException", 403, "endpoints sends calls of %s to AWS: %v.", sig.Service, awsapi.ErrNoCredentials))
		})
	}
	return &httputil.ReverseProxy{
		Transport:     h.s.client.Internet(),
		FlushInterval: -1, // answers of models come word by word
		ErrorLog:      slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, p.Out.Host = target, target.Host
			p.Out.Body, p.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			if !ours || !hasKey {
				return
			}
			for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
				p.Out.Header.Del(name)
			}
			if err := at.Sign(p.Out, target.RequestURI(), body, sig.Service, sig.Region); err != nil {
				h.log.Error("a call that goes elsewhere cannot be signed", "service", sig.Service, "err", err)
			}
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			refuse(awsapi.Errorf("ServiceUnavailableException", 503, "%s cannot be reached: %v", target.Host, err))
		},
	}
}
