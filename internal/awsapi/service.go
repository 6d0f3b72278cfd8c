package awsapi

import (
	"context"
	"reflect"
	"sync"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// A Service is one AWS service as a table of operations.
type Service interface {
	// API tells how the service is called over HTTP. It is generated from AWS's model, in awsapi/shapes/<service>.
	API() *API

	// Operations maps names, as AWS spells them, to functions. What is not in the map is answered with a
	// clear error that the operation is not supported.
	Operations() map[string]Operation
}

// A Conditioner is a service that adds condition keys of its own to the question whether a call is allowed.
type Conditioner interface {
	// Conditions returns the keys ("dynamodb:LeadingKeys") that an input has. The input has been read, but not checked.
	Conditions(ctx context.Context, input any) map[string][]string
}

// An API is the part of AWS's service model that a server needs.
type API struct {
	Name         string // our name: "dynamodb", "apigatewayv2"
	SigningName  string // "dynamodb", "apigateway"
	Version      string // "2012-08-10"
	Protocol     Protocol
	JSONVersion  string // "1.0" or "1.1", for Protocol JSON
	TargetPrefix string // "DynamoDB_20120810", for Protocol JSON
	XMLNamespace string // for Protocol Query and RestXML
	QueryToo     bool   // a service of Protocol JSON that also answers the Query protocol, and names that protocol's errors
	Operations   map[string]Binding
}

// A Protocol is one of AWS's wire protocols.
type Protocol string

// Protocols.
const (
	JSON     Protocol = "json"
	RestJSON Protocol = "rest-json"
	Query    Protocol = "query"
	RestXML  Protocol = "rest-xml"
)

// A Binding says how one operation looks in HTTP.
type Binding struct {
	Method        string // "POST"
	URI           string // "/v2/apis/{apiId}/routes"
	Status        int    // of success; 0 means 200
	ResultWrapper string // "CreateStackResult", for Protocol Query
}

// An Operation is a function of a service.
type Operation struct {
	in, out func() *wire.Type // planned when first used
	call    func(ctx context.Context, in any) (any, error)

	state CoverageState // empty means Done
	note  string
}

// Op makes an operation of f. In and Out are structs with the tags that tools/shapes/README.md describes.
func Op[In, Out any](f func(context.Context, *In) (*Out, error)) Operation {
	return Operation{
		in:  sync.OnceValue(func() *wire.Type { return wire.New(reflect.TypeFor[In]()) }),
		out: sync.OnceValue(func() *wire.Type { return wire.New(reflect.TypeFor[Out]()) }),
		call: func(ctx context.Context, in any) (any, error) {
			out, err := f(ctx, in.(*In))
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = new(Out)
			}
			return out, nil
		},
	}
}
