package apigatewayv2

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/store"
)

// Service edits WebSocket APIs.
type Service struct {
	stores store.Stores
	log    *slog.Logger
	now    func() time.Time

	// strictLogging refuses logs of stages unless the account has a CloudWatch role, as AWS does.
	strictLogging bool

	truststores Objects // nil: no domain has mutual TLS

	// locks lets the changes that this process makes to one API wait for each other; the store's revisions are what
	// keeps several processes apart.
	locks [64]sync.Mutex
	seed  maphash.Seed
}

// An Option changes how a Service behaves.
type Option func(*Service)

// StrictLogging refuses logging and tracing on stages until the account's CloudWatch role is set.
// AWS does so; here logs are written without a role, and so the default is to allow them.
func StrictLogging() Option { return func(s *Service) { s.strictLogging = true } }

// New returns the service on the store that apigateway.Store names.
func New(stores store.Stores, log *slog.Logger, options ...Option) *Service {
	s := &Service{stores: stores, log: log, now: time.Now, seed: maphash.MakeSeed()}
	for _, o := range options {
		o(s)
	}
	return s
}

// Run finishes removals that an earlier process began, now and from time to time, until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	const every = time.Minute
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("parts of deleted APIs are left", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	ops := map[string]awsapi.Operation{
		"CreateApi":                   awsapi.Op(s.createAPI),
		"GetApi":                      awsapi.Op(s.getAPI),
		"GetApis":                     awsapi.Op(s.getAPIs),
		"UpdateApi":                   awsapi.Op(s.updateAPI),
		"DeleteApi":                   awsapi.Op(s.deleteAPI),
		"DeleteCorsConfiguration":     awsapi.Op(s.deleteCORS),
		"CreateRoute":                 awsapi.Op(s.createRoute),
		"GetRoute":                    awsapi.Op(s.getRoute),
		"GetRoutes":                   awsapi.Op(s.getRoutes),
		"UpdateRoute":                 awsapi.Op(s.updateRoute),
		"DeleteRoute":                 awsapi.Op(s.deleteRoute),
		"DeleteRouteRequestParameter": awsapi.Op(s.deleteRouteRequestParameter),
		"CreateRouteResponse":         awsapi.Op(s.createRouteResponse),
		"GetRouteResponse":            awsapi.Op(s.getRouteResponse),
		"GetRouteResponses":           awsapi.Op(s.getRouteResponses),
		"UpdateRouteResponse":         awsapi.Op(s.updateRouteResponse),
		"DeleteRouteResponse":         awsapi.Op(s.deleteRouteResponse),
		"CreateIntegration":           awsapi.Op(s.createIntegration),
		"GetIntegration":              awsapi.Op(s.getIntegration),
		"GetIntegrations":             awsapi.Op(s.getIntegrations),
		"UpdateIntegration":           awsapi.Op(s.updateIntegration),
		"DeleteIntegration":           awsapi.Op(s.deleteIntegration),
		"CreateIntegrationResponse":   awsapi.Op(s.createIntegrationResponse),
		"GetIntegrationResponse":      awsapi.Op(s.getIntegrationResponse),
		"GetIntegrationResponses":     awsapi.Op(s.getIntegrationResponses),
		"UpdateIntegrationResponse":   awsapi.Op(s.updateIntegrationResponse),
		"DeleteIntegrationResponse":   awsapi.Op(s.deleteIntegrationResponse),
		"CreateAuthorizer":            awsapi.Op(s.createAuthorizer),
		"GetAuthorizer":               awsapi.Op(s.getAuthorizer),
		"GetAuthorizers":              awsapi.Op(s.getAuthorizers),
		"UpdateAuthorizer":            awsapi.Op(s.updateAuthorizer),
		"DeleteAuthorizer":            awsapi.Op(s.deleteAuthorizer),
		"ResetAuthorizersCache":       awsapi.Op(s.resetAuthorizersCache),
		"CreateModel":                 awsapi.Op(s.createModel),
		"GetModel":                    awsapi.Op(s.getModel),
		"GetModels":                   awsapi.Op(s.getModels),
		"GetModelTemplate":            awsapi.Op(s.getModelTemplate).Partly("the template is always the same"),
		"UpdateModel":                 awsapi.Op(s.updateModel),
		"DeleteModel":                 awsapi.Op(s.deleteModel),
		"CreateStage":                 awsapi.Op(s.createStage),
		"GetStage":                    awsapi.Op(s.getStage),
		"GetStages":                   awsapi.Op(s.getStages),
		"UpdateStage":                 awsapi.Op(s.updateStage),
		"DeleteStage":                 awsapi.Op(s.deleteStage),
		"DeleteAccessLogSettings":     awsapi.Op(s.deleteAccessLogSettings),
		"DeleteRouteSettings":         awsapi.Op(s.deleteRouteSettings),
		"CreateDeployment":            awsapi.Op(s.createDeployment),
		"GetDeployment":               awsapi.Op(s.getDeployment),
		"GetDeployments":              awsapi.Op(s.getDeployments),
		"UpdateDeployment":            awsapi.Op(s.updateDeployment),
		"DeleteDeployment":            awsapi.Op(s.deleteDeployment),
		"CreateDomainName":            awsapi.Op(s.createDomainName),
		"GetDomainName":               awsapi.Op(s.getDomainName),
		"GetDomainNames":              awsapi.Op(s.getDomainNames),
		"UpdateDomainName":            awsapi.Op(s.updateDomainName),
		"DeleteDomainName":            awsapi.Op(s.deleteDomainName),
		"CreateApiMapping":            awsapi.Op(s.createAPIMapping),
		"GetApiMapping":               awsapi.Op(s.getAPIMapping),
		"GetApiMappings":              awsapi.Op(s.getAPIMappings),
		"UpdateApiMapping":            awsapi.Op(s.updateAPIMapping),
		"DeleteApiMapping":            awsapi.Op(s.deleteAPIMapping),
		"CreateVpcLink":               awsapi.Op(s.createVPCLink).Partly("kept; WebSocket APIs reach the target directly"),
		"GetVpcLink":                  awsapi.Op(s.getVPCLink),
		"GetVpcLinks":                 awsapi.Op(s.getVPCLinks),
		"UpdateVpcLink":               awsapi.Op(s.updateVPCLink),
		"DeleteVpcLink":               awsapi.Op(s.deleteVPCLink),
		"TagResource":                 awsapi.Op(s.tagResource),
		"UntagResource":               awsapi.Op(s.untagResource),
		"GetTags":                     awsapi.Op(s.getTags),
		"ImportApi":                   awsapi.Op(s.importAPI).Refused("OpenAPI is for HTTP APIs"),
		"ReimportApi":                 awsapi.Op(s.reimportAPI).Refused("OpenAPI is for HTTP APIs"),
		"ExportApi":                   awsapi.Op(s.exportAPI).Refused("OpenAPI is for HTTP APIs"),
	}
	for name := range shapes.API.Operations {
		switch {
		case strings.Contains(name, "Portal"), strings.Contains(name, "Product"):
			ops[name] = refuse("Developer portals are for REST APIs")
		case strings.Contains(name, "RoutingRule"):
			ops[name] = refuse("Routing rules are not supported here: API mappings lead domain names to stages")
		}
	}
	return ops
}

// open returns the store. Opening the same store again is cheap.
func (s *Service) open(ctx context.Context) (store.Store, error) {
	st, err := s.stores.Open(ctx, apigateway.Store)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", apigateway.Store, err)
	}
	return st, nil
}

// lock makes others who change the API wait until unlock is called.
func (s *Service) lock(apiID string) (unlock func()) {
	m := &s.locks[maphash.String(s.seed, apiID)%uint64(len(s.locks))]
	m.Lock()
	return m.Unlock
}

// clock is the time that things made now get.
func (s *Service) clock() time.Time { return s.now().UTC().Round(0) }

func placeOf(ctx context.Context) apigateway.Place {
	c := awsapi.CallerOf(ctx)
	return apigateway.Place{Account: c.Account, Region: c.Region}
}
