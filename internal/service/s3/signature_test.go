package s3

import (
	"encoding/base64"
	"hash/crc32"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

func TestSignatures(t *testing.T) {
	f := newFixture(t)
	f.must(200, "PUT", "/bucket", "")
	t.Run("unsigned", func(t *testing.T) {
		r := httptest.NewRequest("GET", "/bucket/k", nil)
		if a := f.send(r); a.status != 403 || a.code() != "AccessDenied" {
			t.Error(a)
		}
	})
	t.Run("AU-024 unknown key", func(t *testing.T) {
		r := httptest.NewRequest("GET", "/bucket/k", nil)
		f.sign(r, nil, "")
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testKey, "AKIAOTHER", 1))
		if a := f.send(r); a.status != 403 || a.code() != "InvalidAccessKeyId" {
			t.Error(a)
		}
	})
	t.Run("another body", func(t *testing.T) {
		r := httptest.NewRequest("PUT", "/bucket/k", strings.NewReader("other"))
		f.sign(r, []byte("hello"), "")
		if a := f.send(r); a.status != 400 || a.code() != "XAmzContentSHA256Mismatch" {
			t.Error(a)
		}
		f.must(404, "GET", "/bucket/k", "")
	})
	t.Run("unsigned body", func(t *testing.T) {
		r := httptest.NewRequest("PUT", "/bucket/k", strings.NewReader("hello"))
		f.sign(r, nil, sigv4.UnsignedPayload)
		if a := f.send(r); a.status != 200 {
			t.Error(a)
		}
	})
	t.Run("checksums", func(t *testing.T) {
		crc := crc32.ChecksumIEEE([]byte("hello"))
		good := base64.StdEncoding.EncodeToString([]byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)})
		f.must(200, "PUT", "/bucket/k", "hello", "X-Amz-Checksum-Crc32", good)
		if a := f.must(200, "GET", "/bucket/k", "", "X-Amz-Checksum-Mode", "ENABLED"); a.header.Get("X-Amz-Checksum-Crc32") != good {
			t.Error(a.header)
		}
		if a := f.must(400, "PUT", "/bucket/k", "hullo", "X-Amz-Checksum-Crc32", good); a.code() != "BadDigest" {
			t.Error(a.body)
		}
		if a := f.must(400, "PUT", "/bucket/k", "hello", "Content-Md5", base64.StdEncoding.EncodeToString(make([]byte, 16))); a.code() != "BadDigest" {
			t.Error(a.body)
		}
	})
	t.Run("AU-037 presigned", func(t *testing.T) {
		f.must(200, "PUT", "/bucket/k", "hello")
		for age, want := range map[time.Duration]int{0: 200, 2 * time.Minute: 403} {
			signed := sigv4.Request{Method: "GET", Target: "/bucket/k", Host: f.host}
			signer := f.signer()
			signer.UnsignedBody = true
			signer.Presign(&signed, time.Now().Add(-age), time.Minute)
			r := httptest.NewRequest("GET", signed.Target, nil)
			r.Host = f.host
			if a := f.send(r); a.status != want {
				t.Errorf("after %s: %d %s", age, a.status, a.body)
			}
		}
		signed := sigv4.Request{Method: "PUT", Target: "/bucket/p", Host: f.host}
		signer := f.signer()
		signer.UnsignedBody = true
		signer.Presign(&signed, time.Now(), time.Minute)
		r := httptest.NewRequest("PUT", signed.Target, strings.NewReader("by URL"))
		r.Host = f.host
		if a := f.send(r); a.status != 200 {
			t.Error(a)
		}
		if a := f.must(200, "GET", "/bucket/p", ""); a.body != "by URL" {
			t.Error(a.body)
		}
	})
}
