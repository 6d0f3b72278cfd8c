package apigateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
	"github.com/sallyport/sallyport/internal/store"
)

// Service keeps API keys and usage plans.
type Service struct {
	stores store.Stores
	log    *slog.Logger
	now    func() time.Time
	more   []awsapi.Service
}

// New returns the service. more are services of the same API, whose operations it answers too: AWS has them on one endpoint.
func New(stores store.Stores, log *slog.Logger, more ...awsapi.Service) *Service {
	return &Service{stores: stores, log: log, now: time.Now, more: more}
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	all := map[string]awsapi.Operation{
		"CreateApiKey":       awsapi.Op(s.createKey),
		"GetApiKey":          awsapi.Op(s.getKey),
		"GetApiKeys":         awsapi.Op(s.getKeys),
		"UpdateApiKey":       awsapi.Op(s.updateKey),
		"DeleteApiKey":       awsapi.Op(s.deleteKey),
		"CreateUsagePlan":    awsapi.Op(s.createPlan),
		"GetUsagePlan":       awsapi.Op(s.getPlan),
		"GetUsagePlans":      awsapi.Op(s.getPlans),
		"UpdateUsagePlan":    awsapi.Op(s.updatePlan),
		"DeleteUsagePlan":    awsapi.Op(s.deletePlan),
		"CreateUsagePlanKey": awsapi.Op(s.createPlanKey),
		"GetUsagePlanKey":    awsapi.Op(s.getPlanKey),
		"GetUsagePlanKeys":   awsapi.Op(s.getPlanKeys),
		"DeleteUsagePlanKey": awsapi.Op(s.deletePlanKey),
		"GetUsage":           awsapi.Op(s.getUsage),
		"UpdateUsage":        awsapi.Op(s.updateUsage),
		"TagResource":        awsapi.Op(s.tagResource),
		"UntagResource":      awsapi.Op(s.untagResource),
		"GetTags":            awsapi.Op(s.getTags),
	}
	for _, other := range s.more {
		maps.Copy(all, other.Operations())
	}
	return all
}

// clock is the time that things made now get.
func (s *Service) clock() time.Time { return s.now().UTC().Round(0) }

func placeOf(ctx context.Context) apigateway.Place {
	c := awsapi.CallerOf(ctx)
	return apigateway.Place{Account: c.Account, Region: c.Region}
}

func (s *Service) open(ctx context.Context, name string) (store.Store, error) {
	docs, err := s.stores.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", name, err)
	}
	return docs, nil
}

// read returns a document of the caller's account and region; missing is the error if there is none.
func read[T any](ctx context.Context, s *Service, kind, id string, missing error) (*T, uint64, error) {
	docs, err := s.open(ctx, apigateway.Store)
	if err != nil {
		return nil, 0, err
	}
	doc, err := docs.Get(ctx, placeOf(ctx).AdmissionPrefix()+kind+id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, missing
	} else if err != nil {
		return nil, 0, fmt.Errorf("read %s%s: %w", kind, id, err)
	}
	v := new(T)
	if err := json.Unmarshal(doc.Data, v); err != nil {
		return nil, 0, fmt.Errorf("decode %s%s: %w", kind, id, err)
	}
	return v, doc.Rev, nil
}

// readAll returns all documents whose id begins with prefix, in order of creation.
func readAll[T any](ctx context.Context, s *Service, kind, prefix string, created func(*T) time.Time) ([]*T, error) {
	docs, err := s.open(ctx, apigateway.Store)
	if err != nil {
		return nil, err
	}
	found, err := docs.List(ctx, placeOf(ctx).AdmissionPrefix()+kind+prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", kind, err)
	}
	all := make([]*T, len(found))
	for i, doc := range found {
		all[i] = new(T)
		if err := json.Unmarshal(doc.Data, all[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
	}
	slices.SortStableFunc(all, func(a, b *T) int { return created(a).Compare(created(b)) })
	return all, nil
}

// put returns the write of a document.
func put(ctx context.Context, kind, id string, v any, when store.Condition) (store.Write, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return store.Write{}, fmt.Errorf("encode %s%s: %w", kind, id, err)
	}
	return store.Write{Key: placeOf(ctx).AdmissionPrefix() + kind + id, Data: data, When: when}, nil
}

func remove(ctx context.Context, kind, id string) store.Write {
	return store.Write{Key: placeOf(ctx).AdmissionPrefix() + kind + id, Delete: true}
}

// apply makes writes; a conflict is returned as it is.
func (s *Service) apply(ctx context.Context, writes ...store.Write) error {
	docs, err := s.open(ctx, apigateway.Store)
	if err != nil {
		return err
	}
	if _, err := docs.Apply(ctx, writes...); errors.Is(err, store.ErrConflict) {
		return err
	} else if err != nil {
		return fmt.Errorf("write API keys or usage plans: %w", err)
	}
	return nil
}

// change reads a document, lets f change it, and writes it. When somebody else was faster it begins again.
func change[T any](ctx context.Context, s *Service, kind, id string, missing error, f func(*T) error) (*T, error) {
	for {
		v, rev, err := read[T](ctx, s, kind, id, missing)
		if err != nil {
			return nil, err
		}
		if err := f(v); err != nil {
			return nil, err
		}
		w, err := put(ctx, kind, id, v, store.AtRev(rev))
		if err == nil {
			err = s.apply(ctx, w)
		}
		if err == nil {
			return v, nil
		} else if !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
}

// Sizes of pages. AWS: 25, and at most 500.
const (
	defaultPage = 25
	largestPage = 500
)

// page returns the items that a request asks for, and the position of those that follow. A position names the last item that was given.
func page[T any](items []*T, id func(*T) string, limit *int64, position *string) ([]*T, *string, error) {
	size := defaultPage
	if limit != nil {
		if *limit <= 0 {
			return nil, nil, apigateway.BadRequest("Invalid limit specified: %d", *limit)
		}
		size = int(min(*limit, largestPage))
	}
	if position != nil && *position != "" {
		after, err := base64.RawURLEncoding.DecodeString(*position)
		i := slices.IndexFunc(items, func(item *T) bool { return id(item) == string(after) })
		if err != nil || i < 0 {
			return nil, nil, apigateway.BadRequest("Invalid position specified")
		}
		items = items[i+1:]
	}
	if len(items) <= size {
		return items, nil, nil
	}
	items = items[:size]
	return items, new(base64.RawURLEncoding.EncodeToString([]byte(id(items[size-1])))), nil
}

// text is what an answer shows of an optional string: nothing if it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// set gives *to the value, if there is one.
func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// A patch is one operation of an update.
type patch struct{ op, path, value string }

func patches(in []*shapes.PatchOperation) ([]patch, error) {
	out := make([]patch, len(in))
	for i, p := range in {
		if p == nil || p.Op == nil || p.Path == nil {
			return nil, apigateway.BadRequest("Invalid patch operation specified")
		}
		out[i] = patch{op: *p.Op, path: *p.Path}
		set(&out[i].value, p.Value)
		if out[i].op != "add" && out[i].op != "replace" && out[i].op != "remove" {
			return nil, apigateway.BadRequest("Invalid patch operation specified: %s. Must be one of: [add, replace, remove]", out[i].op)
		}
		if out[i].op == "remove" && out[i].path != pathStages {
			out[i].value = ""
		}
	}
	return out, nil
}

func (p patch) invalid(legal ...string) error {
	return apigateway.BadRequest("Invalid patch path  '%s' specified for op '%s'. Must be one of: [%s]", p.path, p.op, strings.Join(legal, ", "))
}
