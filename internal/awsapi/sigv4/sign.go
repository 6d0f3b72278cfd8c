package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Signer signs requests with one credential.
type Signer struct {
	AccessKeyID string
	Secret      string
	Token       string // session token, or ""
	Region      string
	Service     string

	SignBody     bool // send X-Amz-Content-Sha256 too
	KeepPath     bool // leave dot segments and doubled slashes in the path, as for S3
	EncodeOnce   bool // encode the decoded path, as for S3
	TokenUnsaid  bool // leave the token out of what is signed
	UnsignedBody bool
	BodyHash     string // stands for the body's hash, for bodies that are sent in chunks; X-Amz-Content-Sha256 is in the header already
}

// Sign adds X-Amz-Date, the token and Authorization to r's header.
func (s *Signer) Sign(r *Request, at time.Time) {
	timestamp := at.UTC().Format(timeFormat)
	r.Header = append(r.Header, Field{"X-Amz-Date", timestamp})
	if s.Token != "" && !s.TokenUnsaid {
		r.Header = append(r.Header, Field{"X-Amz-Security-Token", s.Token})
	}
	hash := s.hash(r)
	if s.SignBody || s.UnsignedBody {
		r.Header = append(r.Header, Field{"X-Amz-Content-Sha256", hash})
	}
	signed := signedHeaders(r)
	_, query := r.split()
	signature := s.signature(r, query, signed, hash, timestamp, false)
	r.Header = append(r.Header, Field{"Authorization", algorithm + " Credential=" + s.AccessKeyID + "/" + s.scope(timestamp) +
		", SignedHeaders=" + signed + ", Signature=" + signature})
	if s.Token != "" && s.TokenUnsaid {
		r.Header = append(r.Header, Field{"X-Amz-Security-Token", s.Token})
	}
}

// Presign adds the signature to r's query string. It is valid for that time.
func (s *Signer) Presign(r *Request, at time.Time, valid time.Duration) {
	timestamp := at.UTC().Format(timeFormat)
	path, query := r.split()
	hash := s.hash(r)
	signed := signedHeaders(r)
	add := func(name, value string) {
		if query != "" {
			query += "&"
		}
		query += name + "=" + string(appendRecoded(nil, strings.ReplaceAll(value, "%", "%25")))
	}
	add("X-Amz-Algorithm", algorithm)
	add("X-Amz-Credential", s.AccessKeyID+"/"+s.scope(timestamp))
	add("X-Amz-Date", timestamp)
	add("X-Amz-Expires", strconv.Itoa(int(valid/time.Second)))
	add("X-Amz-SignedHeaders", signed)
	if s.Token != "" {
		add("X-Amz-Security-Token", s.Token)
	}
	signature := s.signature(r, query, signed, hash, timestamp, s.TokenUnsaid)
	add("X-Amz-Signature", signature)
	r.Target = path + "?" + query
}

// StringToSign returns the canonical request and the string to sign for a request with this signature.
func (s *Signer) stringToSign(r *Request, query, signed, hash, timestamp string, tokenOut bool) (canonical, toSign string) {
	path, _ := r.split()
	f := form{path: path, raw: s.KeepPath, single: s.EncodeOnce, host: r.Host, bodyHash: []byte(hash), tokenOut: tokenOut}
	var sc scratch
	sc.canonical(r, query, signed, &f)
	return string(sc.out), string(appendStringToSign(nil, timestamp, s.scope(timestamp), sha256.Sum256(sc.out)))
}

func (s *Signer) signature(r *Request, query, signed, hash, timestamp string, tokenOut bool) string {
	_, toSign := s.stringToSign(r, query, signed, hash, timestamp, tokenOut)
	mac := hmac.New(sha256.New, deriveKey(s.Secret, timestamp[:8], s.Region, s.Service))
	mac.Write([]byte(toSign))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *Signer) scope(timestamp string) string {
	return timestamp[:8] + "/" + s.Region + "/" + s.Service + "/" + terminator
}

func (s *Signer) hash(r *Request) string {
	if s.BodyHash != "" {
		return s.BodyHash
	}
	if s.UnsignedBody {
		return UnsignedPayload
	}
	sum := sha256.Sum256(r.Body)
	return hex.EncodeToString(sum[:])
}

// unsigned headers change on the way.
var unsigned = []string{"connection", "user-agent", "x-amzn-trace-id", "expect", "transfer-encoding", "accept-encoding", "authorization"}

func signedHeaders(r *Request) string {
	names := []string{"host"}
	for _, f := range r.Header {
		name := strings.ToLower(f.Name)
		if !slices.Contains(unsigned, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ";")
}
