package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

const (
	maxKey    = 1024
	maxObject = 5 << 30
	maxMeta   = 2 << 10
)

// kept are headers of a request that come back with the object.
var kept = []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires", "X-Amz-Website-Redirect-Location"}

// describe takes the headers that describe an object out of a request.
func describe(h http.Header) (headers, meta map[string]string, err error) {
	headers, meta = map[string]string{}, map[string]string{}
	for _, name := range kept {
		if value := h.Get(name); value != "" {
			headers[name] = value
		}
	}
	// AWS's own chunks are taken apart on the way in.
	if encoding := headers["Content-Encoding"]; encoding != "" {
		var others []string
		for e := range strings.SplitSeq(encoding, ",") {
			if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
				others = append(others, e)
			}
		}
		if headers["Content-Encoding"] = strings.Join(others, ","); len(others) == 0 {
			delete(headers, "Content-Encoding")
		}
	}
	size := 0
	for name, values := range h {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			meta[rest] = strings.Join(values, ",")
			size += len(rest) + len(meta[rest])
		}
	}
	if size > maxMeta {
		return nil, nil, awsapi.Errorf("MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size")
	}
	return headers, meta, nil
}

// receiveBlob stores the body of a request.
func (s *Service) receiveBlob(q *request) (blob string, in *received, err error) {
	if n := q.r.ContentLength; n > maxObject {
		return "", nil, awsapi.Errorf("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size.").With("ProposedSize", n)
	}
	// Chunks take more room than what they carry.
	q.r.Body = http.MaxBytesReader(q.w, q.r.Body, maxObject+maxObject/8)
	in = receive(q.r, q.chunks)
	blob, err = s.storeBlob(q.ctx, in)
	if err != nil {
		return "", nil, err
	}
	if want := q.r.Header.Get("X-Amz-Decoded-Content-Length"); want != "" && want != strconv.FormatInt(in.size, 10) {
		s.discard(q.ctx, blob)
		return "", nil, io.ErrUnexpectedEOF
	}
	return blob, in, nil
}

func (s *Service) storeBlob(ctx context.Context, r io.Reader) (string, error) {
	blobs, err := s.stores.Blobs(ctx)
	if err != nil {
		return "", fmt.Errorf("open blobs: %w", err)
	}
	blob := blobPrefix + newID()
	if _, err := blobs.Put(ctx, blob, r); err != nil {
		return "", fmt.Errorf("store body: %w", err)
	}
	return blob, nil
}

func (s *Service) putObject(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	if len(q.key) > maxKey {
		return awsapi.Errorf("KeyTooLongError", 400, "Your key is too long").With("MaxSizeAllowed", maxKey).With("Size", len(q.key))
	}
	headers, meta, err := describe(q.r.Header)
	if err != nil {
		return err
	}
	blob, in, err := s.receiveBlob(q)
	if err != nil {
		return err
	}
	v := version{Blob: blob, Size: in.size, ETag: in.etag(), Headers: headers, Meta: meta, Checksum: in.checksums(), Tagging: taggingOf(q.r.Header)}
	if err := s.addVersion(q.ctx, b, q.key, &v, q.checkWrite); err != nil {
		s.discard(q.ctx, blob)
		return err
	}
	showWritten(q, b, &v)
	return q.done(200)
}

// showWritten sets the headers of the answer to a write.
func showWritten(q *request, b *bucket, v *version) {
	h := q.w.Header()
	h.Set("ETag", `"`+v.ETag+`"`)
	h.Set("X-Amz-Server-Side-Encryption", "AES256")
	if b.versioned() {
		h.Set("X-Amz-Version-Id", v.ID)
	}
	showChecksums(h, v.Checksum)
}

// taggingOf reads the tags of the header x-amz-tagging, which are a query, into the body of PutObjectTagging.
func taggingOf(h http.Header) string {
	values, err := url.ParseQuery(h.Get("X-Amz-Tagging"))
	if err != nil || len(values) == 0 {
		return ""
	}
	var t tagging
	for _, key := range sortedKeys(values) {
		t.TagSet.Tag = append(t.TagSet.Tag, tag{key, values.Get(key)})
	}
	data, err := xml.Marshal(t)
	if err != nil {
		return ""
	}
	return string(data)
}

