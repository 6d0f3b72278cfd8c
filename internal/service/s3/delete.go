package s3

import (
	"context"
	"encoding/xml"
	"errors"

	"github.com/sallyport/sallyport/internal/awsapi"
)

const maxDeletes = 1000

func (s *Service) deleteObject(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	id, marker, err := s.removeObject(q.ctx, b, q.key, q.query.Get("versionId"))
	if err != nil {
		return err
	}
	if id != "" {
		q.w.Header().Set("X-Amz-Version-Id", id)
	}
	if marker {
		q.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	return q.done(204)
}

// removeObject removes a version, or without an id the object: where versioning is enabled a mark is all that is new. It
// returns the version that was removed or made, where the bucket has versions, and whether it is such a mark.
func (s *Service) removeObject(ctx context.Context, b *bucket, key, id string) (version string, marker bool, err error) {
	var removed []string
	err = s.editObject(ctx, b, key, func(o *object) error {
		removed = nil
		switch {
		case id != "":
			version = id
			kept := o.Versions[:0:0]
			for _, v := range o.Versions {
				if v.is(id) {
					removed, marker = append(removed, v.Blob), v.Marker
				} else {
					kept = append(kept, v)
				}
			}
			o.Versions = kept
		case b.versioned():
			m := newMarker(s, b)
			version, marker = m.ID, true
			removed = o.add(m)
		default:
			for _, v := range o.Versions {
				removed = append(removed, v.Blob)
			}
			o.Versions = nil
		}
		return nil
	})
	if err != nil {
		return "", false, err
	}
	s.discard(ctx, removed...)
	return version, marker, nil
}

func newMarker(s *Service, b *bucket) version {
	m := version{ID: nullVersion, Marker: true, Modified: s.clock()}
	if b.Versioning == "Enabled" {
		m.ID = newID()
	}
	return m
}

func (s *Service) deleteObjects(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	var in struct {
		Quiet  bool
		Object []struct{ Key, VersionId string }
	}
	if err := q.decode(&in); err != nil {
		return err
	}
	if len(in.Object) == 0 || len(in.Object) > maxDeletes {
		return errMalformedXML()
	}
	type deleted struct {
		Key                   string
		VersionId             string `xml:",omitempty"`
		DeleteMarker          bool   `xml:",omitempty"`
		DeleteMarkerVersionId string `xml:",omitempty"`
	}
	type failed struct{ Key, VersionId, Code, Message string }
	var out struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
		Deleted []deleted
		Error   []failed
	}
	for _, o := range in.Object {
		id, marker, err := s.removeObject(q.ctx, b, o.Key, o.VersionId)
		switch e := (*awsapi.Error)(nil); {
		case errors.As(err, &e):
			out.Error = append(out.Error, failed{o.Key, o.VersionId, e.Code, e.Message})
		case err != nil:
			return err
		case !in.Quiet:
			d := deleted{Key: o.Key, VersionId: o.VersionId, DeleteMarker: marker}
			if marker {
				d.DeleteMarkerVersionId = id
			}
			out.Deleted = append(out.Deleted, d)
		}
	}
	return q.answer(out)
}

// A tag of an object, as XML has it.
type tag struct{ Key, Value string }

type tagging struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
	TagSet  struct{ Tag []tag }
}

func (s *Service) getObjectTagging(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	v, err := s.version(q.ctx, b, q.key, q.query.Get("versionId"))
	if err != nil {
		return err
	}
	var t tagging
	if v.Tagging != "" {
		if err := xml.Unmarshal([]byte(v.Tagging), &t); err != nil {
			return errMalformedXML()
		}
	}
	return q.answer(t)
}

func (s *Service) putObjectTagging(q *request) error {
	data, err := q.document()
	if err != nil {
		return err
	}
	// Clients leave the namespace out.
	var in struct{ TagSet struct{ Tag []tag } }
	if err := xml.Unmarshal(data, &in); err != nil {
		return errMalformedXML()
	}
	t := tagging{TagSet: in.TagSet}
	text, err := xml.Marshal(t)
	if err != nil {
		return errMalformedXML()
	}
	return s.setTagging(q, string(text), 200)
}

func (s *Service) deleteObjectTagging(q *request) error { return s.setTagging(q, "", 204) }

func (s *Service) setTagging(q *request, text string, status int) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	id := q.query.Get("versionId")
	err = s.editObject(q.ctx, b, q.key, func(o *object) error {
		if id == "" && !o.visible() {
			return errNoKey(q.key)
		}
		if id == "" {
			o.current().Tagging = text
			return nil
		}
		v, ok := o.find(id)
		if !ok {
			return errNoVersion(q.key, id)
		}
		v.Tagging = text
		return nil
	})
	if err != nil {
		return err
	}
	return q.done(status)
}
