package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// Calls makes calls of S3 inside the process, by the names that SDKs give operations and members. Each is a request that Handler answers:
// who calls and what it may do is asked as ever.
type Calls struct{ Handler http.Handler }

// maxAnswer bounds the body of an answer: it is held in memory.
const maxAnswer = 256 << 20

// queries are the members that stand in the query.
var queries = map[string]string{
	"VersionId": "versionId", "Prefix": "prefix", "Delimiter": "delimiter", "MaxKeys": "max-keys", "ContinuationToken": "continuation-token",
	"StartAfter": "start-after", "EncodingType": "encoding-type", "FetchOwner": "fetch-owner", "Marker": "marker", "KeyMarker": "key-marker",
	"UploadId": "uploadId", "PartNumber": "partNumber", "MaxParts": "max-parts", "PartNumberMarker": "part-number-marker",
	"UploadIdMarker": "upload-id-marker", "VersionIdMarker": "version-id-marker", "MaxUploads": "max-uploads",
	"ResponseCacheControl": "response-cache-control", "ResponseContentDisposition": "response-content-disposition",
	"ResponseContentEncoding": "response-content-encoding", "ResponseContentLanguage": "response-content-language",
	"ResponseContentType": "response-content-type", "ResponseExpires": "response-expires",
}

// plainHeaders are members that stand in headers without x-amz- in front.
var plainHeaders = map[string]string{
	"CacheControl": "Cache-Control", "ContentDisposition": "Content-Disposition", "ContentEncoding": "Content-Encoding", "ContentLanguage": "Content-Language",
	"ContentType": "Content-Type", "ContentMD5": "Content-Md5", "Expires": "Expires", "IfMatch": "If-Match", "IfNoneMatch": "If-None-Match",
	"IfModifiedSince": "If-Modified-Since", "IfUnmodifiedSince": "If-Unmodified-Since", "Range": "Range",
	"WebsiteRedirectLocation": "X-Amz-Website-Redirect-Location", "GrantFullControl": "X-Amz-Grant-Full-Control",
}

// lists are the members whose elements have names of their own in XML, and whether the list stands around them.
var lists = map[string]struct {
	element string
	around  bool
}{
	"Objects": {"Object", false}, "Parts": {"Part", false}, "TagSet": {"Tag", true}, "Rules": {"Rule", false}, "CORSRules": {"CORSRule", false},
	"Contents": {"Contents", false}, "CommonPrefixes": {"CommonPrefixes", false}, "Buckets": {"Bucket", true}, "Versions": {"Version", false},
	"DeleteMarkers": {"DeleteMarker", false}, "Deleted": {"Deleted", false}, "Errors": {"Error", false}, "Uploads": {"Upload", false},
	"Grants": {"Grant", true},
}

// Call runs an operation for the caller of ctx. Input and output are JSON documents; blobs in them are base64. The error is an *awsapi.Error,
// or internal.
func (c Calls) Call(ctx context.Context, name string, in []byte) ([]byte, error) {
	i := slices.IndexFunc(operations, func(op operation) bool { return strings.EqualFold(op.name, name) })
	if i < 0 {
		return nil, awsapi.Errorf("InvalidAction", 400, "s3 has no operation %s.", name)
	}
	op := &operations[i]
	members := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(in))
	d.UseNumber()
	if err := d.Decode(&members); err != nil && !errors.Is(err, io.EOF) {
		return nil, awsapi.Errorf("InvalidRequest", 400, "Could not parse the input: %v", err)
	}
	req, err := op.request(members)
	if err != nil {
		return nil, err
	}
	caller := awsapi.CallerOf(ctx)
	w := &reply{header: http.Header{}}
	if err := c.serve(w, req.WithContext(awsapi.WithVerified(ctx, caller, api.SigningName))); err != nil {
		return nil, err
	}
	if w.status >= 300 {
		return nil, w.error(op)
	}
	out, err := w.members(op)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// serve lets Handler answer. It breaks off, as it does for clients, when an object cannot be read to its end.
func (c Calls) serve(w *reply, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s %s broke off: %v", r.Method, r.URL.Path, p)
		}
	}()
	c.Handler.ServeHTTP(w, r)
	return r.Context().Err()
}