// checkWrite holds the conditions of a write against what is there; current is nil where nothing is.
func (q *request) checkWrite(current *version) error {
	if match := q.r.Header.Get("If-None-Match"); match != "" && current != nil && sameETag(match, current.ETag) {
		return errPrecondition("If-None-Match")
	}
	if match := q.r.Header.Get("If-Match"); match != "" {
		if current == nil {
			return errNoKey(q.key)
		}
		if !sameETag(match, current.ETag) {
			return errPrecondition("If-Match")
		}
	}
	return nil
}

// addVersion makes v the newest version of a key, giving it id and time, if check allows.
func (s *Service) addVersion(ctx context.Context, b *bucket, key string, v *version, check func(current *version) error) error {
	v.ID, v.Modified = nullVersion, s.clock()
	if b.Versioning == "Enabled" {
		v.ID = newID()
	}
	var replaced []string
	err := s.editObject(ctx, b, key, func(o *object) error {
		var current *version
		if o.visible() {
			current = o.current()
		}
		if check != nil {
			if err := check(current); err != nil {
				return err
			}
		}
		replaced = o.add(*v)
		return nil
	})
	if err != nil {
		return err
	}
	s.discard(ctx, replaced...)
	return nil
}

// add makes v the newest version. One without an id of its own replaces the one before it that had none; its blob
// is returned.
func (o *object) add(v version) (replaced []string) {
	versions := []version{v}
	for _, old := range o.Versions {
		if v.ID == nullVersion && old.ID == nullVersion {
			replaced = append(replaced, old.Blob)
		} else {
			versions = append(versions, old)
		}
	}
	o.Versions = versions
	return replaced
}

// editObject lets f change an object, which has no versions if there is none, again if somebody else was faster. An object
// that has no versions left is removed.
func (s *Service) editObject(ctx context.Context, b *bucket, key string, f func(*object) error) error {
	for {
		o := &object{Key: key}
		rev, err := s.read(ctx, objectKey(b, key), o)
		if err != nil {
			return err
		}
		if err := f(o); err != nil {
			return err
		}
		switch {
		case len(o.Versions) > 0:
			err = s.write(ctx, objectKey(b, key), o, store.AtRev(rev))
		case rev != 0:
			err = s.remove(ctx, objectKey(b, key), store.AtRev(rev))
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// copySource finds what the header x-amz-copy-source names: [/]bucket/key[?versionId=id], escaped.
func (s *Service) copySource(q *request) (*bucket, *version, error) {
	text, query, _ := strings.Cut(q.r.Header.Get("X-Amz-Copy-Source"), "?")
	text, err := url.PathUnescape(text)
	if err != nil {
		return nil, nil, errArgument("Invalid copy source encoding.")
	}
	name, key, ok := strings.Cut(strings.TrimPrefix(text, "/"), "/")
	if !ok || key == "" {
		return nil, nil, errArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	id, _ := strings.CutPrefix(query, "versionId=")
	b, err := s.bucket(q.ctx, name)
	if err != nil {
		return nil, nil, err
	}
	v, err := s.version(q.ctx, b, key, id)
	return b, v, err
}

func (s *Service) copyObject(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	_, source, err := s.copySource(q)
	if err != nil {
		return err
	}
	headers, meta, err := describe(q.r.Header)
	if err != nil {
		return err
	}
	v := version{Size: source.Size, ETag: source.ETag, Checksum: source.Checksum, Headers: source.Headers, Meta: source.Meta, Tagging: source.Tagging}
	if q.r.Header.Get("X-Amz-Metadata-Directive") == "REPLACE" {
		v.Headers, v.Meta = headers, meta
	}
	if q.r.Header.Get("X-Amz-Tagging-Directive") == "REPLACE" {
		v.Tagging = taggingOf(q.r.Header)
	}
	body, err := s.body(q.ctx, source)
	if err != nil {
		return err
	}
	defer body.Close()
	if v.Blob, err = s.storeBlob(q.ctx, body); err != nil {
		return err
	}
	if err := s.addVersion(q.ctx, b, q.key, &v, q.checkWrite); err != nil {
		s.discard(q.ctx, v.Blob)
		return err
	}
	showWritten(q, b, &v)
	return q.answer(struct {
		XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyObjectResult"`
		ETag         string
		LastModified string
	}{ETag: `"` + v.ETag + `"`, LastModified: stamp(v.Modified)})
}
