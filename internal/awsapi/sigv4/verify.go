package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net"
	"strings"
	"sync"
)

// UnsignedPayload stands for the hash of a body that was not signed.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// A Verifier compares signatures. It keeps the signing keys of recent callers, which change daily.
// It may be used by many goroutines.
type Verifier struct {
	mu   sync.RWMutex
	keys map[scopeKey]*signingKey // guarded by mu

	scratch sync.Pool
}

type scopeKey struct {
	accessKeyID string
	scope       string
}

// A signingKey is one day's key of one secret for one service, with HMACs that are ready to use.
type signingKey struct {
	secret string
	macs   sync.Pool
}

// maxKeys bounds the cache; when it is full it starts anew.
const maxKeys = 4096

// NewVerifier returns a Verifier with an empty cache.
func NewVerifier() *Verifier {
	return &Verifier{
		keys:    map[scopeKey]*signingKey{},
		scratch: sync.Pool{New: func() any { return new(scratch) }},
	}
}

// Verify returns an *Error unless s is the signature that secret makes for r. Parse has made s; the caller has checked scope and time.
func (v *Verifier) Verify(r *Request, s *Signature, secret string) error {
	want, ok := decodeSignature(s.Signature)
	path, query := r.split()
	sc := v.scratch.Get().(*scratch)
	defer v.scratch.Put(sc)
	f := form{path: path, host: r.Host}
	if err := f.readBody(r, query, s, &sc.hash); err != nil {
		return err
	}
	key, cached := v.key(s, secret)
	if !sc.canonical(r, query, s.SignedHeaders, &f) {
		return &Error{Kind: Incomplete, Message: "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization, and SignedHeaders must be sorted lower-case names."}
	}
	if ok && sc.matches(key, s, &want) {
		v.keep(s, key, cached)
		return nil
	}
	if ok && v.otherForm(r, s, sc, key, &want, f, query) {
		v.keep(s, key, cached)
		return nil
	}
	sc.canonical(r, query, s.SignedHeaders, &f)
	return mismatch(s, string(sc.out))
}

// readBody sets the body's hash as the signer saw it, and checks it against the body. hash is memory for it.
func (f *form) readBody(r *Request, query string, s *Signature, hash *[64]byte) error {
	claimed := r.Get("X-Amz-Content-Sha256")
	if claimed == "" && s.Presigned {
		claimed = queryValue(query, "X-Amz-Content-Sha256")
	}
	switch claimed {
	case UnsignedPayload, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
		f.bodyHash = []byte(claimed)
		return nil
	}
	if r.Unread {
		if claimed == "" {
			claimed = emptyHash
			if s.Presigned { // AWS: S3 does not sign the body of a presigned request
				claimed = UnsignedPayload
			}
		}
		f.bodyHash = []byte(claimed)
		return nil
	}
	if len(r.Body) == 0 {
		f.bodyHash = append(hash[:0], emptyHash...)
	} else {
		sum := sha256.Sum256(r.Body)
		hex.Encode(hash[:], sum[:])
		f.bodyHash = hash[:]
	}
	if claimed != "" && claimed != string(f.bodyHash) {
		return &Error{Kind: Invalid, Message: "The provided 'x-amz-content-sha256' header does not match what was computed."}
	}
	return nil
}

// decodeSignature reads 64 hexadecimal digits.
func decodeSignature(text string) (sum [sha256.Size]byte, ok bool) {
	if len(text) != 2*sha256.Size {
		return sum, false
	}
	for i := range sum {
		hi, ok1 := hexValue(text[2*i])
		lo, ok2 := hexValue(text[2*i+1])
		if !ok1 || !ok2 {
			return sum, false
		}
		sum[i] = hi<<4 | lo
	}
	return sum, true
}

// matches signs the canonical request in sc.out and compares in constant time.
func (sc *scratch) matches(key *signingKey, s *Signature, want *[sha256.Size]byte) bool {
	sum := sha256.Sum256(sc.out)
	sc.arena = appendStringToSign(sc.arena[:0], s.Timestamp, s.scope, sum)
	mac := key.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(sc.arena)
	got := mac.Sum(sc.sum[:0])
	key.macs.Put(mac)
	return subtle.ConstantTimeCompare(got, want[:]) == 1
}

