package apigateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
	"github.com/sallyport/sallyport/internal/store"
)

// used is what a key of a plan has used, on all nodes, as far as they have written it.
type used struct {
	days  map[string]int64
	grant apigateway.Grant
}

func (s *Service) used(ctx context.Context, planID, keyID string) (used, error) {
	u := used{days: map[string]int64{}}
	counts, err := s.open(ctx, apigateway.UsageStore)
	if err != nil {
		return u, err
	}
	prefix := placeOf(ctx).UsagePrefix(planID, keyID)
	found, err := counts.List(ctx, prefix)
	if err != nil {
		return u, fmt.Errorf("list usage: %w", err)
	}
	for _, doc := range found {
		name := strings.TrimPrefix(doc.Key, prefix)
		if name == apigateway.UsageGrant {
			if err := json.Unmarshal(doc.Data, &u.grant); err != nil {
				return u, fmt.Errorf("decode %s: %w", doc.Key, err)
			}
			continue
		}
		var n apigateway.Usage
		if err := json.Unmarshal(doc.Data, &n); err != nil {
			return u, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		for day, count := range n.Days {
			u.days[day] += count
		}
	}
	return u, nil
}

// remaining returns what is left of a plan's quota at the end of a day. AWS shows it so for plans with a quota only; for others it is 0.
func (u *used) remaining(plan *apigateway.UsagePlan, day time.Time) int64 {
	if plan.Quota == nil {
		return 0
	}
	start := plan.Quota.Start(day)
	left := plan.Quota.Limit
	if u.grant.Start == start.Format(apigateway.DayFormat) {
		left += u.grant.Extra
	}
	for d := start; !d.After(day); d = d.AddDate(0, 0, 1) {
		left -= u.days[d.Format(apigateway.DayFormat)]
	}
	return max(left, 0)
}

// days reads the range of days that a request is about.
func days(from, to string) ([]time.Time, error) {
	start, err := time.Parse(apigateway.DayFormat, from)
	if err != nil {
		return nil, apigateway.BadRequest("Invalid start date specified: %s. Must be of the form yyyy-mm-dd", from)
	}
	end, err := time.Parse(apigateway.DayFormat, to)
	if err != nil {
		return nil, apigateway.BadRequest("Invalid end date specified: %s. Must be of the form yyyy-mm-dd", to)
	}
	if end.Before(start) {
		return nil, apigateway.BadRequest("End date must not be before start date")
	}
	if end.Sub(start) > apigateway.UsageDays*24*time.Hour {
		return nil, apigateway.BadRequest("Usage can be shown for at most %d days", apigateway.UsageDays)
	}
	var all []time.Time
	for d := start; !d.After(end); d = d.AddDate(0, 0, 1) {
		all = append(all, d)
	}
	return all, nil
}

func (s *Service) getUsage(ctx context.Context, in *shapes.GetUsageInput) (*shapes.GetUsageOutput, error) {
	plan, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, *in.UsagePlanId, errNoPlan())
	if err != nil {
		return nil, err
	}
	span, err := days(*in.StartDate, *in.EndDate)
	if err != nil {
		return nil, err
	}
	attached, err := readAll(ctx, s, apigateway.KindPlanKey, plan.ID+"/", planKeyCreated)
	if err != nil {
		return nil, err
	}
	attached = slices.DeleteFunc(attached, func(k *apigateway.PlanKey) bool { return in.KeyId != nil && k.KeyID != *in.KeyId })
	attached, position, err := page(attached, func(k *apigateway.PlanKey) string { return k.KeyID }, in.Limit, in.Position)
	if err != nil {
		return nil, err
	}
	out := &shapes.Usage{UsagePlanId: &plan.ID, StartDate: in.StartDate, EndDate: in.EndDate, Position: position, Items: map[string][][]int64{}}
	for _, k := range attached {
		u, err := s.used(ctx, plan.ID, k.KeyID)
		if err != nil {
			return nil, err
		}
		for _, day := range span {
			out.Items[k.KeyID] = append(out.Items[k.KeyID], []int64{u.days[day.Format(apigateway.DayFormat)], u.remaining(plan, day)})
		}
	}
	return out, nil
}

// updateUsage gives a key more, or less, for the period that is now: AWS lets only what remains be replaced.
func (s *Service) updateUsage(ctx context.Context, in *shapes.UpdateUsageInput) (*shapes.UpdateUsageOutput, error) {
	if _, _, err := s.planKey(ctx, *in.UsagePlanId, *in.KeyId); err != nil {
		return nil, err
	}
	plan, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, *in.UsagePlanId, errNoPlan())
	if err != nil {
		return nil, err
	}
	operations, err := patches(in.PatchOperations)
	if err != nil {
		return nil, err
	}
	if plan.Quota == nil {
		return nil, apigateway.BadRequest("Usage Plan %s has no quota", plan.ID)
	}
	now := s.now().UTC()
	today, start := now.Truncate(24*time.Hour), plan.Quota.Start(now)
	u, err := s.used(ctx, plan.ID, *in.KeyId)
	if err != nil {
		return nil, err
	}
	for _, o := range operations {
		want, err := strconv.ParseInt(o.value, 10, 64)
		if o.path != "/remaining" || o.op != "replace" {
			return nil, o.invalid("/remaining")
		}
		if err != nil || want < 0 {
			return nil, apigateway.BadRequest("Invalid value specified for /remaining: %s", o.value)
		}
		sum := apigateway.Usage{Days: u.days}
		u.grant = apigateway.Grant{Start: start.Format(apigateway.DayFormat), Extra: want + sum.Since(start) - plan.Quota.Limit}
	}
	if err := s.writeGrant(ctx, plan.ID, *in.KeyId, u.grant); err != nil {
		return nil, err
	}
	day := today.Format(apigateway.DayFormat)
	return &shapes.Usage{UsagePlanId: &plan.ID, StartDate: &day, EndDate: &day, Items: map[string][][]int64{*in.KeyId: {{u.days[day], u.remaining(plan, today)}}}}, nil
}

func (s *Service) writeGrant(ctx context.Context, planID, keyID string, g apigateway.Grant) error {
	counts, err := s.open(ctx, apigateway.UsageStore)
	if err != nil {
		return err
	}
	data, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode grant: %w", err)
	}
	if _, err := store.Put(ctx, counts, placeOf(ctx).UsagePrefix(planID, keyID)+apigateway.UsageGrant, data, store.Always); err != nil {
		return fmt.Errorf("write grant: %w", err)
	}
	return nil
}
