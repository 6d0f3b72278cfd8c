package s3

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

func checksum(data string) string {
	sum := crc32.ChecksumIEEE([]byte(data))
	return base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

func TestChunkedBodies(t *testing.T) {
	f := newFixture(t)
	f.must(200, "PUT", "/bucket", "")
	data := strings.Repeat("0123456789", 1000)
	trailer := "x-amz-checksum-crc32:" + checksum(data)
	for _, tt := range []struct {
		name, hash, trailer string
		signed              bool
		spoil               func([]byte) []byte
		wantCode            string
	}{
		{name: "DE-109 unsigned with trailer", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", trailer: trailer},
		{name: "unsigned with another checksum", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", trailer: "x-amz-checksum-crc32:AAAAAA==", wantCode: "BadDigest"},
		{name: "AU-036 signed", hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", signed: true},
		{name: "AU-036 signed with trailer", hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", signed: true, trailer: trailer},
		{
			name: "AU-036 spoiled chunk", hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", signed: true, wantCode: "SignatureDoesNotMatch",
			spoil: func(b []byte) []byte { return bytes.Replace(b, []byte("0123"), []byte("0124"), 1) },
		},
		{
			name: "AU-036 spoiled trailer", hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", signed: true, trailer: trailer, wantCode: "SignatureDoesNotMatch",
			spoil: func(b []byte) []byte { return bytes.Replace(b, []byte("crc32:"), []byte("crc32c:"), 1) },
		},
		{
			name: "AU-036 no last chunk", hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", signed: true, wantCode: "IncompleteBody",
			spoil: func(b []byte) []byte { return b[:bytes.LastIndex(b, []byte("\r\n0;"))+2] },
		},
		{
			name: "no chunks", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", wantCode: "InvalidChunkSizeError",
			spoil: func([]byte) []byte { return []byte("plain text\r\n") },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("PUT", "/bucket/"+strings.ReplaceAll(tt.name, " ", "-"), nil)
			r.Header.Set("Content-Encoding", "aws-chunked")
			r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(len(data)))
			if tt.trailer != "" {
				r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
			}
			sig := f.sign(r, nil, tt.hash)
			var sums *sigv4.Chunks
			if tt.signed {
				sums = sigv4.NewChunks(sig, testSecret)
			}
			body := chunked([]byte(data), 4096, sums, tt.trailer)
			if tt.spoil != nil {
				body = tt.spoil(body)
			}
			r.Body = io.NopCloser(iotest.OneByteReader(bytes.NewReader(body)))
			a := f.send(r)
			if a.code() != tt.wantCode {
				t.Fatalf("%d %s, want %q", a.status, a.body, tt.wantCode)
			}
			got := f.do("GET", r.URL.Path, "")
			if tt.wantCode != "" {
				if got.status != 404 {
					t.Errorf("a refused body was stored: %d", got.status)
				}
				return
			}
			if got.body != data || got.header.Get("Content-Encoding") != "" {
				t.Errorf("%d bytes, encoding %q", len(got.body), got.header.Get("Content-Encoding"))
			}
		})
	}
}

// FuzzChunkReader holds that what is written in chunks is read back, and that any other bytes are refused or end.
func FuzzChunkReader(f *testing.F) {
	f.Add([]byte("hello"), 2, []byte("5\r\nhello\r\n0\r\n\r\n"))
	f.Add([]byte{}, 1, []byte("0\r\na:b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte, size int, raw []byte) {
		size = 1 + (size&0x7fff)%4096
		got, err := io.ReadAll(newChunkReader(bytes.NewReader(chunked(data, size, nil, "a:b")), nil))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%q in chunks of %d reads as %q, %v", data, size, got, err)
		}
		got, err = io.ReadAll(newChunkReader(bytes.NewReader(raw), nil))
		if len(got) > len(raw) {
			t.Fatalf("%q gives more than it has: %q", raw, got)
		}
		if err != nil && !errors.As(err, new(*awsapi.Error)) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%q: %v", raw, err)
		}
	})
}

// chunked writes a body in AWS's own chunks; chunks and trailer are signed where sums is given.
func chunked(data []byte, size int, sums *sigv4.Chunks, trailer string) []byte {
	var b bytes.Buffer
	for {
		n := min(size, len(data))
		part := data[:n]
		data = data[n:]
		fmt.Fprintf(&b, "%x", n)
		if sums != nil {
			fmt.Fprintf(&b, ";chunk-signature=%s", sums.Chunk(sha256.Sum256(part)))
		}
		b.WriteString("\r\n")
		if n == 0 {
			break
		}
		b.Write(part)
		b.WriteString("\r\n")
	}
	if trailer != "" {
		b.WriteString(trailer + "\r\n")
		if sums != nil {
			fmt.Fprintf(&b, "x-amz-trailer-signature:%s\r\n", sums.Trailer(sha256.Sum256([]byte(trailer+"\n"))))
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
