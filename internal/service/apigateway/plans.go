package apigateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
	"github.com/sallyport/sallyport/internal/store"
)

func errNoPlan() error { return apigateway.NotFound("Invalid Usage Plan identifier specified") }

func (s *Service) createPlan(ctx context.Context, in *shapes.CreateUsagePlanInput) (*shapes.CreateUsagePlanOutput, error) {
	p, err := s.makePlan(ctx, apigateway.NewID(), in, in.Tags)
	if err != nil {
		return nil, err
	}
	return showPlan(p), nil
}

// makePlan makes a plan. One that is there under this id is taken for made by the same step.
func (s *Service) makePlan(ctx context.Context, id string, in *shapes.CreateUsagePlanInput, tags map[string]string) (*apigateway.UsagePlan, error) {
	p := &apigateway.UsagePlan{ID: id, Tags: tags, Created: s.clock()}
	if err := fill(p, in); err != nil {
		return nil, err
	}
	if err := s.checkPlan(ctx, p); err != nil {
		return nil, err
	}
	w, err := put(ctx, apigateway.KindPlan, p.ID, p, store.Absent)
	if err == nil {
		err = s.apply(ctx, w)
	}
	if errors.Is(err, store.ErrConflict) {
		before, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, id, errNoPlan())
		return before, err
	}
	return p, err
}

// fill gives a plan all that it is made with.
func fill(p *apigateway.UsagePlan, in *shapes.CreateUsagePlanInput) error {
	p.Name, p.Description, p.Stages, p.Throttle, p.Quota = "", "", nil, nil, nil
	set(&p.Name, in.Name)
	set(&p.Description, in.Description)
	if in.Throttle != nil {
		p.Throttle = throttleOf(in.Throttle)
	}
	if q := in.Quota; q != nil {
		p.Quota = &apigateway.Quota{}
		set(&p.Quota.Limit, q.Limit)
		set(&p.Quota.Offset, q.Offset)
		set(&p.Quota.Period, q.Period)
	}
	for _, stage := range in.ApiStages {
		if stage == nil || stage.ApiId == nil || stage.Stage == nil {
			return apigateway.BadRequest("Invalid API Stage specified")
		}
		to := apigateway.PlanStage{APIID: *stage.ApiId, Stage: *stage.Stage}
		for route, t := range stage.Throttle {
			if t != nil {
				setThrottle(&to, route, *throttleOf(t))
			}
		}
		p.Stages = append(p.Stages, to)
	}
	return nil
}

func setThrottle(s *apigateway.PlanStage, route string, t apigateway.Throttle) {
	s.Throttle = maps.Clone(s.Throttle)
	if s.Throttle == nil {
		s.Throttle = map[string]apigateway.Throttle{}
	}
	s.Throttle[route] = t
}

func throttleOf(in *shapes.ThrottleSettings) *apigateway.Throttle {
	t := &apigateway.Throttle{}
	set(&t.Rate, in.RateLimit)
	set(&t.Burst, in.BurstLimit)
	return t
}

