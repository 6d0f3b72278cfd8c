package apigatewayv2

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

func (s *Service) createAuthorizer(ctx context.Context, in *shapes.CreateAuthorizerInput) (*shapes.CreateAuthorizerOutput, error) {
	out, err := s.makeAuthorizer(ctx, "", &shapes.UpdateAuthorizerInput{
		ApiId:                          in.ApiId,
		AuthorizerCredentialsArn:       in.AuthorizerCredentialsArn,
		AuthorizerPayloadFormatVersion: in.AuthorizerPayloadFormatVersion,
		AuthorizerResultTtlInSeconds:   in.AuthorizerResultTtlInSeconds,
		AuthorizerType:                 in.AuthorizerType,
		AuthorizerUri:                  in.AuthorizerUri,
		EnableSimpleResponses:          in.EnableSimpleResponses,
		IdentitySource:                 in.IdentitySource,
		IdentityValidationExpression:   in.IdentityValidationExpression,
		JwtConfiguration:               in.JwtConfiguration,
		Name:                           in.Name,
	})
	return (*shapes.CreateAuthorizerOutput)(out), err
}

// makeAuthorizer adds an authorizer, under the id if one is given; then it replaces the one that is there.
func (s *Service) makeAuthorizer(ctx context.Context, id string, in *shapes.UpdateAuthorizerInput) (*shapes.Authorizer, error) {
	return add(ctx, s, in.ApiId, func(st *state) (*apigateway.Authorizer, error) {
		a := &apigateway.Authorizer{ID: id, IdentitySource: []string{}, Created: st.now}
		if before := st.Authorizers[id]; before != nil {
			a.Created = before.Created
		}
		return a, putAuthorizer(st, a, in)
	}, showAuthorizer)
}

func putAuthorizer(st *state, a *apigateway.Authorizer, in *shapes.UpdateAuthorizerInput) error {
	set(&a.Name, in.Name)
	set(&a.Type, in.AuthorizerType)
	set(&a.URI, in.AuthorizerUri)
	set(&a.CredentialsARN, in.AuthorizerCredentialsArn)
	set(&a.ValidationExpression, in.IdentityValidationExpression)
	if in.IdentitySource != nil {
		a.IdentitySource = slices.Clone(in.IdentitySource)
	}
	if err := checkHTTPAuthorizer(in); err != nil {
		return err
	}
	return st.PutAuthorizer(a)
}

// checkHTTPAuthorizer refuses what only authorizers of HTTP APIs have; their zero values change nothing.
func checkHTTPAuthorizer(in *shapes.UpdateAuthorizerInput) error {
	switch {
	case in.JwtConfiguration != nil && (in.JwtConfiguration.Issuer != nil || len(in.JwtConfiguration.Audience) > 0):
		return apigateway.BadRequest("JWT configuration is supported for HTTP APIs only")
	case in.AuthorizerPayloadFormatVersion != nil && *in.AuthorizerPayloadFormatVersion != "":
		return apigateway.BadRequest("Authorizer payload format version is supported for HTTP APIs only")
	case in.EnableSimpleResponses != nil && *in.EnableSimpleResponses:
		return apigateway.BadRequest("Simple responses are supported for HTTP APIs only")
	case in.AuthorizerResultTtlInSeconds != nil && *in.AuthorizerResultTtlInSeconds != 0:
		return apigateway.BadRequest("Caching of authorizer results is supported for HTTP APIs only")
	}
	return nil
}

func showAuthorizer(a *apigateway.Authorizer) *shapes.Authorizer {
	return &shapes.Authorizer{
		AuthorizerCredentialsArn:     text(a.CredentialsARN),
		AuthorizerId:                 &a.ID,
		AuthorizerType:               &a.Type,
		AuthorizerUri:                &a.URI,
		IdentitySource:               a.IdentitySource,
		IdentityValidationExpression: text(a.ValidationExpression),
		Name:                         &a.Name,
	}
}

func (s *Service) getAuthorizer(ctx context.Context, in *shapes.GetAuthorizerInput) (*shapes.GetAuthorizerOutput, error) {
	out, err := view(ctx, s, in.ApiId, func(st *state) (*apigateway.Authorizer, error) { return st.Authorizer(*in.AuthorizerId) }, showAuthorizer)
	return (*shapes.GetAuthorizerOutput)(out), err
}

func (s *Service) getAuthorizers(ctx context.Context, in *shapes.GetAuthorizersInput) (*shapes.GetAuthorizersOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	items, next, err := list(st.OrderedAuthorizers(), func(a *apigateway.Authorizer) (time.Time, string) { return a.Created, a.ID }, showAuthorizer, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetAuthorizersOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateAuthorizer(ctx context.Context, in *shapes.UpdateAuthorizerInput) (*shapes.UpdateAuthorizerOutput, error) {
	out, err := add(ctx, s, in.ApiId, func(st *state) (*apigateway.Authorizer, error) {
		a, err := st.Authorizer(*in.AuthorizerId)
		if err != nil {
			return nil, err
		}
		return a, putAuthorizer(st, a, in)
	}, showAuthorizer)
	return (*shapes.UpdateAuthorizerOutput)(out), err
}

func (s *Service) deleteAuthorizer(ctx context.Context, in *shapes.DeleteAuthorizerInput) (*shapes.DeleteAuthorizerOutput, error) {
	return remove[shapes.DeleteAuthorizerOutput](ctx, s, in.ApiId, func(st *state) error { return st.DeleteAuthorizer(*in.AuthorizerId) })
}

// resetAuthorizersCache has nothing to do: authorizers of WebSocket APIs have no cache.
func (s *Service) resetAuthorizersCache(ctx context.Context, in *shapes.ResetAuthorizersCacheInput) (*shapes.ResetAuthorizersCacheOutput, error) {
	st, err := s.load(ctx, *in.ApiId)
	if err != nil {
		return nil, err
	}
	if _, err := st.Stage(*in.StageName); err != nil {
		return nil, err
	}
	return &shapes.ResetAuthorizersCacheOutput{}, nil
}
