package events

import (
	"context"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
)

func (d *destination) arn() string { return d.Place.arn("api-destination/" + d.Name + "/" + d.ID) }

func errNoDestination(verb, name string) error {
	return notFound("Failed to %s the api-destination(s). An api-destination '%s' does not exist.", verb, name)
}

// cutAPIDestination returns the name of the API destination that the ARN is of.
func cutAPIDestination(a arn.ARN) (name string, ok bool) {
	rest, ok := strings.CutPrefix(a.Resource, "api-destination/")
	name, _, _ = strings.Cut(rest, "/")
	return name, ok
}

// connectionNamed returns the name in a connection's ARN.
func connectionNamed(text string) (name string, ok bool) {
	a, err := arn.Parse(text)
	rest, ok := strings.CutPrefix(a.Resource, "connection/")
	name, _, _ = strings.Cut(rest, "/")
	return name, ok && err == nil
}

func (s *Service) createAPIDestination(ctx context.Context, in *shapes.CreateApiDestinationInput) (*shapes.CreateApiDestinationOutput, error) {
	d := &destination{
		Name: *in.Name, Description: value(in.Description), Connection: *in.ConnectionArn, Endpoint: *in.InvocationEndpoint, Method: *in.HttpMethod,
		Rate: value(in.InvocationRateLimitPerSecond),
	}
	if err := s.makeDestination(ctx, d); err != nil {
		return nil, err
	}
	return &shapes.CreateApiDestinationOutput{ApiDestinationArn: new(d.arn()), ApiDestinationState: new("ACTIVE"), CreationTime: &d.Created, LastModifiedTime: &d.Modified}, nil
}

func (s *Service) makeDestination(ctx context.Context, d *destination) error {
	if err := s.checkDestination(ctx, d); err != nil {
		return err
	}
	d.Place, d.ID, d.Created = placeOf(ctx), awsapi.NewRequestID(), now()
	d.Modified = d.Created
	_, err := s.destinations.Edit(ctx, d.Place.key("destination", d.Name), func(old *destination) (*destination, error) {
		if old != nil {
			if d.Token == "" || old.Token != d.Token {
				return nil, exists("An api-destination '%s' already exists.", d.Name)
			}
			d.ID = old.ID
		}
		return d, nil
	})
	return err
}

func (s *Service) checkDestination(ctx context.Context, d *destination) error {
	name, ok := connectionNamed(d.Connection)
	if !ok {
		return invalid("Parameter ConnectionArn is not valid. Reason: Must contain a connection ARN.")
	}
	_, err := s.findConnection(ctx, "describe", name)
	return err
}

func (s *Service) findDestination(ctx context.Context, verb, name string) (*destination, error) {
	d, err := s.destinations.Get(ctx, placeOf(ctx).key("destination", name))
	if err == nil && d == nil {
		err = errNoDestination(verb, name)
	}
	return d, err
}

// state is INACTIVE while the connection cannot be used.
func (s *Service) state(ctx context.Context, d *destination) string {
	name, _ := connectionNamed(d.Connection)
	if c, err := s.connections.Get(ctx, d.Place.key("connection", name)); err != nil || c == nil || c.State != authorized {
		return "INACTIVE"
	}
	return "ACTIVE"
}

func (s *Service) describeAPIDestination(ctx context.Context, in *shapes.DescribeApiDestinationInput) (*shapes.DescribeApiDestinationOutput, error) {
	d, err := s.findDestination(ctx, "describe", *in.Name)
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeApiDestinationOutput{
		ApiDestinationArn: new(d.arn()), Name: &d.Name, Description: optional(d.Description), ApiDestinationState: new(s.state(ctx, d)),
		ConnectionArn: &d.Connection, InvocationEndpoint: &d.Endpoint, HttpMethod: &d.Method, InvocationRateLimitPerSecond: optional(d.Rate),
		CreationTime: &d.Created, LastModifiedTime: &d.Modified,
	}, nil
}

func (s *Service) listAPIDestinations(ctx context.Context, in *shapes.ListApiDestinationsInput) (*shapes.ListApiDestinationsOutput, error) {
	all, err := s.destinations.List(ctx, placeOf(ctx).key("destination"))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(d *destination) bool {
		return !strings.HasPrefix(d.Name, value(in.NamePrefix)) || in.ConnectionArn != nil && *in.ConnectionArn != d.Connection
	})
	all, next, err := page(all, func(d *destination) string { return d.Name }, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListApiDestinationsOutput{ApiDestinations: []*shapes.ApiDestination{}, NextToken: next}
	for _, d := range all {
		out.ApiDestinations = append(out.ApiDestinations, &shapes.ApiDestination{
			ApiDestinationArn: new(d.arn()), Name: &d.Name, ApiDestinationState: new(s.state(ctx, d)), ConnectionArn: &d.Connection,
			InvocationEndpoint: &d.Endpoint, HttpMethod: &d.Method, InvocationRateLimitPerSecond: optional(d.Rate), CreationTime: &d.Created, LastModifiedTime: &d.Modified,
		})
	}
	return out, nil
}

func (s *Service) updateAPIDestination(ctx context.Context, in *shapes.UpdateApiDestinationInput) (*shapes.UpdateApiDestinationOutput, error) {
	d, err := s.destinations.Edit(ctx, placeOf(ctx).key("destination", *in.Name), func(d *destination) (*destination, error) {
		if d == nil {
			return nil, errNoDestination("update", *in.Name)
		}
		for _, set := range []struct {
			to   *string
			from *string
		}{{&d.Description, in.Description}, {&d.Connection, in.ConnectionArn}, {&d.Endpoint, in.InvocationEndpoint}, {&d.Method, in.HttpMethod}} {
			if set.from != nil {
				*set.to = *set.from
			}
		}
		if in.InvocationRateLimitPerSecond != nil {
			d.Rate = *in.InvocationRateLimitPerSecond
		}
		d.Modified = now()
		return d, s.checkDestination(ctx, d)
	})
	if err != nil {
		return nil, err
	}
	return &shapes.UpdateApiDestinationOutput{ApiDestinationArn: new(d.arn()), ApiDestinationState: new("ACTIVE"), CreationTime: &d.Created, LastModifiedTime: &d.Modified}, nil
}

func (s *Service) deleteAPIDestination(ctx context.Context, in *shapes.DeleteApiDestinationInput) (*shapes.DeleteApiDestinationOutput, error) {
	_, err := s.destinations.Edit(ctx, placeOf(ctx).key("destination", *in.Name), func(d *destination) (*destination, error) {
		if d == nil {
			return nil, errNoDestination("delete", *in.Name)
		}
		return nil, nil
	})
	return &shapes.DeleteApiDestinationOutput{}, err
}