// request makes the request for an operation.
func (op *operation) request(members map[string]any) (*http.Request, error) {
	query, header := url.Values{}, http.Header{}
	if op.query != "" {
		query.Set(op.query, "")
	}
	if op.query == "list-type" {
		query.Set(op.query, "2")
	}
	var body []byte
	path := "/"
	for name, v := range members {
		text := scalar(v)
		switch {
		case v == nil:
		case name == "Bucket":
		case name == "Key":
		case name == "Body":
			raw, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, awsapi.Errorf("InvalidRequest", 400, "Body must be base64")
			}
			body = raw
		case name == "Policy":
			body = []byte(text)
		case name == "Metadata":
			meta, _ := v.(map[string]any)
			for k, value := range meta {
				header.Set("X-Amz-Meta-"+k, scalar(value))
			}
		case queries[name] != "":
			query.Set(queries[name], text)
		case isTree(v):
			if name == "MultipartUpload" {
				name = "CompleteMultipartUpload"
			}
			body = appendXML(nil, name, v)
		case plainHeaders[name] != "":
			header.Set(plainHeaders[name], text)
		default:
			header.Set("X-Amz-"+kebab(name), text)
		}
	}
	if bucket := scalar(members["Bucket"]); bucket != "" {
		path += url.PathEscape(bucket)
		if key := scalar(members["Key"]); key != "" {
			path += "/" + strings.ReplaceAll(url.PathEscape(key), "%2F", "/")
		}
	}
	if on := (&request{bucket: scalar(members["Bucket"]), key: scalar(members["Key"])}).target(); on != op.on {
		return nil, awsapi.Errorf("InvalidRequest", 400, "%s needs %s", op.name, map[target]string{onBucket: "a Bucket", onObject: "a Bucket and a Key"}[op.on])
	}
	u := &url.URL{Scheme: "https", Host: "s3.amazonaws.com", RawPath: path, RawQuery: query.Encode()}
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil {
		return nil, fmt.Errorf("path of %s: %w", op.name, err)
	}
	return &http.Request{
		Method: op.method, URL: u, Host: u.Host, RequestURI: u.RequestURI(), RemoteAddr: "0.0.0.0:0", Header: header, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

func isTree(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// scalar writes a value as it stands in headers and queries.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// kebab writes StorageClass as Storage-Class.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' && (name[i-1] < 'A' || name[i-1] > 'Z') {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// appendXML writes a member as an element.
func appendXML(b []byte, name string, v any) []byte {
	if list, ok := v.([]any); ok {
		l, named := lists[name]
		if !named {
			l.element = name
		}
		if l.around {
			b = append(b, "<"+name+">"...)
		}
		for _, e := range list {
			b = appendXML(b, l.element, e)
		}
		if l.around {
			b = append(b, "</"+name+">"...)
		}
		return b
	}
	b = append(b, "<"+name+">"...)
	if members, ok := v.(map[string]any); ok {
		for _, k := range sortedKeys(members) {
			b = appendXML(b, k, members[k])
		}
	} else {
		var text bytes.Buffer
		_ = xml.EscapeText(&text, []byte(scalar(v))) // a buffer takes all
		b = append(b, text.Bytes()...)
	}
	return append(b, "</"+name+">"...)
}

// A reply takes what Handler writes.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *reply) Header() http.Header { return w.header }

func (w *reply) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *reply) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.body.Len()+len(b) > maxAnswer {
		return 0, awsapi.Errorf("EntityTooLarge", 400, "The object is larger than %d bytes", maxAnswer)
	}
	return w.body.Write(b)
}

// error reads an answer that is one. AWS: that to HEAD has no body; SDKs know from the operation what is not there.
func (w *reply) error(op *operation) error {
	var e struct{ Code, Message string }
	if xml.Unmarshal(w.body.Bytes(), &e) == nil && e.Code != "" {
		return awsapi.Errorf(e.Code, w.status, "%s", e.Message)
	}
	if w.status == http.StatusNotFound {
		if op.on == onObject {
			return awsapi.Errorf("NoSuchKey", w.status, "null")
		}
		return awsapi.Errorf("NoSuchBucket", w.status, "null")
	}
	return awsapi.Errorf(strings.ReplaceAll(http.StatusText(w.status), " ", ""), w.status, "null")
}

