package awsapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// An Elsewhere is AWS, or a server that stands in for it, which calls of a service go to.
type Elsewhere struct {
	base *url.URL // nil: AWS
}

// NewElsewhere reads what the setting endpoints says for a service: "aws", or a URL.
func NewElsewhere(service, endpoint string) (*Elsewhere, error) {
	if endpoint == "aws" {
		return &Elsewhere{}, nil
	}
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("endpoints.%s is %q, which is neither aws nor a URL", service, endpoint)
	}
	return &Elsewhere{base}, nil
}

// Address returns where a request that is meant for AWS is sent.
func (e *Elsewhere) Address(u *url.URL) *url.URL {
	if e.base == nil {
		return u
	}
	own := *u
	own.Scheme, own.Host = e.base.Scheme, e.base.Host
	own.Path, own.RawPath = strings.TrimSuffix(e.base.Path, "/")+u.Path, strings.TrimSuffix(e.base.EscapedPath(), "/")+u.EscapedPath()
	return &own
}

// ErrNoCredentials says that calls are sent elsewhere, but the environment has no credentials for them.
var ErrNoCredentials = errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set in the server's environment")

// Sign signs a request with the credentials of the environment: roles of this server mean nothing elsewhere. target is the request's
// path and query, as they are sent.
func (e *Elsewhere) Sign(req *http.Request, target string, body []byte, service, region string) error {
	signer := sigv4.Signer{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Token: os.Getenv("AWS_SESSION_TOKEN"),
		Service: service, Region: region,
	}
	if signer.AccessKeyID == "" || signer.Secret == "" {
		return ErrNoCredentials
	}
	if service == "s3" {
		signer.KeepPath, signer.EncodeOnce, signer.SignBody = true, true, true
	}
	signed := sigv4.Request{Method: req.Method, Target: target, Host: req.Host, Body: body}
	for name, values := range req.Header {
		for _, v := range values {
			signed.Header = append(signed.Header, sigv4.Field{Name: name, Value: v})
		}
	}
	begun := len(signed.Header)
	signer.Sign(&signed, time.Now())
	for _, f := range signed.Header[begun:] {
		req.Header.Set(f.Name, f.Value)
	}
	return nil
}
