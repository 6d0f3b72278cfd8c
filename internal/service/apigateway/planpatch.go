package apigateway

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
)

const pathStages = "/apiStages"

// planPaths are those of usage plans, as AWS lists them.
var planPaths = map[string][]string{
	"add":     {"/apiStages"},
	"replace": {"/name", "/description", "/productCode", "/quota/limit", "/quota/offset", "/quota/period", "/throttle", "/throttle/rateLimit", "/throttle/burstLimit", "/apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>/rateLimit", "/apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>/burstLimit"},
	"remove":  {"/apiStages", "/quota", "/throttle", "/productCode", "/apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>", "/apiStages/<apidId:stageName>/throttle"},
}

func (s *Service) updatePlan(ctx context.Context, in *shapes.UpdateUsagePlanInput) (*shapes.UpdateUsagePlanOutput, error) {
	operations, err := patches(in.PatchOperations)
	if err != nil {
		return nil, err
	}
	p, err := change(ctx, s, apigateway.KindPlan, *in.UsagePlanId, errNoPlan(), func(p *apigateway.UsagePlan) error {
		for _, o := range operations {
			if err := s.patchPlan(ctx, p, o); err != nil {
				return err
			}
		}
		if p.Name == "" {
			return apigateway.BadRequest("Usage Plan name is required")
		}
		return checkLimits(p)
	})
	if err != nil {
		return nil, err
	}
	return showPlan(p), nil
}

func (s *Service) patchPlan(ctx context.Context, p *apigateway.UsagePlan, o patch) error {
	switch {
	case o.path == pathStages:
		return s.patchStages(ctx, p, o)
	case strings.HasPrefix(o.path, pathStages+"/"):
		return patchStageThrottle(p, o)
	case strings.HasPrefix(o.path, "/quota"):
		return patchQuota(p, o)
	case strings.HasPrefix(o.path, "/throttle"):
		if o.path == "/throttle" && o.op == "remove" {
			p.Throttle = nil
			return nil
		}
		if p.Throttle == nil {
			p.Throttle = &apigateway.Throttle{}
		}
		return patchThrottle(p.Throttle, o, strings.TrimPrefix(o.path, "/throttle"))
	}
	to := map[string]*string{"/name": &p.Name, "/description": &p.Description, "/productCode": &p.ProductCode}[o.path]
	if to == nil {
		return o.invalid(planPaths[o.op]...)
	}
	*to = o.value
	return nil
}

// patchStages adds or removes a stage, whose name {apiId}:{stage} is the value.
func (s *Service) patchStages(ctx context.Context, p *apigateway.UsagePlan, o patch) error {
	api, stage, ok := strings.Cut(o.value, ":")
	if !ok || api == "" || stage == "" {
		return apigateway.BadRequest("Invalid API Stage specified")
	}
	i := slices.IndexFunc(p.Stages, func(s apigateway.PlanStage) bool { return s.Name() == o.value })
	switch {
	case o.op == "add" && i < 0:
		fresh := apigateway.PlanStage{APIID: api, Stage: stage}
		if err := s.checkStage(ctx, &fresh); err != nil {
			return err
		}
		if err := s.checkKeysForStage(ctx, p, fresh.Name()); err != nil {
			return err
		}
		p.Stages = append(p.Stages, fresh)
	case o.op == "add":
		return apigateway.Conflict("Usage Plan %s already has the API Stage %s", p.ID, o.value)
	case o.op == "remove" && i >= 0:
		p.Stages = slices.Delete(p.Stages, i, i+1)
	case o.op == "remove":
		return apigateway.NotFound("API Stage not found: %s", o.value)
	default:
		return o.invalid(planPaths[o.op]...)
	}
	return nil
}

// patchStageThrottle changes the throttle of one route of a stage: /apiStages/{apiId}:{stage}/throttle[/{route}[/rateLimit]]. In a route
// / is ~1 and ~ is ~0. AWS has a path and a method there; a WebSocket API has a route key.
func patchStageThrottle(p *apigateway.UsagePlan, o patch) error {
	parts := strings.Split(strings.TrimPrefix(o.path, pathStages+"/"), "/")
	i := slices.IndexFunc(p.Stages, func(s apigateway.PlanStage) bool { return s.Name() == parts[0] })
	if i < 0 {
		return apigateway.NotFound("API Stage not found: %s", parts[0])
	}
	stage := &p.Stages[i]
	if len(parts) < 2 || parts[1] != "throttle" {
		return o.invalid(planPaths[o.op]...)
	}
	if o.op == "remove" {
		if len(parts) == 2 {
			stage.Throttle = nil
			return nil
		}
		delete(stage.Throttle, routeOf(parts[2:]))
		return nil
	}
	if len(parts) < 4 {
		return o.invalid(planPaths[o.op]...)
	}
	route, field := routeOf(parts[2:len(parts)-1]), parts[len(parts)-1]
	t := stage.Throttle[route]
	if err := patchThrottle(&t, o, "/"+field); err != nil {
		return err
	}
	setThrottle(stage, route, t)
	return nil
}

func routeOf(parts []string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(strings.Join(parts, "/"))
}

func patchThrottle(t *apigateway.Throttle, o patch, field string) error {
	var err error
	switch field {
	case "/rateLimit":
		t.Rate, err = strconv.ParseFloat(o.value, 64)
	case "/burstLimit":
		t.Burst, err = strconv.ParseInt(o.value, 10, 64)
	default:
		return o.invalid(planPaths[o.op]...)
	}
	if err != nil || t.Rate != t.Rate || t.Rate < 0 || t.Burst < 0 {
		return apigateway.BadRequest("Invalid value specified for %s: %s", o.path, o.value)
	}
	return nil
}

func patchQuota(p *apigateway.UsagePlan, o patch) error {
	if o.path == "/quota" && o.op == "remove" {
		p.Quota = nil
		return nil
	}
	q := apigateway.Quota{}
	if p.Quota != nil {
		q = *p.Quota
	}
	var err error
	switch o.path {
	case "/quota/limit":
		q.Limit, err = strconv.ParseInt(o.value, 10, 64)
	case "/quota/offset":
		q.Offset, err = strconv.ParseInt(o.value, 10, 64)
	case "/quota/period":
		q.Period = o.value
	default:
		return o.invalid(planPaths[o.op]...)
	}
	if err != nil {
		return apigateway.BadRequest("Invalid value specified for %s: %s", o.path, o.value)
	}
	p.Quota = &q
	return nil
}
