package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

const (
	testAccount = "000000000000"
	testKey     = "AKIAEXAMPLE"
	testSecret  = "secret"
)

// keys knows one key, of an administrator.
type keys struct{}

func (keys) Credential(_ context.Context, accessKeyID, _ string) (string, awsapi.Caller, error) {
	if accessKeyID != testKey {
		return "", awsapi.Caller{}, awsapi.Errorf("UnrecognizedClientException", 403, "The security token included in the request is invalid.")
	}
	return testSecret, awsapi.Caller{Account: testAccount, AccessKeyID: testKey, Admin: true}, nil
}

func (keys) Authorize(context.Context, string, string, map[string][]string) error { return nil }

type fixture struct {
	t       testing.TB
	service *Service
	handler http.Handler
	stores  store.Stores
	host    string
	region  string
}

func newFixture(t testing.TB) *fixture {
	log := slog.New(slog.DiscardHandler)
	stores := mem.New()
	s := New(stores, log)
	return &fixture{t: t, service: s, stores: stores, handler: s.Handler(awsapi.NewGatekeeper(keys{}, log, awsapi.GateOptions{}), keys{}), host: "127.0.0.1:4566", region: "us-east-1"}
}

func (f *fixture) ctx() context.Context {
	return awsapi.WithCaller(f.t.Context(), awsapi.Caller{Account: testAccount, Region: f.region, Admin: true})
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// code is that of an error.
func (a answer) code() string {
	var e struct{ Code string }
	_ = xml.Unmarshal([]byte(a.body), &e)
	return e.Code
}

func (f *fixture) signer() sigv4.Signer {
	return sigv4.Signer{AccessKeyID: testKey, Secret: testSecret, Region: f.region, Service: "s3", KeepPath: true, EncodeOnce: true}
}

// sign signs a request whose body hashes to hash, and returns its signature.
func (f *fixture) sign(r *http.Request, body []byte, hash string) *sigv4.Signature {
	r.Host = f.host
	signed := sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Body: body}
	if strings.HasPrefix(hash, "STREAMING-") {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	for name, values := range r.Header {
		for _, v := range values {
			signed.Header = append(signed.Header, sigv4.Field{Name: name, Value: v})
		}
	}
	before := len(signed.Header)
	signer := f.signer()
	switch hash {
	case "":
		signer.SignBody = true
	case sigv4.UnsignedPayload:
		signer.UnsignedBody = true
	default:
		signer.BodyHash = hash
	}
	signer.Sign(&signed, time.Now())
	for _, h := range signed.Header[before:] {
		r.Header.Set(h.Name, h.Value)
	}
	sig, err := sigv4.Parse(&signed)
	if err != nil {
		f.t.Fatal(err)
	}
	return &sig
}

// do sends a signed request; headers are pairs.
func (f *fixture) do(method, target, body string, headers ...string) answer {
	f.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	f.sign(r, []byte(body), "")
	return f.send(r)
}

func (f *fixture) send(r *http.Request) answer {
	f.t.Helper()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func (f *fixture) must(status int, method, target, body string, headers ...string) answer {
	f.t.Helper()
	a := f.do(method, target, body, headers...)
	if a.status != status {
		f.t.Fatalf("%s %s = %d %s, want %d", method, target, a.status, a.body, status)
	}
	return a
}

func TestBuckets(t *testing.T) {
	f := newFixture(t)
	f.must(200, "PUT", "/first", "")
	t.Run("again in us-east-1", func(t *testing.T) { f.must(200, "PUT", "/first", "") })
	t.Run("again elsewhere", func(t *testing.T) {
		body := `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`
		f.must(200, "PUT", "/second", body)
		if a := f.must(409, "PUT", "/second", body); a.code() != "BucketAlreadyOwnedByYou" {
			t.Error(a.body)
		}
		if a := f.must(200, "GET", "/second?location", ""); !strings.Contains(a.body, ">eu-west-1<") {
			t.Error(a.body)
		}
		if a := f.must(200, "GET", "/first?location", ""); strings.Contains(a.body, "us-east-1") {
			t.Error(a.body)
		}
	})
	t.Run("list", func(t *testing.T) {
		if a := f.must(200, "GET", "/", ""); !strings.Contains(a.body, "<Name>first</Name>") || !strings.Contains(a.body, "<Name>second</Name>") {
			t.Error(a.body)
		}
	})
	t.Run("head", func(t *testing.T) {
		if a := f.must(200, "HEAD", "/second", ""); a.header.Get("X-Amz-Bucket-Region") != "eu-west-1" {
			t.Error(a.header)
		}
		f.must(404, "HEAD", "/third", "")
		// SDKs ask for a bucket's region without a signature.
		r := httptest.NewRequest("HEAD", "/second", nil)
		if a := f.send(r); a.status != 403 || a.header.Get("X-Amz-Bucket-Region") != "eu-west-1" {
			t.Error(a.status, a.header)
		}
	})
	t.Run("names", func(t *testing.T) {
		for _, name := range []string{"ab", "Upper", "a_b", "127.0.0.1", "a..b"} {
			if a := f.must(400, "PUT", "/"+name, ""); a.code() != "InvalidBucketName" {
				t.Error(name, a.body)
			}
		}
	})
	t.Run("delete", func(t *testing.T) {
		f.must(200, "PUT", "/second/key", "x")
		if a := f.must(409, "DELETE", "/second", ""); a.code() != "BucketNotEmpty" {
			t.Error(a.body)
		}
		f.must(204, "DELETE", "/second/key", "")
		f.must(204, "DELETE", "/second", "")
		if a := f.must(404, "DELETE", "/second", ""); a.code() != "NoSuchBucket" || !strings.Contains(a.body, "<BucketName>second</BucketName>") {
			t.Error(a.body)
		}
	})
	t.Run("DE-110 encryption", func(t *testing.T) {
		if a := f.must(200, "GET", "/first?encryption", ""); !strings.Contains(a.body, "<SSEAlgorithm>AES256<") {
			t.Error(a.body)
		}
	})
	t.Run("configuration", func(t *testing.T) {
		if a := f.must(404, "GET", "/first?policy", ""); a.code() != "NoSuchBucketPolicy" {
			t.Error(a.body)
		}
		f.must(204, "PUT", "/first?policy", `{"Version":"2012-10-17"}`)
		if a := f.must(200, "GET", "/first?policy", ""); a.body != `{"Version":"2012-10-17"}` {
			t.Error(a.body)
		}
		f.must(204, "DELETE", "/first?policy", "")
		f.must(404, "GET", "/first?policy", "")
		f.must(200, "PUT", "/first?publicAccessBlock", `<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>`)
		if a := f.must(200, "GET", "/first?publicAccessBlock", ""); !strings.Contains(a.body, "<BlockPublicAcls>true<") {
			t.Error(a.body)
		}
		if a := f.must(400, "PUT", "/first?lifecycle", "<open>"); a.code() != "MalformedXML" {
			t.Error(a.body)
		}
		f.must(200, "GET", "/first?acl", "")
		f.must(200, "GET", "/first?versioning", "")
	})
	t.Run("unknown operations", func(t *testing.T) {
		if a := f.do("POST", "/first", ""); a.code() != "NotImplemented" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestObjects(t *testing.T) {
	f := newFixture(t)
	f.must(200, "PUT", "/bucket", "")
	sum := md5.Sum([]byte("hello, world"))
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	a := f.must(200, "PUT", "/bucket/a%20b/c", "hello, world", "Content-Type", "text/plain", "x-amz-meta-who", "me")
	if a.header.Get("ETag") != etag {
		t.Errorf("ETag %s, want %s", a.header.Get("ETag"), etag)
	}
	t.Run("get", func(t *testing.T) {
		a := f.must(200, "GET", "/bucket/a%20b/c", "")
		if a.body != "hello, world" || a.header.Get("ETag") != etag || a.header.Get("Content-Type") != "text/plain" || a.header["x-amz-meta-who"][0] != "me" || a.header.Get("Content-Length") != "12" {
			t.Error(a)
		}
	})
	t.Run("head", func(t *testing.T) {
		if a := f.must(200, "HEAD", "/bucket/a%20b/c", ""); a.body != "" || a.header.Get("Content-Length") != "12" || a.header.Get("Last-Modified") == "" {
			t.Error(a)
		}
	})
	for header, want := range map[string]string{
		"bytes=0-4": "206 bytes 0-4/12 hello", "bytes=7-": "206 bytes 7-11/12 world", "bytes=-5": "206 bytes 7-11/12 world", "bytes=7-99": "206 bytes 7-11/12 world",
		"bytes=12-": "416  ", "bytes=5-1": "200  hello, world", "lines=1-2": "200  hello, world", "bytes=0-1,3-4": "200  hello, world", "bytes=-0": "416  ",
	} {
		t.Run("range "+header, func(t *testing.T) {
			a := f.do("GET", "/bucket/a%20b/c", "", "Range", header)
			if a.status == 416 {
				a.body = ""
			}
			if got := fmt.Sprintf("%d %s %s", a.status, a.header.Get("Content-Range"), a.body); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	t.Run("conditions", func(t *testing.T) {
		f.must(304, "GET", "/bucket/a%20b/c", "", "If-None-Match", etag)
		f.must(412, "GET", "/bucket/a%20b/c", "", "If-Match", `"other"`)
		if a := f.must(412, "PUT", "/bucket/a%20b/c", "x", "If-None-Match", "*"); a.code() != "PreconditionFailed" {
			t.Error(a.body)
		}
		f.must(200, "PUT", "/bucket/new", "x", "If-None-Match", "*")
	})
	t.Run("missing", func(t *testing.T) {
		if a := f.must(404, "GET", "/bucket/nope", ""); a.code() != "NoSuchKey" || !strings.Contains(a.body, "<Key>nope</Key>") || !strings.Contains(a.body, "<RequestId>") {
			t.Error(a.body)
		}
		if a := f.must(404, "GET", "/nope/nope", ""); a.code() != "NoSuchBucket" {
			t.Error(a.body)
		}
	})
	t.Run("copy", func(t *testing.T) {
		if a := f.must(200, "PUT", "/bucket/copy", "", "X-Amz-Copy-Source", "/bucket/a%20b/c"); !strings.Contains(a.body, "CopyObjectResult") {
			t.Error(a.body)
		}
		if a := f.must(200, "GET", "/bucket/copy", ""); a.body != "hello, world" || a.header["x-amz-meta-who"][0] != "me" {
			t.Error(a)
		}
	})
	t.Run("tags", func(t *testing.T) {
		f.must(200, "PUT", "/bucket/copy?tagging", `<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>`)
		if a := f.must(200, "GET", "/bucket/copy?tagging", ""); !strings.Contains(a.body, "<Key>k</Key><Value>v</Value>") {
			t.Error(a.body)
		}
		f.must(204, "DELETE", "/bucket/copy?tagging", "")
	})
	t.Run("virtual host", func(t *testing.T) {
		for _, host := range []string{"bucket.localhost:4566", "bucket.s3.us-east-1.amazonaws.com", "bucket.s3.amazonaws.com", "bucket.s3.localhost.localstack.cloud:4566"} {
			f.host = host
			if a := f.do("GET", "/copy", ""); a.body != "hello, world" {
				t.Errorf("%s: %d %s", host, a.status, a.body)
			}
		}
		f.host = "s3.eu-west-1.amazonaws.com"
		if a := f.do("GET", "/bucket/copy", ""); a.body != "hello, world" {
			t.Errorf("path style: %d %s", a.status, a.body)
		}
		f.host = "127.0.0.1:4566"
	})
	t.Run("delete", func(t *testing.T) {
		f.must(204, "DELETE", "/bucket/copy", "")
		f.must(404, "GET", "/bucket/copy", "")
		f.must(204, "DELETE", "/bucket/copy", "")
		a := f.must(200, "POST", "/bucket?delete", `<Delete><Object><Key>new</Key></Object><Object><Key>never</Key></Object></Delete>`)
		if strings.Count(a.body, "<Deleted>") != 2 {
			t.Error(a.body)
		}
	})
	t.Run("Open", func(t *testing.T) {
		r, err := f.service.Open(f.ctx(), "bucket", "a b/c", "")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if data, _ := io.ReadAll(r); string(data) != "hello, world" {
			t.Error(string(data))
		}
		if _, err := f.service.Open(f.ctx(), "bucket", "nope", ""); awsapi.Code(err) != "NoSuchKey" {
			t.Error(err)
		}
		other := awsapi.WithCaller(t.Context(), awsapi.Caller{Account: "111111111111", Region: "us-east-1"})
		if _, err := f.service.Open(other, "bucket", "a b/c", ""); awsapi.Code(err) != "AccessDenied" {
			t.Error(err)
		}
	})
	t.Run("no blob is left", func(t *testing.T) {
		f.must(204, "DELETE", "/bucket/a%20b/c", "")
		blobs, _ := f.stores.Blobs(f.ctx())
		if left, err := blobs.List(f.ctx(), ""); err != nil || len(left) != 0 {
			t.Error(left, err)
		}
	})
}

func TestVersions(t *testing.T) {
	f := newFixture(t)
	f.must(200, "PUT", "/bucket", "")
	f.must(200, "PUT", "/bucket/k", "zero")
	f.must(200, "PUT", "/bucket?versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	if a := f.must(200, "GET", "/bucket?versioning", ""); !strings.Contains(a.body, "<Status>Enabled<") {
		t.Error(a.body)
	}
	one := f.must(200, "PUT", "/bucket/k", "one").header.Get("X-Amz-Version-Id")
	two := f.must(200, "PUT", "/bucket/k", "two").header.Get("X-Amz-Version-Id")
	for id, want := range map[string]string{one: "one", two: "two", "null": "zero"} {
		if a := f.must(200, "GET", "/bucket/k?versionId="+id, ""); a.body != want {
			t.Errorf("version %s is %q, want %q", id, a.body, want)
		}
	}
	a := f.must(204, "DELETE", "/bucket/k", "")
	if a.header.Get("X-Amz-Delete-Marker") != "true" {
		t.Error(a.header)
	}
	f.must(404, "GET", "/bucket/k", "")
	list := f.must(200, "GET", "/bucket?versions", "")
	if strings.Count(list.body, "<Version>") != 3 || strings.Count(list.body, "<DeleteMarker>") != 1 {
		t.Error(list.body)
	}
	f.must(204, "DELETE", "/bucket/k?versionId="+a.header.Get("X-Amz-Version-Id"), "")
	if a := f.must(200, "GET", "/bucket/k", ""); a.body != "two" {
		t.Error(a.body)
	}
	for _, id := range []string{one, two, "null"} {
		f.must(204, "DELETE", "/bucket/k?versionId="+id, "")
	}
	f.must(204, "DELETE", "/bucket", "")
}

func TestLists(t *testing.T) {
	f := newFixture(t)
	f.must(200, "PUT", "/bucket", "")
	for _, key := range []string{"a/1", "a/2", "b", "c/1", "c/2", "d%20e"} {
		f.must(200, "PUT", "/bucket/"+key, "x")
	}
	type result struct {
		Contents              []struct{ Key string }
		CommonPrefixes        []struct{ Prefix string }
		IsTruncated           bool
		NextContinuationToken string
		NextMarker            string
	}
	read := func(target string) (r result) {
		t.Helper()
		if err := xml.Unmarshal([]byte(f.must(200, "GET", target, "").body), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	names := func(r result) string {
		var all []string
		for _, c := range r.Contents {
			all = append(all, c.Key)
		}
		for _, p := range r.CommonPrefixes {
			all = append(all, p.Prefix)
		}
		return strings.Join(all, " ")
	}
	for target, want := range map[string]string{
		"/bucket?list-type=2":                                     "a/1 a/2 b c/1 c/2 d e",
		"/bucket?list-type=2&encoding-type=url":                   "a/1 a/2 b c/1 c/2 d%20e",
		"/bucket?list-type=2&prefix=c/":                           "c/1 c/2",
		"/bucket?list-type=2&delimiter=/":                         "b d e a/ c/",
		"/bucket?list-type=2&prefix=a&delimiter=/":                "a/",
		"/bucket?list-type=2&start-after=b":                       "c/1 c/2 d e",
		"/bucket?marker=c/1":                                      "c/2 d e",
		"/bucket?list-type=2&max-keys=0":                          "",
		"/bucket?list-type=2&delimiter=/&prefix=c/&start-after=c": "c/1 c/2",
	} {
		t.Run(target, func(t *testing.T) {
			if got := names(read(target)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	t.Run("pages", func(t *testing.T) {
		var got []string
		token := ""
		for range 10 {
			r := read("/bucket?list-type=2&max-keys=1&delimiter=/&continuation-token=" + token)
			got = append(got, names(r))
			if token = r.NextContinuationToken; !r.IsTruncated {
				break
			}
		}
		if strings.Join(got, " ") != "a/ b c/ d e" {
			t.Error(got)
		}
	})
}

func TestMultipart(t *testing.T) {
	f := newFixture(t)
	f.must(200, "PUT", "/bucket", "")
	var begun struct{ UploadId string }
	if err := xml.Unmarshal([]byte(f.must(200, "POST", "/bucket/k?uploads", "", "Content-Type", "text/plain").body), &begun); err != nil {
		t.Fatal(err)
	}
	target := "/bucket/k?uploadId=" + begun.UploadId
	first, second := strings.Repeat("a", minPart), "the end"
	f.must(200, "PUT", target+"&partNumber=1", "replaced")
	one := f.must(200, "PUT", target+"&partNumber=1", first).header.Get("ETag")
	two := f.must(200, "PUT", target+"&partNumber=2", second).header.Get("ETag")
	complete := func(parts ...string) answer {
		body := "<CompleteMultipartUpload>"
		for i := 0; i < len(parts); i += 2 {
			body += "<Part><PartNumber>" + parts[i] + "</PartNumber><ETag>" + parts[i+1] + "</ETag></Part>"
		}
		return f.do("POST", target, body+"</CompleteMultipartUpload>")
	}
	for code, parts := range map[string][]string{"InvalidPart": {"1", `"x"`}, "InvalidPartOrder": {"2", two, "1", one}, "MalformedXML": {}} {
		if a := complete(parts...); a.code() != code {
			t.Errorf("%s, want %s", a.body, code)
		}
	}
	if a := f.must(200, "GET", target, ""); strings.Count(a.body, "<Part>") != 2 {
		t.Error(a.body)
	}
	a := complete("1", one, "2", two)
	if a.status != 200 || !strings.Contains(a.body, "-2&#34;</ETag>") {
		t.Fatal(a.body)
	}
	if a := f.must(200, "GET", "/bucket/k", ""); a.body != first+second || a.header.Get("Content-Type") != "text/plain" {
		t.Errorf("%d bytes", len(a.body))
	}
	if a := f.must(404, "GET", target, ""); a.code() != "NoSuchUpload" {
		t.Error(a.body)
	}
	blobs, _ := f.stores.Blobs(f.ctx())
	if left, _ := blobs.List(f.ctx(), ""); len(left) != 1 {
		t.Errorf("%d blobs", len(left))
	}
}

func TestResources(t *testing.T) {
	f := newFixture(t)
	types := f.service.Resources()
	r := resource.Request{Token: "t", Properties: map[string]any{"VersioningConfiguration": map[string]any{"Status": "Enabled"}}, PhysicalName: func(int) string { return "Stack-Bucket-ABC" }}
	for range 2 {
		result, err := types[0].Create(f.ctx(), r)
		if err != nil {
			t.Fatal(err)
		}
		if result.PhysicalID != "stack-bucket-abc" || result.Attributes["Arn"] != "arn:aws:s3:::stack-bucket-abc" || result.Attributes["RegionalDomainName"] != "stack-bucket-abc.s3.us-east-1.amazonaws.com" {
			t.Error(result)
		}
	}
	if a := f.must(200, "GET", "/stack-bucket-abc?versioning", ""); !strings.Contains(a.body, "Enabled") {
		t.Error(a.body)
	}
	if _, err := types[1].Create(f.ctx(), resource.Request{Properties: map[string]any{"Bucket": "stack-bucket-abc", "PolicyDocument": map[string]any{"Version": "2012-10-17"}}}); err != nil {
		t.Fatal(err)
	}
	if a := f.must(200, "GET", "/stack-bucket-abc?policy", ""); a.body != `{"Version":"2012-10-17"}` {
		t.Error(a.body)
	}
	for range 2 {
		if err := types[0].Delete(f.ctx(), resource.Request{PhysicalID: "stack-bucket-abc"}); err != nil {
			t.Fatal(err)
		}
	}
}
