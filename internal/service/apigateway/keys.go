package apigateway

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
	"github.com/sallyport/sallyport/internal/store"
)

// Lengths of the values of keys.
const (
	leastValue = 20
	mostValue  = 128
)

func errNoKey() error { return apigateway.NotFound("Invalid API Key identifier specified") }

func (s *Service) createKey(ctx context.Context, in *shapes.CreateApiKeyInput) (*shapes.CreateApiKeyOutput, error) {
	k, err := s.makeKey(ctx, apigateway.NewAPIID(), in, in.Tags)
	if err != nil {
		return nil, err
	}
	return showKey(k, true), nil
}

// makeKey makes a key. One that is there under this id is taken for made by the same step.
func (s *Service) makeKey(ctx context.Context, id string, in *shapes.CreateApiKeyInput, tags map[string]string) (*apigateway.APIKey, error) {
	if len(in.StageKeys) > 0 {
		return nil, apigateway.BadRequest("Stage keys are no longer supported: attach the API key to a usage plan")
	}
	now := s.clock()
	k := &apigateway.APIKey{ID: id, Tags: tags, Created: now, Updated: now}
	set(&k.Value, in.Value)
	if k.Value == "" { // Terraform gives an empty one to ask for a new one
		k.Value = newValue()
	}
	set(&k.Name, in.Name)
	set(&k.Description, in.Description)
	set(&k.CustomerID, in.CustomerId)
	set(&k.Enabled, in.Enabled) // AWS: a key is disabled unless it is said to be enabled
	if n := len(k.Value); n < leastValue || n > mostValue {
		return nil, apigateway.BadRequest("API Key value should be at least %d and at most %d characters", leastValue, mostValue)
	}
	w, err := put(ctx, apigateway.KindAPIKey, k.ID, k, store.Absent)
	if err != nil {
		return nil, err
	}
	// The value has a document, too, so that no two keys ever have one.
	err = s.apply(ctx, w, store.Write{Key: placeOf(ctx).KeyValueKey(k.Value), Data: []byte(`"` + k.ID + `"`), When: store.Absent})
	if errors.Is(err, store.ErrConflict) {
		if before, _, err := read[apigateway.APIKey](ctx, s, apigateway.KindAPIKey, id, errNoKey()); err == nil {
			return before, nil
		}
		return nil, apigateway.Conflict("API Key already exists")
	}
	return k, err
}

// newValue draws the value of a key: forty letters and digits.
func newValue() string {
	value := ""
	for len(value) < 40 {
		value += rand.Text()
	}
	return value[:40]
}

func showKey(k *apigateway.APIKey, withValue bool) *shapes.ApiKey {
	out := &shapes.ApiKey{
		Id: &k.ID, Name: text(k.Name), Description: text(k.Description), CustomerId: text(k.CustomerID), Enabled: &k.Enabled,
		CreatedDate: new(k.Created.Truncate(time.Second)), LastUpdatedDate: new(k.Updated.Truncate(time.Second)), StageKeys: []string{},
	}
	if len(k.Tags) > 0 {
		out.Tags = k.Tags
	}
	if withValue {
		out.Value = &k.Value
	}
	return out
}

func (s *Service) getKey(ctx context.Context, in *shapes.GetApiKeyInput) (*shapes.GetApiKeyOutput, error) {
	k, _, err := read[apigateway.APIKey](ctx, s, apigateway.KindAPIKey, *in.ApiKey, errNoKey())
	if err != nil {
		return nil, err
	}
	return showKey(k, in.IncludeValue != nil && *in.IncludeValue), nil
}

func keyCreated(k *apigateway.APIKey) time.Time { return k.Created }

func (s *Service) getKeys(ctx context.Context, in *shapes.GetApiKeysInput) (*shapes.GetApiKeysOutput, error) {
	all, err := readAll(ctx, s, apigateway.KindAPIKey, "", keyCreated)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(k *apigateway.APIKey) bool {
		return in.NameQuery != nil && !strings.HasPrefix(k.Name, *in.NameQuery) || in.CustomerId != nil && k.CustomerID != *in.CustomerId
	})
	all, position, err := page(all, func(k *apigateway.APIKey) string { return k.ID }, in.Limit, in.Position)
	if err != nil {
		return nil, err
	}
	out := &shapes.GetApiKeysOutput{Items: []*shapes.ApiKey{}, Position: position}
	for _, k := range all {
		out.Items = append(out.Items, showKey(k, in.IncludeValues != nil && *in.IncludeValues))
	}
	return out, nil
}

func (s *Service) updateKey(ctx context.Context, in *shapes.UpdateApiKeyInput) (*shapes.UpdateApiKeyOutput, error) {
	operations, err := patches(in.PatchOperations)
	if err != nil {
		return nil, err
	}
	k, err := change(ctx, s, apigateway.KindAPIKey, *in.ApiKey, errNoKey(), func(k *apigateway.APIKey) error {
		for _, p := range operations {
			switch p.path {
			case "/name":
				k.Name = p.value
			case "/description":
				k.Description = p.value
			case "/customerId":
				k.CustomerID = p.value
			case "/enabled":
				if p.value != "true" && p.value != "false" {
					return apigateway.BadRequest("Invalid boolean value specified: %s", p.value)
				}
				k.Enabled = p.value == "true"
			default:
				return p.invalid("/customerId", "/description", "/enabled", "/name")
			}
		}
		k.Updated = s.clock()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return showKey(k, false), nil
}

// deleteKey removes a key, from its plans too.
func (s *Service) deleteKey(ctx context.Context, in *shapes.DeleteApiKeyInput) (*shapes.DeleteApiKeyOutput, error) {
	k, _, err := read[apigateway.APIKey](ctx, s, apigateway.KindAPIKey, *in.ApiKey, errNoKey())
	if err != nil {
		return nil, err
	}
	writes := []store.Write{remove(ctx, apigateway.KindAPIKey, k.ID), {Key: placeOf(ctx).KeyValueKey(k.Value), Delete: true}}
	if err := s.apply(ctx, writes...); err != nil {
		return nil, err
	}
	attached, err := readAll(ctx, s, apigateway.KindPlanKey, "", planKeyCreated)
	if err != nil {
		return nil, err
	}
	for _, p := range attached {
		if p.KeyID == k.ID {
			if err := s.detach(ctx, p); err != nil {
				return nil, err
			}
		}
	}
	return &shapes.DeleteApiKeyOutput{}, nil
}
