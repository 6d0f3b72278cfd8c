package apigatewayv2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

// state is an API with its parts as they were read, and what it takes to write back what a change made differ.
type state struct {
	*apigateway.Parts
	now time.Time

	store store.Store
	rev   uint64            // of the API's document
	docs  map[string][]byte // as they were read, by key; deployments only if they were asked for
}

// load reads an API and its parts.
func (s *Service) load(ctx context.Context, apiID string) (*state, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	place := placeOf(ctx)
	// The API first: a change between the two reads makes its revision differ when the state is saved.
	doc, err := docs.Get(ctx, place.APIKey(apiID))
	if errors.Is(err, store.ErrNotFound) {
		return nil, place.ErrNoAPI(apiID)
	} else if err != nil {
		return nil, fmt.Errorf("read API %s: %w", apiID, err)
	}
	var api apigateway.API
	if err := json.Unmarshal(doc.Data, &api); err != nil {
		return nil, fmt.Errorf("decode API %s: %w", apiID, err)
	}
	st := &state{
		Parts: apigateway.NewParts(place, api),
		now:   s.clock(),
		store: docs,
		rev:   doc.Rev,
		docs:  map[string][]byte{doc.Key: doc.Data},
	}
	prefix := place.PartPrefix(apiID)
	list, err := docs.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list parts of API %s: %w", apiID, err)
	}
	for _, doc := range list {
		if err := st.decode(strings.TrimPrefix(doc.Key, prefix), doc.Data); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		st.docs[doc.Key] = doc.Data
	}
	return st, nil
}

// decode adds one part; key is that of its document, after the API's prefix.
func (st *state) decode(key string, data []byte) error {
	kind, id, _ := strings.Cut(key, "/")
	switch kind + "/" {
	case apigateway.KindRoute:
		return decodeInto(st.Routes, id, data)
	case apigateway.KindRouteResponse:
		return decodeUnder(st.RouteResponses, id, data)
	case apigateway.KindIntegration:
		return decodeInto(st.Integrations, id, data)
	case apigateway.KindIntegrationResponse:
		return decodeUnder(st.IntegrationResponses, id, data)
	case apigateway.KindModel:
		return decodeInto(st.Models, id, data)
	case apigateway.KindAuthorizer:
		return decodeInto(st.Authorizers, id, data)
	case apigateway.KindStage:
		return decodeInto(st.Stages, id, data)
	}
	return fmt.Errorf("unknown kind %q", kind)
}

func decodeInto[T any](m map[string]*T, id string, data []byte) error {
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	m[id] = v
	return nil
}

// decodeUnder is decodeInto for things that belong to another part: ids is "{parent}/{id}".
func decodeUnder[T any](m map[string]map[string]*T, ids string, data []byte) error {
	parent, id, _ := strings.Cut(ids, "/")
	if m[parent] == nil {
		m[parent] = map[string]*T{}
	}
	return decodeInto(m[parent], id, data)
}

// encode returns the documents of all parts as they are now, by key.
func (st *state) encode() (map[string][]byte, error) {
	docs := map[string][]byte{}
	prefix := st.PartPrefix(st.API.ID)
	var failed error
	put := func(key string, v any) {
		data, err := json.Marshal(v)
		if err != nil && failed == nil {
			failed = fmt.Errorf("encode %s: %w", key, err)
		}
		docs[key] = data
	}
	put(st.APIKey(st.API.ID), &st.API)
	encodeAll(put, prefix+apigateway.KindRoute, st.Routes)
	for parent, m := range st.RouteResponses {
		encodeAll(put, prefix+apigateway.KindRouteResponse+parent+"/", m)
	}
	encodeAll(put, prefix+apigateway.KindIntegration, st.Integrations)
	for parent, m := range st.IntegrationResponses {
		encodeAll(put, prefix+apigateway.KindIntegrationResponse+parent+"/", m)
	}
	encodeAll(put, prefix+apigateway.KindModel, st.Models)
	encodeAll(put, prefix+apigateway.KindAuthorizer, st.Authorizers)
	encodeAll(put, prefix+apigateway.KindStage, st.Stages)
	encodeAll(put, st.DeploymentPrefix(st.API.ID), st.Deployments)
	return docs, failed
}

func encodeAll[T any](put func(string, any), prefix string, m map[string]*T) {
	for id, v := range m {
		put(prefix+id, v)
	}
}

// needDeployment reads a deployment into st.Deployments, if there is one of this id.
func (st *state) needDeployment(ctx context.Context, id string) error {
	if id == "" || st.Deployments[id] != nil {
		return nil
	}
	doc, err := st.store.Get(ctx, st.DeploymentPrefix(st.API.ID)+id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return fmt.Errorf("read deployment %s: %w", id, err)
	}
	if err := decodeInto(st.Deployments, id, doc.Data); err != nil {
		return fmt.Errorf("decode deployment %s: %w", id, err)
	}
	st.docs[doc.Key] = doc.Data
	return nil
}

// change reads an API, lets f change it, and saves it: all of it or nothing. When somebody else was faster it begins
// again, so f may be called more than once.
func (s *Service) change(ctx context.Context, apiID string, f func(*state) error) error {
	defer s.lock(apiID)()
	const attempts = 100
	for i := 0; ; i++ {
		st, err := s.load(ctx, apiID)
		if err != nil {
			return err
		}
		if err := f(st); err != nil {
			return err
		}
		err = st.save(ctx)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if i == attempts {
			return apigateway.Conflict("Unable to complete operation due to concurrent modification. Please try again later.")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(i+1) * time.Millisecond)):
		}
	}
}

