package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // ETags are MD5
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

const (
	maxParts = 10000
	minPart  = 5 << 20 // bytes of every part but the last
)

func (s *Service) createUpload(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	headers, meta, err := describe(q.r.Header)
	if err != nil {
		return err
	}
	u := upload{ID: newID(), Key: q.key, Initiated: s.clock(), Headers: headers, Meta: meta, Tagging: taggingOf(q.r.Header)}
	if err := s.write(q.ctx, uploadKey(b, u.ID), u, store.Absent); err != nil {
		return err
	}
	return q.answer(struct {
		XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
		Bucket   string
		Key      string
		UploadId string
	}{Bucket: b.Name, Key: q.key, UploadId: u.ID})
}

// upload returns the upload that a request names.
func (s *Service) upload(q *request) (*bucket, *upload, error) {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return nil, nil, err
	}
	id := q.query.Get("uploadId")
	u := new(upload)
	rev, err := s.read(q.ctx, uploadKey(b, id), u)
	if err == nil && (rev == 0 || u.Key != q.key) {
		err = errNoUpload(id)
	}
	return b, u, err
}

func (s *Service) uploadPart(q *request) error {
	_, u, err := s.upload(q)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(q.query.Get("partNumber"))
	if err != nil || number < 1 || number > maxParts {
		return errArgument("Part number must be an integer between 1 and 10000, inclusive")
	}
	p := part{Number: number, Modified: s.clock()}
	copied := q.r.Header.Get("X-Amz-Copy-Source") != ""
	if copied {
		err = s.copyPart(q, &p)
	} else {
		var in *received
		if p.Blob, in, err = s.receiveBlob(q); err == nil {
			p.Size, p.ETag, p.Checksum = in.size, in.etag(), in.checksums()
		}
	}
	if err != nil {
		return err
	}
	var before part
	if _, err := s.read(q.ctx, partKey(u.ID, number), &before); err != nil {
		return err
	}
	if err := s.write(q.ctx, partKey(u.ID, number), p, store.Always); err != nil {
		s.discard(q.ctx, p.Blob)
		return err
	}
	s.discard(q.ctx, before.Blob)
	if copied {
		return q.answer(struct {
			XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyPartResult"`
			ETag         string
			LastModified string
		}{ETag: `"` + p.ETag + `"`, LastModified: stamp(p.Modified)})
	}
	q.w.Header().Set("ETag", `"`+p.ETag+`"`)
	showChecksums(q.w.Header(), p.Checksum)
	q.w.Header().Del("X-Amz-Checksum-Type")
	return q.done(200)
}

