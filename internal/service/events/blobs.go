package events

import (
	"context"
	"fmt"
	"io"
)

func (s *Service) readBlob(ctx context.Context, key string) ([]byte, error) {
	blobs, err := s.cfg.Stores.Blobs(ctx)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	r, err := blobs.Open(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return data, nil
}

// discard deletes a blob that nobody needs any more; "" is none.
func (s *Service) discard(ctx context.Context, key string) {
	if key == "" {
		return
	}
	blobs, err := s.cfg.Stores.Blobs(ctx)
	if err == nil {
		err = blobs.Delete(ctx, key)
	}
	if err != nil {
		s.cfg.Log.Warn("a blob that nobody needs could not be deleted", "key", key, "err", err)
	}
}
