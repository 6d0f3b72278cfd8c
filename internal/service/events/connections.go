package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
)

const (
	authorized   = "AUTHORIZED"
	deauthorized = "DEAUTHORIZED"
)

func (c *connection) arn() string { return c.Place.arn("connection/" + c.Name + "/" + c.ID) }

func errNoConnection(verb, name string) error {
	return notFound("Failed to %s the connection(s). Connection '%s' does not exist.", verb, name)
}

func (s *Service) createConnection(ctx context.Context, in *shapes.CreateConnectionInput) (*shapes.CreateConnectionOutput, error) {
	c := &connection{Name: *in.Name, Description: value(in.Description), Kind: *in.AuthorizationType, Auth: in.AuthParameters}
	if err := s.makeConnection(ctx, c); err != nil {
		return nil, err
	}
	return &shapes.CreateConnectionOutput{ConnectionArn: new(c.arn()), ConnectionState: &c.State, CreationTime: &c.Created, LastModifiedTime: &c.Modified}, nil
}

func (s *Service) makeConnection(ctx context.Context, c *connection) error {
	if err := c.check(); err != nil {
		return err
	}
	c.Place, c.ID, c.State, c.Created = placeOf(ctx), awsapi.NewRequestID(), authorized, now()
	c.Modified, c.Authorized = c.Created, c.Created
	_, err := s.connections.Edit(ctx, c.Place.key("connection", c.Name), func(old *connection) (*connection, error) {
		if old != nil {
			if c.Token == "" || old.Token != c.Token {
				return nil, exists("Connection %s already exists.", c.Name)
			}
			c.ID = old.ID
		}
		return c, nil
	})
	return err
}

// check tells whether there are parameters for the kind of authorization.
func (c *connection) check() error {
	has := map[string]bool{
		"BASIC":                    c.Auth != nil && c.Auth.BasicAuthParameters != nil,
		"API_KEY":                  c.Auth != nil && c.Auth.ApiKeyAuthParameters != nil,
		"OAUTH_CLIENT_CREDENTIALS": c.Auth != nil && c.Auth.OAuthParameters != nil,
	}
	if !has[c.Kind] {
		return invalid("Authorization parameters do not match the authorization type %s.", c.Kind)
	}
	return nil
}

func (s *Service) findConnection(ctx context.Context, verb, name string) (*connection, error) {
	c, err := s.connections.Get(ctx, placeOf(ctx).key("connection", name))
	if err == nil && c == nil {
		err = errNoConnection(verb, name)
	}
	return c, err
}

func (s *Service) describeConnection(ctx context.Context, in *shapes.DescribeConnectionInput) (*shapes.DescribeConnectionOutput, error) {
	c, err := s.findConnection(ctx, "describe", *in.Name)
	if err != nil {
		return nil, err
	}
	auth, err := c.shown()
	if err != nil {
		return nil, err
	}
	secret := arn.New("secretsmanager", c.Place.Region, c.Place.Account, "secret:events!connection/"+c.Name+"/"+c.ID).String()
	return &shapes.DescribeConnectionOutput{
		ConnectionArn: new(c.arn()), Name: &c.Name, Description: optional(c.Description), ConnectionState: &c.State, AuthorizationType: &c.Kind,
		SecretArn: &secret, AuthParameters: auth, CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: timeOrNil(c.Authorized),
	}, nil
}

// shown returns the parameters without their secrets: the answer's types have no members for them.
func (c *connection) shown() (*shapes.ConnectionAuthResponseParameters, error) {
	out := new(shapes.ConnectionAuthResponseParameters)
	if err := overlay(out, c.Auth); err != nil {
		return nil, err
	}
	for _, h := range []*shapes.ConnectionHttpParameters{out.InvocationHttpParameters} {
		if h == nil {
			continue
		}
		for _, p := range h.HeaderParameters {
			hide(&p.Value, p.IsValueSecret)
		}
		for _, p := range h.QueryStringParameters {
			hide(&p.Value, p.IsValueSecret)
		}
		for _, p := range h.BodyParameters {
			hide(&p.Value, p.IsValueSecret)
		}
	}
	return out, nil
}