// save writes what differs from what was read, deploys stages that deploy by themselves, and writes the snapshots of
// the stages that differ: one batch, on the condition that nobody else changed the API since.
func (st *state) save(ctx context.Context) error {
	docs, err := st.encode()
	if err != nil {
		return err
	}
	if stages := st.deployingStages(docs); len(stages) > 0 {
		st.AutoDeploy(stages, st.now)
		if docs, err = st.encode(); err != nil {
			return err
		}
	}
	apiKey := st.APIKey(st.API.ID)
	writes := []store.Write{{Key: apiKey, Data: docs[apiKey], When: store.AtRev(st.rev)}}
	for key, data := range docs {
		if key != apiKey && !bytes.Equal(data, st.docs[key]) {
			writes = append(writes, store.Write{Key: key, Data: data})
		}
	}
	for key := range st.docs {
		if docs[key] == nil {
			writes = append(writes, store.Write{Key: key, Delete: true})
		}
	}
	if len(writes) == 1 && bytes.Equal(docs[apiKey], st.docs[apiKey]) {
		return nil
	}
	snapshots, err := st.snapshots(ctx, docs)
	if err != nil {
		return err
	}
	_, err = st.store.Apply(ctx, append(writes, snapshots...)...)
	switch {
	case errors.Is(err, store.ErrTooLarge):
		return awsapi.Errorf("TooManyRequestsException", 429, "API %s is too large to be changed or deployed in one step", st.API.ID).With("limitType", "API size")
	case err != nil && !errors.Is(err, store.ErrConflict):
		return fmt.Errorf("write API %s: %w", st.API.ID, err)
	}
	return err
}

// deployingStages returns the stages that get a deployment by themselves: all with autoDeploy when something changed
// that a deployment holds, else those whose autoDeploy is new.
func (st *state) deployingStages(docs map[string][]byte) []*apigateway.Stage {
	changed := st.deployableChanged(docs)
	var stages []*apigateway.Stage
	for _, s := range st.OrderedStages() {
		if !s.AutoDeploy {
			continue
		}
		var before apigateway.Stage
		if data := st.docs[st.stageKey(s.Name)]; data != nil {
			_ = json.Unmarshal(data, &before) // was decoded by load
		}
		// A stage that is made with a deployment begins with that one.
		fresh := !before.AutoDeploy && (before.Name != "" || s.DeploymentID == "")
		if fresh || changed && before.Name != "" {
			stages = append(stages, s)
		}
	}
	return stages
}

func (st *state) stageKey(name string) string {
	return st.PartPrefix(st.API.ID) + apigateway.KindStage + name
}

// deployableChanged reports whether anything differs that a deployment holds.
func (st *state) deployableChanged(docs map[string][]byte) bool {
	apiKey, stages, deployments := st.APIKey(st.API.ID), st.PartPrefix(st.API.ID)+apigateway.KindStage, st.DeploymentPrefix(st.API.ID)
	deployable := func(key string) bool {
		return key != apiKey && !strings.HasPrefix(key, stages) && !strings.HasPrefix(key, deployments)
	}
	for key, data := range docs {
		if deployable(key) && !bytes.Equal(data, st.docs[key]) {
			return true
		}
	}
	for key := range st.docs {
		if deployable(key) && docs[key] == nil {
			return true
		}
	}
	return !bytes.Equal(withoutTags(docs[apiKey]), withoutTags(st.docs[apiKey]))
}

func withoutTags(api []byte) []byte {
	var a apigateway.API
	_ = json.Unmarshal(api, &a) // our own document
	a.Tags = nil
	data, _ := json.Marshal(a)
	return data
}

// snapshots returns the writes of what the data plane sees of the stages that differ.
func (st *state) snapshots(ctx context.Context, docs map[string][]byte) ([]store.Write, error) {
	var writes []store.Write
	for name, s := range st.Stages {
		key := st.stageKey(name)
		if bytes.Equal(docs[key], st.docs[key]) {
			continue
		}
		if err := st.needDeployment(ctx, s.DeploymentID); err != nil {
			return nil, err
		}
		w := store.Write{Key: apigateway.SnapshotKey(st.API.ID, name)}
		if snapshot, ok := st.Snapshot(s); ok {
			data, err := json.Marshal(snapshot)
			if err != nil {
				return nil, fmt.Errorf("encode snapshot of %s/%s: %w", st.API.ID, name, err)
			}
			w.Data = data
		} else {
			w.Delete = true
		}
		writes = append(writes, w)
	}
	prefix := st.PartPrefix(st.API.ID) + apigateway.KindStage
	for key := range st.docs {
		if name, ok := strings.CutPrefix(key, prefix); ok && docs[key] == nil {
			writes = append(writes, store.Write{Key: apigateway.SnapshotKey(st.API.ID, name), Delete: true})
		}
	}
	return writes, nil
}

// add changes an API by adding the part that make returns, and shows it.
func add[M, Out any](ctx context.Context, s *Service, apiID *string, create func(*state) (*M, error), show func(*M) *Out) (*Out, error) {
	var out *Out
	err := s.change(ctx, *apiID, func(st *state) error {
		m, err := create(st)
		if err != nil {
			return err
		}
		out = show(m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// view shows a part of an API.
func view[M, Out any](ctx context.Context, s *Service, apiID *string, get func(*state) (*M, error), show func(*M) *Out) (*Out, error) {
	st, err := s.load(ctx, *apiID)
	if err != nil {
		return nil, err
	}
	m, err := get(st)
	if err != nil {
		return nil, err
	}
	return show(m), nil
}

// remove changes an API by a deletion.
func remove[Out any](ctx context.Context, s *Service, apiID *string, f func(*state) error) (*Out, error) {
	if err := s.change(ctx, *apiID, f); err != nil {
		return nil, err
	}
	return new(Out), nil
}
