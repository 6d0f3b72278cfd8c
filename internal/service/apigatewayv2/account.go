package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	v1 "github.com/sallyport/sallyport/internal/awsapi/shapes/apigateway"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/store"
)

// Account is the service of API Gateway's first API, as far as it is about WebSocket APIs too: the settings of an
// account in a region. AWS answers it on the same endpoint.
type Account struct {
	service *Service
}

// Account returns the service of the account's settings.
func (s *Service) Account() *Account { return &Account{service: s} }

// API implements awsapi.Service.
func (a *Account) API() *awsapi.API { return v1.API }

// Operations implements awsapi.Service.
func (a *Account) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"GetAccount":    awsapi.Op(a.get),
		"UpdateAccount": awsapi.Op(a.update),
	}
}

// account is the document {account}/{region}/account.
type account struct {
	CloudWatchRoleARN string `json:"cloudwatchRoleArn,omitempty"`
}

func accountKey(p apigateway.Place) string { return p.Account + "/" + p.Region + "/account" }

func (s *Service) readAccount(ctx context.Context) (account, uint64, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return account{}, 0, err
	}
	doc, err := docs.Get(ctx, accountKey(placeOf(ctx)))
	if errors.Is(err, store.ErrNotFound) {
		return account{}, 0, nil
	} else if err != nil {
		return account{}, 0, fmt.Errorf("read account settings: %w", err)
	}
	var a account
	if err := json.Unmarshal(doc.Data, &a); err != nil {
		return account{}, 0, fmt.Errorf("decode account settings: %w", err)
	}
	return a, doc.Rev, nil
}

// cloudWatchRole is the role that logs of stages are written with, or "".
func (s *Service) cloudWatchRole(ctx context.Context) (string, error) {
	a, _, err := s.readAccount(ctx)
	return a.CloudWatchRoleARN, err
}

// setCloudWatchRole changes the role that logs of stages are written with; "" removes it.
func (s *Service) setCloudWatchRole(ctx context.Context, role string) error {
	if role != "" && !arn.Is(role) {
		return apigateway.BadRequest("Invalid ARN specified in the request: %s", role)
	}
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	for {
		a, rev, err := s.readAccount(ctx)
		if err != nil {
			return err
		}
		a.CloudWatchRoleARN = role
		data, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("encode account settings: %w", err)
		}
		_, err = store.Put(ctx, docs, accountKey(placeOf(ctx)), data, store.AtRev(rev))
		if err == nil {
			return nil
		} else if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("write account settings: %w", err)
		}
	}
}

func (a *Account) get(ctx context.Context, _ *v1.GetAccountInput) (*v1.GetAccountOutput, error) {
	settings, _, err := a.service.readAccount(ctx)
	if err != nil {
		return nil, err
	}
	return showAccount(settings), nil
}

func (a *Account) update(ctx context.Context, in *v1.UpdateAccountInput) (*v1.UpdateAccountOutput, error) {
	for _, p := range in.PatchOperations {
		if p.Op == nil || p.Path == nil || *p.Path != "/cloudwatchRoleArn" {
			path := ""
			set(&path, p.Path)
			return nil, apigateway.BadRequest("Invalid patch path '%s' specified for op 'replace'. Must be one of: [/cloudwatchRoleArn]", path)
		}
		role := ""
		if *p.Op != "remove" {
			set(&role, p.Value)
		}
		if err := a.service.setCloudWatchRole(ctx, role); err != nil {
			return nil, err
		}
	}
	return a.get(ctx, nil)
}

// showAccount tells AWS's default limits, which are not enforced.
func showAccount(a account) *v1.Account {
	return &v1.Account{
		ApiKeyVersion:     new("4"),
		CloudwatchRoleArn: text(a.CloudWatchRoleARN),
		Features:          []string{"UsagePlans"},
		ThrottleSettings:  &v1.ThrottleSettings{BurstLimit: new(int64(5000)), RateLimit: new(10000.0)},
	}
}

type accountProperties struct {
	CloudWatchRoleArn *string
}

// accountResource sets the account's role. AWS: deleting the resource leaves the setting, which others may rely on.
func (s *Service) accountResource() resource.Type {
	put := func(ctx context.Context, id string, p *accountProperties) (resource.Result, error) {
		role := ""
		set(&role, p.CloudWatchRoleArn)
		err := s.setCloudWatchRole(ctx, role)
		return resource.Result{PhysicalID: id, Attributes: map[string]any{"Id": id}}, err
	}
	return resource.New("AWS::ApiGateway::Account", resource.Handlers[accountProperties]{
		Create: func(ctx context.Context, r resource.Request, p *accountProperties) (resource.Result, error) {
			return put(ctx, apigateway.DerivedAPIID(r.Token), p)
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *accountProperties) (resource.Result, error) {
			return put(ctx, r.PhysicalID, p)
		},
		Delete: func(context.Context, resource.Request) error { return nil },
	})
}
