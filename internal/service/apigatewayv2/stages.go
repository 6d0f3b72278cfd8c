package apigatewayv2

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

func (s *Service) createStage(ctx context.Context, in *shapes.CreateStageInput) (*shapes.CreateStageOutput, error) {
	if err := apigateway.CheckTags(in.Tags); err != nil {
		return nil, err
	}
	out, err := s.makeStage(ctx, "", in.Tags, &shapes.UpdateStageInput{
		AccessLogSettings:    in.AccessLogSettings,
		ApiId:                in.ApiId,
		AutoDeploy:           in.AutoDeploy,
		ClientCertificateId:  in.ClientCertificateId,
		DefaultRouteSettings: in.DefaultRouteSettings,
		DeploymentId:         in.DeploymentId,
		Description:          in.Description,
		RouteSettings:        in.RouteSettings,
		StageName:            in.StageName,
		StageVariables:       in.StageVariables,
	})
	return (*shapes.CreateStageOutput)(out), err
}

// makeStage adds a stage. One of the name that the same token made is replaced: then the step is a repeated one.
func (s *Service) makeStage(ctx context.Context, token string, tags map[string]string, in *shapes.UpdateStageInput) (*shapes.Stage, error) {
	return add(ctx, s, in.ApiId, func(st *state) (*apigateway.Stage, error) {
		stage := &apigateway.Stage{Name: *in.StageName, Tags: maps.Clone(tags), Token: token, Created: st.now, Updated: st.now}
		if before := st.Stages[stage.Name]; before != nil && token != "" && before.Token == token {
			delete(st.Stages, stage.Name)
		}
		if err := s.patchStage(ctx, stage, in); err != nil {
			return nil, err
		}
		if err := st.needDeployment(ctx, stage.DeploymentID); err != nil {
			return nil, err
		}
		return stage, st.AddStage(stage)
	}, showStage)
}

// patchStage makes of a stage what the request asks for.
func (s *Service) patchStage(ctx context.Context, stage *apigateway.Stage, in *shapes.UpdateStageInput) error {
	set(&stage.AutoDeploy, in.AutoDeploy)
	set(&stage.ClientCertificateID, in.ClientCertificateId)
	set(&stage.DeploymentID, in.DeploymentId)
	set(&stage.Description, in.Description)
	merge(&stage.Variables, in.StageVariables)
	patchSettings(&stage.DefaultSettings, in.DefaultRouteSettings)
	if in.RouteSettings != nil {
		settings := maps.Clone(stage.RouteSettings)
		if settings == nil {
			settings = map[string]apigateway.RouteSettings{}
		}
		for key, patch := range in.RouteSettings {
			r := settings[key]
			patchSettings(&r, patch)
			settings[key] = r
		}
		stage.RouteSettings = settings
	}
	patchAccessLog(stage, in.AccessLogSettings)
	if s.strictLogging && stage.LogsToCloudWatch() {
		role, err := s.cloudWatchRole(ctx)
		if err != nil {
			return err
		}
		if role == "" {
			return apigateway.ErrNoLogRole()
		}
	}
	return nil
}

// putStage replaces a stage; its deployment is read for that.
func (s *Service) putStage(ctx context.Context, st *state, stage *apigateway.Stage) error {
	if err := st.needDeployment(ctx, stage.DeploymentID); err != nil {
		return err
	}
	return st.PutStage(stage)
}

func patchSettings(r *apigateway.RouteSettings, in *shapes.RouteSettings) {
	if in == nil {
		return
	}
	if in.DataTraceEnabled != nil {
		r.DataTraceEnabled = in.DataTraceEnabled
	}
	if in.DetailedMetricsEnabled != nil {
		r.DetailedMetricsEnabled = in.DetailedMetricsEnabled
	}
	set(&r.LoggingLevel, in.LoggingLevel)
	if in.ThrottlingBurstLimit != nil {
		r.ThrottlingBurstLimit = new(int(*in.ThrottlingBurstLimit))
	}
	if in.ThrottlingRateLimit != nil {
		r.ThrottlingRateLimit = in.ThrottlingRateLimit
	}
}

// patchAccessLog changes the access log. AWS: settings without members clear it.
func patchAccessLog(stage *apigateway.Stage, in *shapes.AccessLogSettings) {
	if in == nil {
		return
	}
	var a apigateway.AccessLogSettings
	if stage.AccessLog != nil && (in.DestinationArn != nil || in.Format != nil) {
		a = *stage.AccessLog
	}
	set(&a.DestinationARN, in.DestinationArn)
	set(&a.Format, in.Format)
	if stage.AccessLog = &a; a == (apigateway.AccessLogSettings{}) {
		stage.AccessLog = nil
	}
}

