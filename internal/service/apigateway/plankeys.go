package apigateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
	"github.com/sallyport/sallyport/internal/store"
)

const apiKeyType = "API_KEY"

func errNoPlanKey() error { return apigateway.NotFound("Invalid Usage Plan Key identifier specified") }

func planKeyCreated(k *apigateway.PlanKey) time.Time { return k.Created }

func (s *Service) createPlanKey(ctx context.Context, in *shapes.CreateUsagePlanKeyInput) (*shapes.CreateUsagePlanKeyOutput, error) {
	if *in.KeyType != apiKeyType {
		return nil, apigateway.BadRequest("Invalid key type specified. Must be one of: [%s]", apiKeyType)
	}
	plan, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, *in.UsagePlanId, errNoPlan())
	if err != nil {
		return nil, err
	}
	key, _, err := read[apigateway.APIKey](ctx, s, apigateway.KindAPIKey, *in.KeyId, errNoKey())
	if err != nil {
		return nil, err
	}
	if err := s.checkPlansOfKey(ctx, plan, key.ID, ""); err != nil {
		return nil, err
	}
	w, err := put(ctx, apigateway.KindPlanKey, plan.ID+"/"+key.ID, apigateway.PlanKey{PlanID: plan.ID, KeyID: key.ID, Created: s.clock()}, store.Absent)
	if err == nil {
		err = s.apply(ctx, w)
	}
	if errors.Is(err, store.ErrConflict) {
		return nil, apigateway.Conflict("Usage Plan %s already has the API Key %s", plan.ID, key.ID)
	} else if err != nil {
		return nil, err
	}
	return showPlanKey(key), nil
}

// checkPlansOfKey refuses a key in two plans with one stage: nobody could tell which of them counts. stage is one that plan is about to
// get; empty for none.
func (s *Service) checkPlansOfKey(ctx context.Context, plan *apigateway.UsagePlan, keyID, stage string) error {
	attached, err := readAll(ctx, s, apigateway.KindPlanKey, "", planKeyCreated)
	if err != nil {
		return err
	}
	for _, k := range attached {
		if k.KeyID != keyID || k.PlanID == plan.ID {
			continue
		}
		other, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, k.PlanID, errNoPlan())
		if err != nil {
			continue // is being deleted
		}
		for i := range other.Stages {
			name := other.Stages[i].Name()
			if name == stage || slices.ContainsFunc(plan.Stages, func(s apigateway.PlanStage) bool { return s.Name() == name }) {
				return apigateway.Conflict("Usage Plan %s cannot be added because API Key %s cannot reference multiple Usage Plans with the same API stage: %s", plan.ID, keyID, name)
			}
		}
	}
	return nil
}

// checkKeysForStage is checkPlansOfKey for all keys of a plan that is about to get a stage.
func (s *Service) checkKeysForStage(ctx context.Context, plan *apigateway.UsagePlan, stage string) error {
	attached, err := readAll(ctx, s, apigateway.KindPlanKey, plan.ID+"/", planKeyCreated)
	if err != nil {
		return err
	}
	for _, k := range attached {
		if err := s.checkPlansOfKey(ctx, plan, k.KeyID, stage); err != nil {
			return err
		}
	}
	return nil
}

func showPlanKey(k *apigateway.APIKey) *shapes.UsagePlanKey {
	return &shapes.UsagePlanKey{Id: &k.ID, Type: new(apiKeyType), Value: &k.Value, Name: text(k.Name)}
}

// planKey returns the key of a plan.
func (s *Service) planKey(ctx context.Context, planID, keyID string) (*apigateway.PlanKey, *apigateway.APIKey, error) {
	if _, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, planID, errNoPlan()); err != nil {
		return nil, nil, err
	}
	k, _, err := read[apigateway.PlanKey](ctx, s, apigateway.KindPlanKey, planID+"/"+keyID, errNoPlanKey())
	if err != nil {
		return nil, nil, err
	}
	key, _, err := read[apigateway.APIKey](ctx, s, apigateway.KindAPIKey, keyID, errNoPlanKey())
	return k, key, err
}

func (s *Service) getPlanKey(ctx context.Context, in *shapes.GetUsagePlanKeyInput) (*shapes.GetUsagePlanKeyOutput, error) {
	_, key, err := s.planKey(ctx, *in.UsagePlanId, *in.KeyId)
	if err != nil {
		return nil, err
	}
	return showPlanKey(key), nil
}

func (s *Service) getPlanKeys(ctx context.Context, in *shapes.GetUsagePlanKeysInput) (*shapes.GetUsagePlanKeysOutput, error) {
	if _, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, *in.UsagePlanId, errNoPlan()); err != nil {
		return nil, err
	}
	attached, err := readAll(ctx, s, apigateway.KindPlanKey, *in.UsagePlanId+"/", planKeyCreated)
	if err != nil {
		return nil, err
	}
	var keys []*apigateway.APIKey
	for _, k := range attached {
		key, _, err := read[apigateway.APIKey](ctx, s, apigateway.KindAPIKey, k.KeyID, errNoKey())
		if err == nil && (in.NameQuery == nil || strings.HasPrefix(key.Name, *in.NameQuery)) {
			keys = append(keys, key)
		}
	}
	keys, position, err := page(keys, func(k *apigateway.APIKey) string { return k.ID }, in.Limit, in.Position)
	if err != nil {
		return nil, err
	}
	out := &shapes.GetUsagePlanKeysOutput{Items: []*shapes.UsagePlanKey{}, Position: position}
	for _, k := range keys {
		out.Items = append(out.Items, showPlanKey(k))
	}
	return out, nil
}

func (s *Service) deletePlanKey(ctx context.Context, in *shapes.DeleteUsagePlanKeyInput) (*shapes.DeleteUsagePlanKeyOutput, error) {
	k, _, err := s.planKey(ctx, *in.UsagePlanId, *in.KeyId)
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteUsagePlanKeyOutput{}, s.detach(ctx, k)
}

// detach takes a key out of a plan, and forgets what it used.
func (s *Service) detach(ctx context.Context, k *apigateway.PlanKey) error {
	if err := s.apply(ctx, remove(ctx, apigateway.KindPlanKey, k.PlanID+"/"+k.KeyID)); err != nil {
		return err
	}
	counts, err := s.open(ctx, apigateway.UsageStore)
	if err != nil {
		return err
	}
	found, err := counts.List(ctx, placeOf(ctx).UsagePrefix(k.PlanID, k.KeyID))
	if err != nil {
		return fmt.Errorf("list usage: %w", err)
	}
	for _, doc := range found {
		if err := store.Delete(ctx, counts, doc.Key, store.Always); err != nil {
			return fmt.Errorf("remove usage: %w", err)
		}
	}
	return nil
}
