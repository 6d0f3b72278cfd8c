package server

import (
	"context"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/scheduler"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/sns"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/ssm"
	"github.com/sallyport/sallyport/internal/resource"
)

// A service is one AWS service and what its part of the server is called.
type service struct {
	name string
	awsapi.Service
}

// known are the services that are not here. Calls to them are told so by name.
var known = []*awsapi.API{events.API, scheduler.API, sns.API, sqs.API, ssm.API}

// catalogOf returns the operations of the services.
func catalogOf(services []service) *awsapi.Catalog {
	all := make([]awsapi.Service, len(services))
	have := map[string]bool{}
	for i, s := range services {
		all[i] = s.Service
		have[s.API().Name] = true
	}
	var others []*awsapi.API
	for _, api := range known {
		if !have[api.Name] {
			others = append(others, api)
		}
	}
	return awsapi.NewCatalog(all, others...)
}

// resourcesOf returns what CloudFormation can make by the services.
func resourcesOf(services []service) []resource.Type {
	var types []resource.Type
	for _, s := range services {
		if r, ok := s.Service.(interface{ Resources() []resource.Type }); ok {
			types = append(types, r.Resources()...)
		}
	}
	return types
}

// partsOf returns the parts of the server that the services run.
func partsOf(services []service) []part {
	var parts []part
	for _, s := range services {
		if r, ok := s.Service.(interface{ Run(context.Context) error }); ok {
			parts = append(parts, part{s.name, r.Run})
		}
	}
	return parts
}
