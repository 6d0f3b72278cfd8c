package s3

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

// storeName is the store of the documents, as JSON:
//
//	bucket/{name}                       bucket
//	object/{bucket id}/{key}            object: all versions of a key
//	upload/{bucket id}/{upload id}      upload: a multipart upload that has not ended
//	part/{upload id}/{number}           part
//
// Bodies are blobs "s3/{random}", which one version or part names and which never change.
const storeName = "s3"

const blobPrefix = "s3/"

// A bucket is what a bucket is called and configured to be. Names are unique over all accounts.
type bucket struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Account    string            `json:"account"`
	Region     string            `json:"region"`
	Created    time.Time         `json:"created"`
	Versioning string            `json:"versioning,omitempty"` // "", Enabled or Suspended
	Config     map[string]string `json:"config,omitempty"`     // bodies by sub-resource: "policy", "lifecycle"
	Token      string            `json:"token,omitempty"`      // of the CloudFormation step that made it
}

// An object is all versions of one key, the newest first.
type object struct {
	Key      string    `json:"key"`
	Versions []version `json:"versions"`
}

// nullVersion is the id of what was written while versioning was not enabled.
const nullVersion = "null"

// A version is a body with its metadata, or the mark of a deletion.
type version struct {
	ID       string            `json:"id"`
	Marker   bool              `json:"deleteMarker,omitempty"`
	Blob     string            `json:"blob,omitempty"`
	Size     int64             `json:"size"`
	ETag     string            `json:"etag"` // without quotes
	Modified time.Time         `json:"modified"`
	Headers  map[string]string `json:"headers,omitempty"` // Content-Type and others that come back as they were given
	Meta     map[string]string `json:"meta,omitempty"`    // x-amz-meta-…
	Checksum map[string]string `json:"checksum,omitempty"`
	Tagging  string            `json:"tagging,omitempty"` // body of PutObjectTagging
}

// An upload is a multipart upload that has not ended.
type upload struct {
	ID        string            `json:"id"`
	Key       string            `json:"key"`
	Initiated time.Time         `json:"initiated"`
	Headers   map[string]string `json:"headers,omitempty"`
	Meta      map[string]string `json:"meta,omitempty"`
	Tagging   string            `json:"tagging,omitempty"`
}

// A part is one part of an upload.
type part struct {
	Number   int               `json:"number"`
	Blob     string            `json:"blob"`
	Size     int64             `json:"size"`
	ETag     string            `json:"etag"`
	Modified time.Time         `json:"modified"`
	Checksum map[string]string `json:"checksum,omitempty"`
}

func bucketKey(name string) string           { return "bucket/" + name }
func objectKey(b *bucket, key string) string { return "object/" + b.ID + "/" + key }
func uploadKey(b *bucket, id string) string  { return "upload/" + b.ID + "/" + id }
func partPrefix(uploadID string) string      { return "part/" + uploadID + "/" }
func partKey(uploadID string, n int) string  { return fmt.Sprintf("%s%05d", partPrefix(uploadID), n) }
func (o *object) current() *version          { return &o.Versions[0] }
func (o *object) visible() bool              { return len(o.Versions) > 0 && !o.Versions[0].Marker }
func (s *Service) clock() time.Time          { return s.now().UTC().Truncate(time.Millisecond) }
func (b *bucket) versioned() bool            { return b.Versioning != "" }
func (v *version) is(id string) bool         { return v.ID == id }
func (o *object) find(id string) (*version, bool) {
	for i := range o.Versions {
		if o.Versions[i].is(id) {
			return &o.Versions[i], true
		}
	}
	return nil, false
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (s *Service) open(ctx context.Context) (store.Store, error) {
	st, err := s.stores.Open(ctx, storeName)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", storeName, err)
	}
	return st, nil
}

// read decodes the document of a key into v and returns its revision; zero means that there is none.
func (s *Service) read(ctx context.Context, key string, v any) (rev uint64, err error) {
	docs, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	doc, err := docs.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	if err := json.Unmarshal(doc.Data, v); err != nil {
		return 0, fmt.Errorf("decode %s: %w", key, err)
	}
	return doc.Rev, nil
}

// write stores v under a key; a conflict is store.ErrConflict.
func (s *Service) write(ctx context.Context, key string, v any, when store.Condition) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	if _, err := store.Put(ctx, docs, key, data, when); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

func (s *Service) remove(ctx context.Context, key string, when store.Condition) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := store.Delete(ctx, docs, key, when); err != nil {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

// list decodes all documents under prefix, in the order of their keys.
func list[T any](ctx context.Context, s *Service, prefix string) ([]*T, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	found, err := docs.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	values := make([]*T, len(found))
	for i, doc := range found {
		values[i] = new(T)
		if err := json.Unmarshal(doc.Data, values[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
	}
	return values, nil
}

// bucket returns a bucket of the caller's account.
func (s *Service) bucket(ctx context.Context, name string) (*bucket, error) {
	b := new(bucket)
	rev, err := s.read(ctx, bucketKey(name), b)
	switch {
	case err != nil:
		return nil, err
	case rev == 0:
		return nil, errNoBucket(name)
	case b.Account != awsapi.CallerOf(ctx).Account:
		return nil, errDenied()
	}
	return b, nil
}

// editBucket lets f change a bucket, again if somebody else was faster.
func (s *Service) editBucket(ctx context.Context, name string, f func(*bucket) error) error {
	for {
		if _, err := s.bucket(ctx, name); err != nil {
			return err
		}
		b := new(bucket)
		rev, err := s.read(ctx, bucketKey(name), b)
		if err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
		err = s.write(ctx, bucketKey(name), b, store.AtRev(rev))
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// discard removes blobs that nothing names any more. One that stays is only lost room.
func (s *Service) discard(ctx context.Context, keys ...string) {
	blobs, err := s.stores.Blobs(ctx)
	for _, key := range keys {
		if err == nil && key != "" {
			err = blobs.Delete(ctx, key)
		}
	}
	if err != nil {
		s.log.Warn("bodies of removed objects are left", "error", err)
	}
}