// answered are the members that headers tell, by header.
var answered = map[string]string{
	"Accept-Ranges": "AcceptRanges", "Content-Range": "ContentRange", "Etag": "ETag", "Last-Modified": "LastModified", "Cache-Control": "CacheControl",
	"Content-Disposition": "ContentDisposition", "Content-Encoding": "ContentEncoding", "Content-Language": "ContentLanguage", "Expires": "Expires",
	"X-Amz-Version-Id": "VersionId", "X-Amz-Server-Side-Encryption": "ServerSideEncryption", "X-Amz-Delete-Marker": "DeleteMarker",
	"X-Amz-Checksum-Crc32": "ChecksumCRC32", "X-Amz-Checksum-Crc32c": "ChecksumCRC32C", "X-Amz-Checksum-Crc64nvme": "ChecksumCRC64NVME",
	"X-Amz-Checksum-Sha1": "ChecksumSHA1", "X-Amz-Checksum-Sha256": "ChecksumSHA256", "X-Amz-Checksum-Type": "ChecksumType",
	"X-Amz-Website-Redirect-Location": "WebsiteRedirectLocation", "Location": "Location", "X-Amz-Bucket-Region": "BucketRegion",
}

// members reads the output of an operation.
func (w *reply) members(op *operation) (map[string]any, error) {
	out := map[string]any{}
	for header, values := range w.header {
		name, value := answered[http.CanonicalHeaderKey(header)], values[0]
		switch {
		case name == "":
		case name == "DeleteMarker":
			out[name] = value == "true"
		case name == "LastModified":
			if at, err := http.ParseTime(value); err == nil {
				out[name] = at.UTC().Format(time.RFC3339)
			}
		default:
			out[name] = value
		}
	}
	switch op.name {
	case "GetObject", "HeadObject":
		meta := map[string]any{}
		for name, values := range w.header {
			if rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
				meta[rest] = values[0]
			}
		}
		out["Metadata"], out["ContentType"] = meta, w.header.Get("Content-Type")
		if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
			out["ContentLength"] = n
		}
		if op.name == "GetObject" {
			out["Body"] = base64.StdEncoding.EncodeToString(w.body.Bytes())
		}
		return out, nil
	case "GetBucketPolicy":
		out["Policy"] = w.body.String()
		return out, nil
	}
	if w.body.Len() == 0 {
		return out, nil
	}
	v, err := readXML(xml.NewDecoder(&w.body))
	if err != nil {
		return nil, fmt.Errorf("read answer to %s: %w", op.name, err)
	}
	switch v := v.(type) {
	case map[string]any:
		for name, part := range v {
			out[name] = part
		}
	case string: // the one member of GetBucketLocation
		if v == "" {
			return out, nil
		}
		out["LocationConstraint"] = v
	}
	return out, nil
}

// readXML reads the document's element.
func readXML(d *xml.Decoder) (any, error) {
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		if _, ok := t.(xml.StartElement); ok {
			return readElement(d, "")
		}
	}
}

// Elements that are no text.
var (
	numbers  = []string{"Size", "KeyCount", "MaxKeys", "PartNumber", "MaxParts", "MaxUploads", "PartNumberMarker", "NextPartNumberMarker"}
	booleans = []string{"IsTruncated", "IsLatest", "Quiet"}
)

// readElement reads what is in an element up to its end.
func readElement(d *xml.Decoder, name string) (any, error) {
	var text strings.Builder
	var members map[string]any
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			v, err := readElement(d, t.Name.Local)
			if err != nil {
				return nil, err
			}
			if members == nil {
				members = map[string]any{}
			}
			place(members, name, t.Name.Local, v)
		case xml.EndElement:
			if l := lists[name]; l.around { // the list is the element
				list, _ := members[name].([]any)
				return append([]any{}, list...), nil
			}
			if members != nil {
				return members, nil
			}
			return typed(name, text.String()), nil
		}
	}
}

// place puts an element into the members of the one around it: into a list where there may be several.
func place(members map[string]any, parent, element string, v any) {
	if l := lists[parent]; l.around && l.element == element {
		list, _ := members[parent].([]any)
		members[parent] = append(list, v)
		return
	}
	for name, l := range lists {
		if l.around || l.element != element {
			continue
		}
		if _, isText := v.(string); isText && element != "CommonPrefixes" { // <DeleteMarker>true</DeleteMarker> in <Deleted>
			continue
		}
		list, _ := members[name].([]any)
		members[name] = append(list, v)
		return
	}
	members[element] = v
}

func typed(name, text string) any {
	switch {
	case slices.Contains(booleans, name):
		return text == "true"
	case slices.Contains(numbers, name):
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	return text
}
