package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/store"
)

// deleteAPI removes an API in two steps. The first batch takes the API itself, so that nobody sees it any more, and the
// snapshots of its stages, so that the data plane closes its connections; and it leaves a note. What may be more
// than a batch takes is removed after that, and by Run if this process does not live to do it.
func (s *Service) deleteAPI(ctx context.Context, in *shapes.DeleteApiInput) (*shapes.DeleteApiOutput, error) {
	if err := s.hideAPI(ctx, *in.ApiId); err != nil {
		return nil, err
	}
	if err := s.removeParts(ctx, placeOf(ctx), *in.ApiId); err != nil {
		s.log.Warn("parts of a deleted API are left for later", "api", *in.ApiId, "error", err)
	}
	return &shapes.DeleteApiOutput{}, nil
}

func (s *Service) hideAPI(ctx context.Context, apiID string) error {
	defer s.lock(apiID)()
	for {
		st, err := s.load(ctx, apiID)
		if err != nil {
			return err
		}
		if err := checkUnmapped(ctx, st.store, apiID, ""); err != nil {
			return err
		}
		note, err := json.Marshal(st.Place)
		if err != nil {
			return fmt.Errorf("encode note on API %s: %w", apiID, err)
		}
		writes := []store.Write{
			{Key: st.APIKey(apiID), Delete: true, When: store.AtRev(st.rev)},
			{Key: apigateway.DeletingPrefix + apiID, Data: note},
		}
		for _, stage := range st.OrderedStages() {
			if len(writes) < store.MaxBatch {
				writes = append(writes, store.Write{Key: apigateway.SnapshotKey(apiID, stage.Name), Delete: true})
			}
		}
		_, err = st.store.Apply(ctx, writes...)
		if err == nil {
			return nil
		} else if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("delete API %s: %w", apiID, err)
		}
	}
}

// removeParts removes all that a deleted API left, its snapshots first and the note about it last.
func (s *Service) removeParts(ctx context.Context, place apigateway.Place, apiID string) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	for _, prefix := range []string{apigateway.SnapshotPrefix + apiID + "/", place.PartPrefix(apiID), place.DeploymentPrefix(apiID)} {
		found, err := docs.List(ctx, prefix)
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		for chunk := range slices.Chunk(found, store.MaxBatch) {
			writes := make([]store.Write, len(chunk))
			for i, doc := range chunk {
				writes[i] = store.Write{Key: doc.Key, Delete: true}
			}
			if _, err := docs.Apply(ctx, writes...); err != nil {
				return fmt.Errorf("remove parts of API %s: %w", apiID, err)
			}
		}
	}
	if err := store.Delete(ctx, docs, apigateway.DeletingPrefix+apiID, store.Always); err != nil {
		return fmt.Errorf("remove note on API %s: %w", apiID, err)
	}
	return nil
}

// sweep finishes removals.
func (s *Service) sweep(ctx context.Context) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	notes, err := docs.List(ctx, apigateway.DeletingPrefix)
	if err != nil {
		return fmt.Errorf("list deleted APIs: %w", err)
	}
	for _, note := range notes {
		var place apigateway.Place
		if err := json.Unmarshal(note.Data, &place); err != nil {
			return fmt.Errorf("decode %s: %w", note.Key, err)
		}
		if err := s.removeParts(ctx, place, strings.TrimPrefix(note.Key, apigateway.DeletingPrefix)); err != nil {
			return err
		}
	}
	return nil
}