func showStage(s *apigateway.Stage) *shapes.Stage {
	out := &shapes.Stage{
		ClientCertificateId:         text(s.ClientCertificateID),
		CreatedDate:                 second(s.Created),
		DefaultRouteSettings:        showSettings(s.DefaultSettings),
		DeploymentId:                text(s.DeploymentID),
		Description:                 text(s.Description),
		LastDeploymentStatusMessage: text(s.LastDeployment),
		LastUpdatedDate:             second(s.Updated),
		RouteSettings:               map[string]*shapes.RouteSettings{},
		StageName:                   &s.Name,
		StageVariables:              whole(s.Variables),
		Tags:                        whole(s.Tags),
	}
	if s.AutoDeploy {
		out.AutoDeploy = new(true)
	}
	if a := s.AccessLog; a != nil {
		out.AccessLogSettings = &shapes.AccessLogSettings{DestinationArn: text(a.DestinationARN), Format: text(a.Format)}
	}
	for key, r := range s.RouteSettings {
		out.RouteSettings[key] = showSettings(r)
	}
	return out
}

func showSettings(r apigateway.RouteSettings) *shapes.RouteSettings {
	out := &shapes.RouteSettings{
		DataTraceEnabled:       r.DataTraceEnabled,
		DetailedMetricsEnabled: r.DetailedMetricsEnabled,
		LoggingLevel:           text(r.LoggingLevel),
		ThrottlingRateLimit:    r.ThrottlingRateLimit,
	}
	if r.ThrottlingBurstLimit != nil {
		out.ThrottlingBurstLimit = new(int64(*r.ThrottlingBurstLimit))
	}
	return out
}

func (s *Service) getStage(ctx context.Context, in *shapes.GetStageInput) (*shapes.GetStageOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.Stage, error) { return st.Stage(*in.StageName) }, showStage)
	return (*shapes.GetStageOutput)(out), err
}

func (s *Service) getStages(ctx context.Context, in *shapes.GetStagesInput) (*shapes.GetStagesOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := list(st.OrderedStages(), func(s *apigateway.Stage) (time.Time, string) { return s.Created, s.Name }, showStage, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetStagesOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateStage(ctx context.Context, in *shapes.UpdateStageInput) (*shapes.UpdateStageOutput, error) {
	out, err := s.editStage(ctx, in.ApiId, in.StageName, func(st *state, stage *apigateway.Stage) error {
		if err := s.patchStage(ctx, stage, in); err != nil {
			return err
		}
		if stage.AutoDeploy && in.DeploymentId != nil && *in.DeploymentId != "" {
			return apigateway.BadRequest("Deployment ID cannot be set on stages with AutoDeploy enabled")
		}
		return s.putStage(ctx, st, stage)
	})
	return (*shapes.UpdateStageOutput)(out), err
}

// editStage lets f change a copy of a stage and put it back, and shows what became of it. A stage that is as it was
// keeps its time.
func (s *Service) editStage(ctx context.Context, apiID, name *string, f func(*state, *apigateway.Stage) error) (*shapes.Stage, error) {
	var stage *apigateway.Stage
	err := s.change(ctx, *apiID, func(st *state) error {
		before, err := st.Stage(*name)
		if err != nil {
			return err
		}
		c := *before
		stage = &c
		if err := f(st, stage); err != nil {
			return err
		}
		now, err := json.Marshal(stage)
		if err != nil {
			return fmt.Errorf("encode stage %s: %w", *name, err)
		}
		if !bytes.Equal(now, st.docs[st.stageKey(*name)]) {
			stage.Updated = st.now
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return showStage(stage), nil
}

func (s *Service) deleteStage(ctx context.Context, in *shapes.DeleteStageInput) (*shapes.DeleteStageOutput, error) {
	return remove[shapes.DeleteStageOutput](ctx, s, in.ApiId, func(st *state) error {
		if err := checkUnmapped(ctx, st.store, st.API.ID, *in.StageName); err != nil {
			return err
		}
		return st.DeleteStage(*in.StageName)
	})
}

func (s *Service) deleteAccessLogSettings(ctx context.Context, in *shapes.DeleteAccessLogSettingsInput) (*shapes.DeleteAccessLogSettingsOutput, error) {
	_, err := s.editStage(ctx, in.ApiId, in.StageName, func(st *state, stage *apigateway.Stage) error {
		stage.AccessLog = nil
		return s.putStage(ctx, st, stage)
	})
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteAccessLogSettingsOutput{}, nil
}

func (s *Service) deleteRouteSettings(ctx context.Context, in *shapes.DeleteRouteSettingsInput) (*shapes.DeleteRouteSettingsOutput, error) {
	_, err := s.editStage(ctx, in.ApiId, in.StageName, func(st *state, stage *apigateway.Stage) error {
		if err := stage.DeleteRouteSettings(*in.RouteKey); err != nil {
			return err
		}
		return s.putStage(ctx, st, stage)
	})
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteRouteSettingsOutput{}, nil
}