// checkPlan reports what AWS refuses in a plan.
func (s *Service) checkPlan(ctx context.Context, p *apigateway.UsagePlan) error {
	if p.Name == "" {
		return apigateway.BadRequest("Usage Plan name is required")
	}
	if err := checkLimits(p); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range p.Stages {
		name := p.Stages[i].Name()
		if seen[name] {
			return apigateway.BadRequest("Usage Plan contains the API Stage %s more than once", name)
		}
		seen[name] = true
		if err := s.checkStage(ctx, &p.Stages[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkLimits(p *apigateway.UsagePlan) error {
	if p.Quota != nil {
		if err := p.Quota.Check(); err != nil {
			return err
		}
	}
	if t := p.Throttle; t != nil && (t.Rate < 0 || t.Burst < 0) {
		return apigateway.BadRequest("Usage Plan throttle limits must not be negative")
	}
	return nil
}

// checkStage looks that a stage of a plan exists.
func (s *Service) checkStage(ctx context.Context, stage *apigateway.PlanStage) error {
	docs, err := s.open(ctx, apigateway.Store)
	if err != nil {
		return err
	}
	_, err = docs.Get(ctx, placeOf(ctx).PartPrefix(stage.APIID)+apigateway.KindStage+stage.Stage)
	if errors.Is(err, store.ErrNotFound) {
		return apigateway.NotFound("API Stage not found: %s", stage.Name())
	} else if err != nil {
		return fmt.Errorf("read stage %s: %w", stage.Name(), err)
	}
	return nil
}

func showPlan(p *apigateway.UsagePlan) *shapes.UsagePlan {
	out := &shapes.UsagePlan{
		Id: &p.ID, Name: &p.Name, Description: text(p.Description), ProductCode: text(p.ProductCode), ApiStages: []*shapes.ApiStage{},
	}
	if len(p.Tags) > 0 {
		out.Tags = p.Tags
	}
	if t := p.Throttle; t != nil {
		out.Throttle = showThrottle(*t)
	}
	if q := p.Quota; q != nil {
		out.Quota = &shapes.QuotaSettings{Limit: &q.Limit, Offset: &q.Offset, Period: &q.Period}
	}
	for i := range p.Stages {
		stage := &p.Stages[i]
		shown := &shapes.ApiStage{ApiId: &stage.APIID, Stage: &stage.Stage}
		for route, t := range stage.Throttle {
			if shown.Throttle == nil {
				shown.Throttle = map[string]*shapes.ThrottleSettings{}
			}
			shown.Throttle[route] = showThrottle(t)
		}
		out.ApiStages = append(out.ApiStages, shown)
	}
	return out
}

func showThrottle(t apigateway.Throttle) *shapes.ThrottleSettings {
	return &shapes.ThrottleSettings{BurstLimit: &t.Burst, RateLimit: &t.Rate}
}

func (s *Service) getPlan(ctx context.Context, in *shapes.GetUsagePlanInput) (*shapes.GetUsagePlanOutput, error) {
	p, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, *in.UsagePlanId, errNoPlan())
	if err != nil {
		return nil, err
	}
	return showPlan(p), nil
}

func planCreated(p *apigateway.UsagePlan) time.Time { return p.Created }

func (s *Service) getPlans(ctx context.Context, in *shapes.GetUsagePlansInput) (*shapes.GetUsagePlansOutput, error) {
	all, err := readAll(ctx, s, apigateway.KindPlan, "", planCreated)
	if err != nil {
		return nil, err
	}
	if in.KeyId != nil {
		attached, err := readAll(ctx, s, apigateway.KindPlanKey, "", planKeyCreated)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(p *apigateway.UsagePlan) bool {
			return !slices.ContainsFunc(attached, func(k *apigateway.PlanKey) bool { return k.PlanID == p.ID && k.KeyID == *in.KeyId })
		})
	}
	all, position, err := page(all, func(p *apigateway.UsagePlan) string { return p.ID }, in.Limit, in.Position)
	if err != nil {
		return nil, err
	}
	out := &shapes.GetUsagePlansOutput{Items: []*shapes.UsagePlan{}, Position: position}
	for _, p := range all {
		out.Items = append(out.Items, showPlan(p))
	}
	return out, nil
}

// deletePlan removes a plan, and its keys' usage. AWS: not while it has stages.
func (s *Service) deletePlan(ctx context.Context, in *shapes.DeleteUsagePlanInput) (*shapes.DeleteUsagePlanOutput, error) {
	p, _, err := read[apigateway.UsagePlan](ctx, s, apigateway.KindPlan, *in.UsagePlanId, errNoPlan())
	if err != nil {
		return nil, err
	}
	if len(p.Stages) > 0 {
		return nil, apigateway.BadRequest("Cannot delete Usage Plan %s because there are API Stages associated with it, including %s", p.ID, p.Stages[0].Name())
	}
	return &shapes.DeleteUsagePlanOutput{}, s.dropPlan(ctx, p.ID)
}

func (s *Service) dropPlan(ctx context.Context, id string) error {
	if err := s.apply(ctx, remove(ctx, apigateway.KindPlan, id)); err != nil {
		return err
	}
	attached, err := readAll(ctx, s, apigateway.KindPlanKey, id+"/", planKeyCreated)
	if err != nil {
		return err
	}
	for _, k := range attached {
		if err := s.detach(ctx, k); err != nil {
			return err
		}
	}
	return nil
}
