package s3

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// overrides are headers of an answer that the query may set.
var overrides = map[string]string{
	"response-cache-control":       "Cache-Control",
	"response-content-disposition": "Content-Disposition",
	"response-content-encoding":    "Content-Encoding",
	"response-content-language":    "Content-Language",
	"response-content-type":        "Content-Type",
	"response-expires":             "Expires",
}

// getObject answers GET and HEAD.
func (s *Service) getObject(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	v, err := s.version(q.ctx, b, q.key, q.query.Get("versionId"))
	if err != nil {
		if awsapi.Code(err) == "MethodNotAllowed" {
			q.w.Header().Set("X-Amz-Delete-Marker", "true")
		}
		return err
	}
	showVersion(q, b, v)
	if modified, err := q.checkRead(v); err != nil {
		return err
	} else if !modified {
		return q.done(http.StatusNotModified)
	}
	from, length, partial, err := byteRange(q.r.Header.Get("Range"), v.Size)
	if err != nil {
		return err
	}
	for name, header := range overrides {
		if value := q.query.Get(name); value != "" {
			q.w.Header().Set(header, value)
		}
	}
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		q.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+length-1, v.Size))
	}
	q.w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	if q.r.Method == http.MethodHead {
		return q.done(status)
	}
	body, err := s.body(q.ctx, v)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.CopyN(io.Discard, body, from); err != nil {
		return fmt.Errorf("skip to %d of %s: %w", from, v.Blob, err)
	}
	q.w.WriteHeader(status)
	if _, err := io.CopyN(q.w, body, length); err != nil {
		// The status is sent: all that is left is to break the connection, so that the client does not take a part for the whole.
		panic(http.ErrAbortHandler)
	}
	return nil
}

// showVersion sets the headers that tell of a version.
func showVersion(q *request, b *bucket, v *version) {
	h := q.w.Header()
	h.Set("ETag", `"`+v.ETag+`"`)
	h.Set("Last-Modified", v.Modified.UTC().Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Amz-Server-Side-Encryption", "AES256")
	if b.versioned() {
		h.Set("X-Amz-Version-Id", v.ID)
	}
	h.Set("Content-Type", "binary/octet-stream")
	for name, value := range v.Headers {
		h.Set(name, value)
	}
	for name, value := range v.Meta {
		h["x-amz-meta-"+name] = []string{value} // clients take the name as it is written
	}
	if strings.EqualFold(q.r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") && q.r.Header.Get("Range") == "" {
		showChecksums(h, v.Checksum)
	}
}

func showChecksums(h http.Header, sums map[string]string) {
	for name, sum := range sums {
		h.Set(checksumPrefix+name, sum)
		h.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
}

// checkRead holds the conditions of a request against a version; modified is false where the client has it already.
func (q *request) checkRead(v *version) (modified bool, err error) {
	h := q.r.Header
	at := v.Modified.Truncate(time.Second)
	if match := h.Get("If-Match"); match != "" {
		if !sameETag(match, v.ETag) {
			return false, errPrecondition("If-Match")
		}
	} else if since, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && at.After(since) {
		return false, errPrecondition("If-Unmodified-Since")
	}
	if match := h.Get("If-None-Match"); match != "" {
		return !sameETag(match, v.ETag), nil
	}
	if since, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && !at.After(since) {
		return false, nil
	}
	return true, nil
}

func sameETag(list, etag string) bool {
	for e := range strings.SplitSeq(list, ",") {
		e = strings.TrimPrefix(strings.TrimSpace(e), "W/")
		if e == "*" || strings.Trim(e, `"`) == etag {
			return true
		}
	}
	return false
}

// byteRange reads a Range header of one range; what it does not understand asks for everything.
func byteRange(header string, size int64) (from, length int64, partial bool, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	switch {
	case first == "" && err2 == nil && to >= 0: // the last bytes
		from, to = max(0, size-to), size-1
	case err1 == nil && last == "":
		to = size - 1
	case err1 != nil || err2 != nil || from < 0 || to < from:
		return 0, size, false, nil
	}
	if from >= size || to < from {
		return 0, 0, false, awsapi.Errorf("InvalidRange", 416, "The requested range is not satisfiable").
			With("RangeRequested", header).With("ActualObjectSize", size)
	}
	to = min(to, size-1)
	return from, to - from + 1, true, nil
}
