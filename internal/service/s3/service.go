package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/internal/store"
)

// Service keeps buckets and objects.
type Service struct {
	stores store.Stores
	log    *slog.Logger
	now    func() time.Time
}

// New returns the service on the store "s3" and the blobs of stores. Handler makes it answer HTTP.
func New(stores store.Stores, log *slog.Logger) *Service {
	return &Service{stores: stores, log: log, now: time.Now}
}

// Open returns the body of an object of the caller's account; an empty version is the newest. The caller closes it.
func (s *Service) Open(ctx context.Context, bucket, key, version string) (io.ReadCloser, error) {
	b, err := s.bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	v, err := s.version(ctx, b, key, version)
	if err != nil {
		return nil, err
	}
	return s.body(ctx, v)
}

// version returns a version of an object that has a body; an empty id is the newest.
func (s *Service) version(ctx context.Context, b *bucket, key, id string) (*version, error) {
	var o object
	if _, err := s.read(ctx, objectKey(b, key), &o); err != nil {
		return nil, err
	}
	if id == "" {
		if !o.visible() {
			return nil, errNoKey(key)
		}
		return o.current(), nil
	}
	v, ok := o.find(id)
	switch {
	case !ok:
		return nil, errNoVersion(key, id)
	case v.Marker:
		return nil, errMarker()
	}
	return v, nil
}

// body opens the blob of a version.
func (s *Service) body(ctx context.Context, v *version) (io.ReadCloser, error) {
	blobs, err := s.stores.Blobs(ctx)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	r, err := blobs.Open(ctx, v.Blob)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoKey("") // it was replaced since
	} else if err != nil {
		return nil, fmt.Errorf("open body %s: %w", v.Blob, err)
	}
	return r, nil
}