func appendStringToSign(dst []byte, timestamp, scope string, sum [sha256.Size]byte) []byte {
	dst = append(dst, algorithm+"\n"...)
	dst = append(dst, timestamp...)
	dst = append(dst, '\n')
	dst = append(dst, scope...)
	dst = append(dst, '\n')
	return hex.AppendEncode(dst, sum[:])
}

// otherForm tries what SDKs and proxies make of the same request: a path that was encoded once or not normalized, "@" and "=" escaped
// or not, a host with another port, a body left unsigned, a token added after signing.
func (v *Verifier) otherForm(r *Request, s *Signature, sc *scratch, key *signingKey, want *[sha256.Size]byte, f form, query string) bool {
	hashes := [][]byte{f.bodyHash}
	if s.Presigned && string(f.bodyHash) == emptyHash {
		hashes = append(hashes, []byte(UnsignedPayload))
	}
	tokens := []bool{false}
	if s.Presigned && s.Token != "" {
		tokens = append(tokens, true)
	}
	for _, host := range hostForms(r.Host) {
		for _, path := range pathForms(f.path) {
			for _, hash := range hashes {
				for _, out := range tokens {
					for i := range 4 {
						f := form{path: path, raw: i&1 != 0, single: i&2 != 0, host: host, bodyHash: hash, tokenOut: out}
						sc.canonical(r, query, s.SignedHeaders, &f)
						if sc.matches(key, s, want) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

func hostForms(host string) []string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return []string{host, name}
	}
	return []string{host, host + ":443", host + ":80"}
}

var (
	escapeSome   = strings.NewReplacer("@", "%40", "=", "%3D")
	unescapeSome = strings.NewReplacer("%40", "@", "%3D", "=", "%3d", "=")
	escapeAt     = strings.NewReplacer("@", "%40")
	unescapeAt   = strings.NewReplacer("%40", "@")
)

func pathForms(path string) []string {
	forms := []string{path}
	for _, r := range []*strings.Replacer{escapeSome, unescapeSome, escapeAt, unescapeAt} {
		other := r.Replace(path)
		known := false
		for _, p := range forms {
			known = known || p == other
		}
		if !known {
			forms = append(forms, other)
		}
	}
	return forms
}

// key returns the signing key for s, from the cache if it is there.
func (v *Verifier) key(s *Signature, secret string) (key *signingKey, cached bool) {
	v.mu.RLock()
	key = v.keys[scopeKey{s.AccessKeyID, s.scope}]
	v.mu.RUnlock()
	if key != nil && subtle.ConstantTimeCompare([]byte(key.secret), []byte(secret)) == 1 {
		return key, true
	}
	derived := deriveKey(secret, s.Day, s.Region, s.Service)
	key = &signingKey{secret: secret}
	key.macs.New = func() any { return hmac.New(sha256.New, derived) }
	return key, false
}

// keep puts a key that has verified a request into the cache. Keys that failed are not kept, so that nobody can fill it.
func (v *Verifier) keep(s *Signature, key *signingKey, cached bool) {
	if cached {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.keys) >= maxKeys {
		clear(v.keys)
	}
	// The strings of a signature lie in the request: copy them, so that the request can go.
	v.keys[scopeKey{strings.Clone(s.AccessKeyID), strings.Clone(s.scope)}] = key
}

func deriveKey(secret, day, region, service string) []byte {
	k := []byte("AWS4" + secret)
	for _, part := range []string{day, region, service, terminator} {
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(part))
		k = mac.Sum(nil)
	}
	return k
}

// mismatch is AWS's answer, which tells the client what should have been signed.
func mismatch(s *Signature, canonical string) error {
	sum := sha256.Sum256([]byte(canonical))
	toSign := string(appendStringToSign(nil, s.Timestamp, s.scope, sum))
	canonical = maskToken(canonical, s.Token)
	return &Error{
		Kind: Invalid,
		Message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. " +
			"Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'" + canonical +
			"'\n\nThe String-to-Sign should have been\n'" + toSign + "'\n",
		CanonicalRequest: canonical,
		StringToSign:     toSign,
	}
}

// maskToken hides the session token, as header or as query parameter.
func maskToken(canonical, token string) string {
	if token == "" {
		return canonical
	}
	canonical = strings.ReplaceAll(canonical, token, "***")
	return strings.ReplaceAll(canonical, string(appendRecoded(nil, token)), "***")
}
