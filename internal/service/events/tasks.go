package events

import (
	"context"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
)

// Authorize adds to a request, of a task of a state machine, what a connection has: credentials, headers and parameters of the query, which
// win over those that are there. It returns the connection's members for bodies, names and values in turns.
func (s *Service) Authorize(ctx context.Context, connectionARN string, header map[string][]string, query url.Values) (members []string, err error) {
	c, err := s.connectionOf(ctx, connectionARN)
	if err != nil {
		return nil, err
	}
	if c.State != authorized {
		return nil, awsapi.Errorf("InvalidConnectionStateException", 400, "The connection %s is not in the AUTHORIZED state.", connectionARN)
	}
	call := &httpCall{query: url.Values{}, header: map[string]string{}}
	call.add(c.Auth.InvocationHttpParameters)
	if err := s.authorizeCall(ctx, c, call); err != nil {
		return nil, err
	}
	for name, value := range call.header {
		for there := range header {
			if strings.EqualFold(there, name) {
				delete(header, there)
			}
		}
		header[name] = []string{value}
	}
	for name, values := range call.query {
		query[name] = values
	}
	if p := c.Auth.InvocationHttpParameters; p != nil {
		for _, b := range p.BodyParameters {
			members = append(members, value(b.Key), value(b.Value))
		}
	}
	return members, nil
}

// Refused says that somebody did not take the credentials of a connection: a token may have ended before its time.
func (s *Service) Refused(ctx context.Context, connectionARN string) {
	if c, err := s.connectionOf(ctx, connectionARN); err == nil {
		s.tokens.drop(c.tokenKey())
	}
}

// connectionOf finds the connection of an ARN, as it was made then: one that was made anew has another.
func (s *Service) connectionOf(ctx context.Context, connectionARN string) (*connection, error) {
	name, ok := connectionNamed(connectionARN)
	a, _ := arn.Parse(connectionARN)
	if !ok {
		return nil, notFound("Connection %s does not exist.", connectionARN)
	}
	c, err := s.connections.Get(ctx, place{a.Account, a.Region}.key("connection", name))
	if err != nil {
		return nil, err
	}
	if c == nil || c.arn() != connectionARN || a.Account != placeOf(ctx).Account {
		return nil, notFound("Connection %s does not exist.", connectionARN)
	}
	return c, nil
}
