package awsapi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// A Catalog has all services by name.
type Catalog struct {
	entries map[string]*entry
	names   []string
}

// An entry is a service, or an API that is only known: then ops is nil.
type entry struct {
	api        *API
	ops        map[string]Operation
	conditions func(ctx context.Context, input any) map[string][]string // nil if there are none
}

// NewCatalog returns a catalog of services, and of APIs that are known but not served, so that a call to one gets a clear answer.
// It panics if two have one name, or a service has an operation that its API does not bind.
func NewCatalog(services []Service, known ...*API) *Catalog {
	c := &Catalog{entries: map[string]*entry{}}
	for _, s := range services {
		e := &entry{api: s.API(), ops: s.Operations()}
		if c, ok := s.(Conditioner); ok {
			e.conditions = c.Conditions
		}
		for name := range e.ops {
			if _, ok := e.api.Operations[name]; !ok {
				panic(fmt.Sprintf("awsapi: the API of %s does not bind %s", e.api.Name, name))
			}
		}
		c.add(e)
	}
	for _, api := range known {
		if c.entries[api.Name] == nil {
			c.add(&entry{api: api})
		}
	}
	return c
}

func (c *Catalog) add(e *entry) {
	if c.entries[e.api.Name] != nil {
		panic("awsapi: two services are called " + e.api.Name)
	}
	c.entries[e.api.Name] = e
	c.names = append(c.names, e.api.Name)
}

// Services returns each API with the names of the operations that are answered, sorted.
func (c *Catalog) Services() iter.Seq2[*API, []string] {
	return func(yield func(*API, []string) bool) {
		for _, name := range slices.Sorted(slices.Values(c.names)) {
			e := c.entries[name]
			if !yield(e.api, slices.Sorted(maps.Keys(e.ops))) {
				return
			}
		}
	}
}

// Call runs an operation inside the process, for the caller of ctx, whom it does not ask for permission. Input and output are JSON
// documents with all members by name, whatever their places in HTTP are. A member that is a whole body in HTTP (Lambda's Payload) is
// any JSON. The service may be named by its API's name or its signing name. The error is an *Error, or internal.
func (c *Catalog) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	e, op, err := c.find(service, operation)
	if err != nil {
		return nil, err
	}
	return c.run(ctx, e, op, in, func(any) error { return nil })
}

// run is Call of an operation that was found, if may lets it.
func (c *Catalog) run(ctx context.Context, e *entry, op Operation, in []byte, may func(input any) error) ([]byte, error) {
	input := op.in().NewValue()
	if err := op.in().ReadDocument(in, input, dialectOf(e.api)); err != nil {
		return nil, e.api.badInput(err)
	}
	if err := may(input); err != nil {
		return nil, err
	}
	if err := op.in().Validate(input); err != nil {
		return nil, e.api.badInput(err)
	}
	output, err := op.call(ctx, input)
	if err != nil {
		return nil, err
	}
	return op.out().AppendDocument(nil, output)
}

// Invoke is Call with the operation's own types. It panics if they are not.
func Invoke[In, Out any](ctx context.Context, c *Catalog, service, operation string, in *In) (*Out, error) {
	e, op, err := c.find(service, operation)
	if err != nil {
		return nil, err
	}
	if err := op.in().Validate(in); err != nil {
		return nil, e.api.badInput(err)
	}
	out, err := op.call(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.(*Out), nil
}

// entry returns a service by its API's name or its signing name, or nil.
func (c *Catalog) entry(service string) *entry {
	e := c.entries[service]
	for _, name := range c.names {
		if e == nil && c.entries[name].api.SigningName == service {
			e = c.entries[name]
		}
	}
	return e
}

func (c *Catalog) find(service, operation string) (*entry, Operation, error) {
	e := c.entry(service)
	if e == nil {
		return nil, Operation{}, errNoService(service)
	}
	op, ok := e.ops[operation]
	if !ok {
		for name := range e.ops {
			if strings.EqualFold(name, operation) { // "putItem", as Step Functions writes it
				return e, e.ops[name], nil
			}
		}
		return nil, Operation{}, e.unsupported(operation)
	}
	return e, op, nil
}

// unsupported says that the service, or one operation of it, is not served here.
func (e *entry) unsupported(operation string) *Error {
	code, status := "UnknownOperationException", 400
	switch e.api.Protocol {
	case Query, RestXML:
		code = "InvalidAction"
	case RestJSON:
		status = 404
	}
	if _, bound := e.api.Operations[operation]; !bound {
		return Errorf(code, status, "%s has no operation %s.", e.api.Name, operation)
	}
	if e.ops == nil {
		return Errorf(code, status, "Sallyport does not have %s. Set endpoints.%s in its configuration to send such calls elsewhere.", e.api.Name, e.api.SigningName)
	}
	return Errorf(code, status, "Sallyport does not support the operation %s of %s.", operation, e.api.Name)
}

func errNoService(name string) *Error {
	return Errorf("UnknownOperationException", 404, "Sallyport does not have the service %s. Set endpoints.%s in its configuration to send such calls elsewhere.", name, name)
}

func dialectOf(api *API) wire.Dialect {
	switch {
	case api.SigningName == "dynamodb":
		return wire.DynamoDB
	case api.SigningName == "apigateway" || api.Protocol == Query:
		return wire.Lenient
	}
	return wire.Coral
}

// badInput turns what package wire says of an input into the service's error.
func (a *API) badInput(err error) error {
	var invalid *wire.InvalidError
	var unreadable *wire.SerializationError
	switch {
	case errors.As(err, &invalid):
		return Errorf(a.validationCode(), 400, "%s", invalid.Error())
	case errors.As(err, &unreadable):
		switch {
		case a.SigningName == "apigateway" || a.Protocol == Query || a.SigningName == "execute-api":
			msg := unreadable.Message
			if msg == "" {
				msg = "Invalid request body"
			}
			return Errorf(a.validationCode(), 400, "%s", msg)
		case a.Name == "lambda" && unreadable.Message == "":
			return Errorf("InvalidRequestContentException", 400, "Could not parse request body into json: malformed JSON")
		}
		return Errorf("SerializationException", 400, "%s", unreadable.Message)
	}
	return err
}

// validationCode is what the service calls an input that breaks the model's constraints.
func (a *API) validationCode() string {
	switch {
	case a.SigningName == "apigateway" || a.SigningName == "execute-api":
		return "BadRequestException"
	case a.SigningName == "logs":
		return "InvalidParameterException"
	case a.Protocol == Query:
		return "ValidationError"
	}
	return "ValidationException"
}
