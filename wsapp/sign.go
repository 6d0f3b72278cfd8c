package wsapp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// An awsClient makes signed calls with the credentials that Lambda puts into the environment.
type awsClient struct {
	http   *http.Client
	region string
	now    func() time.Time
}

// An awsError is what AWS answered instead of a result.
type awsError struct {
	status int
	code   string
	text   string
}

func (e *awsError) Error() string {
	if e.code == "" && e.text == "" {
		return fmt.Sprintf("AWS answered status %d", e.status)
	}
	return strings.TrimPrefix(fmt.Sprintf("%s: %s (status %d)", e.code, e.text, e.status), ": ")
}

// temporary reports whether the same call may work a little later.
func (e *awsError) temporary() bool {
	return e.status >= 500 || e.code == "ProvisionedThroughputExceededException" || e.code == "ThrottlingException" || e.code == "RequestLimitExceeded"
}

// attempts is how often a call is made that fails for a reason that may pass.
const attempts = 4

// do makes one call, and again if AWS asks for patience. path is as it goes over the wire.
func (c *awsClient) do(ctx context.Context, service, method, url string, header map[string]string, body []byte) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		answer, err := c.once(ctx, service, method, url, header, body)
		failure, refused := errors.AsType[*awsError](err)
		if err == nil || attempt == attempts || refused && !failure.temporary() || ctx.Err() != nil {
			return answer, err
		}
		select {
		case <-time.After(time.Duration(50<<attempt) * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *awsClient) once(ctx context.Context, service, method, url string, header map[string]string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	if err := c.sign(req, service, body); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, readError(resp, answer)
	}
	return answer, nil
}

func readError(resp *http.Response, body []byte) error {
	e := &awsError{status: resp.StatusCode, code: resp.Header.Get("X-Amzn-ErrorType")}
	if e.code == "" {
		e.code = member(body, "__type")
	}
	e.code, _, _ = strings.Cut(e.code, ":")
	e.code = e.code[strings.LastIndexByte(e.code, '#')+1:]
	e.text = member(body, "message", "Message")
	return e
}

// sign adds AWS's signature of version 4 to a request.
func (c *awsClient) sign(req *http.Request, service string, body []byte) error {
	id, secret, token := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
	if id == "" || secret == "" {
		return errors.New("no AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	at := c.now().UTC()
	stamp, day := at.Format("20060102T150405Z"), at.Format("20060102")
	req.Header.Set("X-Amz-Date", stamp)
	if token != "" {
		req.Header.Set("X-Amz-Security-Token", token)
	}
	names := []string{"host"}
	for name := range req.Header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	var canonical strings.Builder
	// The path of the URL is escaped once for the wire and, AWS: once more for the signature. What clients leave as it is, as @, is escaped there, too.
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", req.Method, escapePath(req.URL.EscapedPath()), req.URL.RawQuery)
	for _, name := range names {
		value := req.Header.Get(name)
		if name == "host" {
			value = req.URL.Host
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.TrimSpace(value))
	}
	signed := strings.Join(names, ";")
	fmt.Fprintf(&canonical, "\n%s\n%s", signed, hash(body))

	scope := day + "/" + c.region + "/" + service + "/aws4_request"
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, c.region, service, "aws4_request", "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hash([]byte(canonical.String()))} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(part))
		key = m.Sum(nil)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+id+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(key))
	return nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// escapePath escapes a path for a signature, but for its slashes.
func escapePath(path string) string {
	if path == "" {
		return "/"
	}
	var b strings.Builder
	for _, c := range []byte(path) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
