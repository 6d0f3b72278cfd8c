package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// A client makes signed calls to a running server, as AWS's own tools do.
type client struct {
	http     *http.Client
	caFile   string
	endpoint string
	region   string
	key      string
	secret   string
	token    string
}

// newClient finds the server: AWS's environment variables first, then the server that was started last on this machine.
func newClient() (*client, error) {
	if endpoint, key := os.Getenv("AWS_ENDPOINT_URL"), os.Getenv("AWS_ACCESS_KEY_ID"); endpoint != "" && key != "" {
		region := os.Getenv("AWS_REGION")
		if region == "" {
			region = os.Getenv("AWS_DEFAULT_REGION")
		}
		if region == "" {
			region = defaultRegion
		}
		return &client{
			http: clientTrusting(os.Getenv("AWS_CA_BUNDLE")), caFile: os.Getenv("AWS_CA_BUNDLE"), endpoint: strings.TrimSuffix(endpoint, "/"), region: region,
			key: key, secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), token: os.Getenv("AWS_SESSION_TOKEN"),
		}, nil
	}
	r, err := current()
	if err != nil {
		return nil, err
	}
	return clientOf(r), nil
}

// clientOf returns a client of a server that told of itself.
func clientOf(r *ready) *client {
	return &client{
		http: clientTrusting(r.CAFile), caFile: r.CAFile, endpoint: strings.TrimSuffix(r.Endpoint, "/"), region: r.Region,
		key: r.Credentials.AccessKeyID, secret: r.Credentials.SecretAccessKey,
	}
}

// An apiError is what a service answered instead of a result.
type apiError struct {
	Status  int
	Code    string
	Message string
}

func (e *apiError) Error() string { return e.Message }

// isMessage reports whether err is a service's error with this text in it.
func isMessage(err error, text string) bool {
	var e *apiError
	return errors.As(err, &e) && strings.Contains(e.Message, text)
}

// do signs and sends a request, and returns the body of a success.
func (c *client) do(ctx context.Context, service, method, target string, header http.Header, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", c.endpoint, err)
	}
	signed := sigv4.Request{Method: method, Target: target, Host: req.URL.Host, Body: body, Header: []sigv4.Field{{Name: "Host", Value: req.URL.Host}}}
	for name, values := range header {
		signed.Header = append(signed.Header, sigv4.Field{Name: name, Value: values[0]})
	}
	signer := sigv4.Signer{AccessKeyID: c.key, Secret: c.secret, Token: c.token, Region: c.region, Service: service, SignBody: service == "s3", KeepPath: service == "s3", EncodeOnce: service == "s3"}
	signer.Sign(&signed, time.Now())
	for _, f := range signed.Header {
		if f.Name != "Host" {
			req.Header.Set(f.Name, f.Value)
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("reach the server (is it running?): %w", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if res.StatusCode >= 300 {
		return nil, readError(res, data)
	}
	return data, nil
}

// readError finds code and message in the error of any protocol.
func readError(res *http.Response, data []byte) error {
	e := &apiError{Status: res.StatusCode, Code: res.Header.Get("X-Amzn-Errortype")}
	var inJSON struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	var inXML struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
		Error   struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		} `xml:"Error"`
	}
	switch {
	case json.Unmarshal(data, &inJSON) == nil:
		_, kind, _ := strings.Cut(inJSON.Type, "#")
		e.Code, e.Message = firstOf(e.Code, kind, inJSON.Type), inJSON.Message
	case xml.Unmarshal(data, &inXML) == nil:
		e.Code, e.Message = firstOf(inXML.Error.Code, inXML.Code), firstOf(inXML.Error.Message, inXML.Message)
	}
	if e.Message == "" {
		e.Message = firstOf(e.Code, res.Status)
	}
	return e
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// json calls an operation of a service with AWS's JSON protocol, 1.1.
func (c *client) json(ctx context.Context, service, target string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	data, err := c.do(ctx, service, http.MethodPost, "/", http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}, body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// get calls an operation of a REST service.
func (c *client) get(ctx context.Context, service, target string, out any) error {
	data, err := c.do(ctx, service, http.MethodGet, target, nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// cloudformation calls an operation with AWS's query protocol.
func (c *client) cloudformation(ctx context.Context, action string, form url.Values, out any) error {
	form.Set("Action", action)
	form.Set("Version", "2010-05-15")
	data, err := c.do(ctx, "cloudformation", http.MethodPost, "/", http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, []byte(form.Encode()))
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := xml.Unmarshal(data, out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// compactJSON encodes what always can be encoded.
func compactJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cli: encode %T: %v", v, err))
	}
	return string(data)
}
