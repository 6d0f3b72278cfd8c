package s3

import (
	"crypto/md5"  //nolint:gosec // ETags and Content-MD5 are MD5
	"crypto/sha1" //nolint:gosec // one of S3's checksums
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

const checksumPrefix = "x-amz-checksum-"

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

// algorithms are S3's checksums by the end of their header's name.
var algorithms = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(castagnoli) },
	"crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

// A received is a body on its way in: it is counted, hashed, and held against what the request promises.
type received struct {
	r       io.Reader
	header  http.Header
	chunked *chunkReader // nil where the body is plain
	size    int64
	md5     hash.Hash
	sha256  hash.Hash            // nil where no hash was signed
	sums    map[string]hash.Hash // by algorithm
}

// receive prepares to read the body of a request.
func receive(r *http.Request, chunks *sigv4.Chunks) *received {
	in := &received{r: r.Body, header: r.Header, md5: md5.New(), sums: map[string]hash.Hash{}} //nolint:gosec // see above
	switch signed := r.Header.Get("X-Amz-Content-Sha256"); {
	case strings.HasPrefix(signed, "STREAMING-"):
		in.chunked = newChunkReader(r.Body, chunks)
		in.r = in.chunked
	case signed != "" && signed != sigv4.UnsignedPayload:
		in.sha256 = sha256.New()
	}
	wanted := []string{strings.ToLower(r.Header.Get("X-Amz-Sdk-Checksum-Algorithm"))}
	for name := range strings.SplitSeq(r.Header.Get("X-Amz-Trailer"), ",") {
		wanted = append(wanted, strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), checksumPrefix))
	}
	for name := range algorithms {
		if r.Header.Get(checksumPrefix+name) != "" {
			wanted = append(wanted, name)
		}
	}
	for _, name := range wanted {
		if algorithms[name] != nil {
			in.sums[name] = algorithms[name]()
		}
	}
	return in
}

// Read gives the body, and instead of its end an error if the body is not what was promised.
func (in *received) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	in.size += int64(n)
	in.md5.Write(p[:n])
	if in.sha256 != nil {
		in.sha256.Write(p[:n])
	}
	for _, h := range in.sums {
		h.Write(p[:n])
	}
	if err == io.EOF { //nolint:errorlint // readers return it as it is
		if bad := in.check(); bad != nil {
			return n, bad
		}
	}
	return n, err
}

func (in *received) check() error {
	if want := in.header.Get("X-Amz-Content-Sha256"); in.sha256 != nil && !strings.EqualFold(hex.EncodeToString(in.sha256.Sum(nil)), want) {
		return awsapi.Errorf("XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if want := in.header.Get("Content-Md5"); want != "" {
		given, err := base64.StdEncoding.DecodeString(want)
		if err != nil || len(given) != md5.Size {
			return awsapi.Errorf("InvalidDigest", 400, "The Content-MD5 you specified was invalid.")
		}
		if string(given) != string(in.md5.Sum(nil)) {
			return awsapi.Errorf("BadDigest", 400, "The Content-MD5 you specified did not match what we received.")
		}
	}
	for name, sum := range in.checksums() {
		want := in.header.Get(checksumPrefix + name)
		if in.chunked != nil && want == "" {
			want = in.chunked.trailer.Get(checksumPrefix + name)
		}
		if want != "" && want != sum {
			return awsapi.Errorf("BadDigest", 400, "The %s you specified did not match the calculated checksum.", strings.ToUpper(name))
		}
	}
	return nil
}

// checksums are those that were asked for, by algorithm, in base64.
func (in *received) checksums() map[string]string {
	sums := map[string]string{}
	for name, h := range in.sums {
		sums[name] = base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	return sums
}

// etag is that of a body which came in one piece.
func (in *received) etag() string { return hex.EncodeToString(in.md5.Sum(nil)) }