func hide(v **string, secret *bool) {
	if value(secret) {
		*v = nil
	}
}

// overlay puts the members that from has over those of to; both are structures of the same names.
func overlay(to, from any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("encode parameters: %w", err)
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return fmt.Errorf("decode parameters: %w", err)
	}
	if data, err = json.Marshal(withoutNulls(tree)); err != nil {
		return fmt.Errorf("encode parameters: %w", err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("decode parameters: %w", err)
	}
	return nil
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, m := range v {
			if m == nil {
				delete(v, k)
			} else {
				v[k] = withoutNulls(m)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return v
}

func (s *Service) listConnections(ctx context.Context, in *shapes.ListConnectionsInput) (*shapes.ListConnectionsOutput, error) {
	all, err := s.connections.List(ctx, placeOf(ctx).key("connection"))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c *connection) bool {
		return !strings.HasPrefix(c.Name, value(in.NamePrefix)) || in.ConnectionState != nil && *in.ConnectionState != c.State
	})
	all, next, err := page(all, func(c *connection) string { return c.Name }, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListConnectionsOutput{Connections: []*shapes.Connection{}, NextToken: next}
	for _, c := range all {
		out.Connections = append(out.Connections, &shapes.Connection{
			ConnectionArn: new(c.arn()), Name: &c.Name, ConnectionState: &c.State, AuthorizationType: &c.Kind,
			CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: timeOrNil(c.Authorized),
		})
	}
	return out, nil
}

func (s *Service) updateConnection(ctx context.Context, in *shapes.UpdateConnectionInput) (*shapes.UpdateConnectionOutput, error) {
	c, err := s.editConnection(ctx, "update", *in.Name, func(c *connection) error {
		if in.Description != nil {
			c.Description = *in.Description
		}
		if in.AuthorizationType != nil {
			c.Kind = *in.AuthorizationType
		}
		if in.AuthParameters != nil {
			if err := overlay(c.Auth, in.AuthParameters); err != nil {
				return err
			}
		}
		c.State, c.Authorized = authorized, now()
		return c.check()
	})
	if err != nil {
		return nil, err
	}
	return &shapes.UpdateConnectionOutput{
		ConnectionArn: new(c.arn()), ConnectionState: &c.State, CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: timeOrNil(c.Authorized),
	}, nil
}

func (s *Service) editConnection(ctx context.Context, verb, name string, f func(*connection) error) (*connection, error) {
	return s.connections.Edit(ctx, placeOf(ctx).key("connection", name), func(c *connection) (*connection, error) {
		if c == nil {
			return nil, errNoConnection(verb, name)
		}
		c.Modified = now()
		return c, f(c)
	})
}

func (s *Service) deauthorizeConnection(ctx context.Context, in *shapes.DeauthorizeConnectionInput) (*shapes.DeauthorizeConnectionOutput, error) {
	c, err := s.editConnection(ctx, "deauthorize", *in.Name, func(c *connection) error {
		c.State = deauthorized
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.DeauthorizeConnectionOutput{
		ConnectionArn: new(c.arn()), ConnectionState: new("DEAUTHORIZING"), CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: timeOrNil(c.Authorized),
	}, nil
}

func (s *Service) deleteConnection(ctx context.Context, in *shapes.DeleteConnectionInput) (*shapes.DeleteConnectionOutput, error) {
	c, err := s.findConnection(ctx, "delete", *in.Name)
	if err != nil {
		return nil, err
	}
	if _, err := s.connections.Edit(ctx, c.Place.key("connection", c.Name), func(*connection) (*connection, error) { return nil, nil }); err != nil {
		return nil, err
	}
	return &shapes.DeleteConnectionOutput{
		ConnectionArn: new(c.arn()), ConnectionState: new("DELETING"), CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: timeOrNil(c.Authorized),
	}, nil
}