// copyPart fills a part with bytes of another object.
func (s *Service) copyPart(q *request, p *part) error {
	_, source, err := s.copySource(q)
	if err != nil {
		return err
	}
	from, length, _, err := byteRange(q.r.Header.Get("X-Amz-Copy-Source-Range"), source.Size)
	if err != nil {
		return err
	}
	body, err := s.body(q.ctx, source)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.CopyN(io.Discard, body, from); err != nil {
		return fmt.Errorf("skip to %d of %s: %w", from, source.Blob, err)
	}
	sum := md5.New() //nolint:gosec // see above
	if p.Blob, err = s.storeBlob(q.ctx, io.TeeReader(io.LimitReader(body, length), sum)); err != nil {
		return err
	}
	p.Size, p.ETag = length, hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (s *Service) completeUpload(q *request) error {
	b, u, err := s.upload(q)
	if err != nil {
		return err
	}
	var in struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := q.decode(&in); err != nil {
		return err
	}
	stored, err := list[part](q.ctx, s, partPrefix(u.ID))
	if err != nil {
		return err
	}
	byNumber := map[int]*part{}
	for _, p := range stored {
		byNumber[p.Number] = p
	}
	if len(in.Part) == 0 {
		return errMalformedXML()
	}
	for i := range in.Part[1:] {
		if in.Part[i+1].PartNumber <= in.Part[i].PartNumber {
			return awsapi.Errorf("InvalidPartOrder", 400, "The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
	}
	var parts []*part
	for i, given := range in.Part {
		p := byNumber[given.PartNumber]
		switch {
		case p == nil || given.ETag != "" && strings.Trim(given.ETag, `"`) != p.ETag:
			return awsapi.Errorf("InvalidPart", 400, "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.").With("PartNumber", given.PartNumber)
		case i < len(in.Part)-1 && p.Size < minPart:
			return awsapi.Errorf("EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size").With("PartNumber", p.Number)
		}
		parts = append(parts, p)
	}
	v, err := s.join(q.ctx, parts)
	if err != nil {
		return err
	}
	v.Headers, v.Meta, v.Tagging = u.Headers, u.Meta, u.Tagging
	if err := s.addVersion(q.ctx, b, q.key, v, q.checkWrite); err != nil {
		s.discard(q.ctx, v.Blob)
		return err
	}
	if err := s.removeUpload(q.ctx, b, u); err != nil {
		s.log.Warn("parts of a complete upload are left", "bucket", b.Name, "error", err)
	}
	if b.versioned() {
		q.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	return q.answer(struct {
		XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
		Location string
		Bucket   string
		Key      string
		ETag     string
	}{Location: "http://" + q.r.Host + "/" + b.Name + "/" + encodeKey(q.key), Bucket: b.Name, Key: q.key, ETag: `"` + v.ETag + `"`})
}

// join makes one body of parts. AWS: its ETag is the MD5 of those of the parts, and their number.
func (s *Service) join(ctx context.Context, parts []*part) (*version, error) {
	blobs, err := s.stores.Blobs(ctx)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	v := &version{}
	sum := md5.New() //nolint:gosec // see above
	readers := make([]io.Reader, len(parts))
	for i, p := range parts {
		v.Size += p.Size
		digest, err := hex.DecodeString(p.ETag)
		if err != nil {
			return nil, fmt.Errorf("decode ETag of part %d: %w", p.Number, err)
		}
		sum.Write(digest)
		blob := &lazyBlob{ctx: ctx, blobs: blobs, key: p.Blob}
		defer blob.close()
		readers[i] = blob
	}
	v.ETag = fmt.Sprintf("%s-%d", hex.EncodeToString(sum.Sum(nil)), len(parts))
	v.Blob, err = s.storeBlob(ctx, io.MultiReader(readers...))
	return v, err
}

// A lazyBlob opens its blob when it is first read, and closes it at the end.
type lazyBlob struct {
	ctx   context.Context //nolint:containedctx // of one request
	blobs store.Blobs
	key   string
	r     io.ReadCloser

	closed bool
}

func (l *lazyBlob) Read(p []byte) (int, error) {
	if l.r == nil {
		r, err := l.blobs.Open(l.ctx, l.key)
		if err != nil {
			return 0, fmt.Errorf("open part %s: %w", l.key, err)
		}
		l.r = r
	}
	n, err := l.r.Read(p)
	if err != nil {
		l.close()
	}
	return n, err //nolint:wrapcheck // io.EOF has to stay what it is
}

func (l *lazyBlob) close() {
	if l.r != nil && !l.closed {
		l.closed = true
		_ = l.r.Close() // it was read
	}
}

func (s *Service) abortUpload(q *request) error {
	b, u, err := s.upload(q)
	if err != nil {
		return err
	}
	if err := s.removeUpload(q.ctx, b, u); err != nil {
		return err
	}
	return q.done(204)
}

// removeUpload removes an upload and its parts.
func (s *Service) removeUpload(ctx context.Context, b *bucket, u *upload) error {
	parts, err := list[part](ctx, s, partPrefix(u.ID))
	if err != nil {
		return err
	}
	if err := s.remove(ctx, uploadKey(b, u.ID), store.Always); err != nil {
		return err
	}
	for _, p := range parts {
		if err := s.remove(ctx, partKey(u.ID, p.Number), store.Always); err != nil {
			return err
		}
		s.discard(ctx, p.Blob)
	}
	return nil
}

func (s *Service) listParts(q *request) error {
	b, u, err := s.upload(q)
	if err != nil {
		return err
	}
	parts, err := list[part](q.ctx, s, partPrefix(u.ID))
	if err != nil {
		return err
	}
	type item struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
	}
	out := struct {
		XMLName              xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
		Bucket               string
		Key                  string
		UploadId             string
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		Part                 []item
	}{Bucket: b.Name, Key: u.Key, UploadId: u.ID, MaxParts: maxKeys}
	out.PartNumberMarker, _ = strconv.Atoi(q.query.Get("part-number-marker"))
	if n, err := strconv.Atoi(q.query.Get("max-parts")); err == nil && n > 0 {
		out.MaxParts = min(n, maxKeys)
	}
	for _, p := range parts {
		if p.Number <= out.PartNumberMarker {
			continue
		}
		if out.IsTruncated = len(out.Part) == out.MaxParts; out.IsTruncated {
			break
		}
		out.Part = append(out.Part, item{p.Number, stamp(p.Modified), `"` + p.ETag + `"`, p.Size})
		out.NextPartNumberMarker = p.Number
	}
	return q.answer(out)
}

func (s *Service) listUploads(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	uploads, err := list[upload](q.ctx, s, uploadKey(b, ""))
	if err != nil {
		return err
	}
	type item struct {
		Key       string
		UploadId  string
		Initiated string
	}
	out := struct {
		XMLName     xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
		Bucket      string
		Prefix      string
		MaxUploads  int
		IsTruncated bool
		Upload      []item
	}{Bucket: b.Name, Prefix: q.query.Get("prefix"), MaxUploads: len(uploads)}
	for _, u := range uploads {
		if strings.HasPrefix(u.Key, out.Prefix) {
			out.Upload = append(out.Upload, item{u.Key, u.ID, stamp(u.Initiated)})
		}
	}
	return q.answer(out)
}
