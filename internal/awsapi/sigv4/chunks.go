package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// Chunks verifies the chunks of a body with X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD, each of which is
// signed over the one before. The first is signed over the request's signature.
type Chunks struct {
	key              []byte
	timestamp, scope string
	previous         string
}

// NewChunks returns the Chunks of a request whose signature s was made with secret.
func NewChunks(s *Signature, secret string) *Chunks {
	return &Chunks{
		key:       deriveKey(secret, s.Timestamp[:len("20060102")], s.Region, s.Service),
		timestamp: s.Timestamp,
		scope:     s.scope,
		previous:  s.Signature,
	}
}

// Chunk returns the signature of the next chunk, whose data has this SHA-256.
func (c *Chunks) Chunk(sum [sha256.Size]byte) string {
	return c.next(algorithm+"-PAYLOAD", emptyHash+"\n"+hex.EncodeToString(sum[:]))
}

// Trailer returns the signature of the header fields after the last chunk, whose text has this SHA-256.
func (c *Chunks) Trailer(sum [sha256.Size]byte) string {
	return c.next(algorithm+"-TRAILER", hex.EncodeToString(sum[:]))
}

func (c *Chunks) next(kind, rest string) string {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(kind + "\n" + c.timestamp + "\n" + c.scope + "\n" + c.previous + "\n" + rest))
	c.previous = hex.EncodeToString(mac.Sum(nil))
	return c.previous
}

// SameSignature compares two signatures in constant time.
func SameSignature(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
