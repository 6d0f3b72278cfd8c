package sigv4

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// TestChunks holds the chain of signatures against the example of AWS's documentation of S3.
func TestChunks(t *testing.T) {
	c := NewChunks(&Signature{
		Timestamp: "20130524T000000Z", Region: "us-east-1", Service: "s3", scope: "20130524/us-east-1/s3/aws4_request",
		Signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
	}, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	for _, tt := range []struct {
		size int
		want string
	}{
		{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		if got := c.Chunk(sha256.Sum256(bytes.Repeat([]byte("a"), tt.size))); !SameSignature(got, tt.want) {
			t.Errorf("signature of %d bytes = %s, want %s", tt.size, got, tt.want)
		}
	}
}
