// Package resource is the contract between CloudFormation and the services whose things it makes. A service
// declares its resource types in its file resources.go; the CloudFormation engine knows nothing else of it.
package resource

import (
	"context"
	"encoding/json"
)

// A Type is one resource type of CloudFormation.
type Type interface {
	// Name is AWS's: "AWS::DynamoDB::Table".
	Name() string

	// Check decodes properties and reports the first that is unknown, missing or of a wrong type, in CloudFormation's words.
	// Strings stand for numbers and booleans where a number or boolean is meant ("true", "30"), and the other way round.
	// Values not yet known (a Ref to what does not exist yet) are given as Unknown and pass any check.
	Check(properties map[string]any) error

	// CreateOnly lists the properties whose change needs a new resource.
	CreateOnly() []string

	Create(ctx context.Context, r Request) (Result, error)

	// Update changes the resource in place from r.Old to r.Properties.
	Update(ctx context.Context, r Request) (Result, error)

	// Delete removes the resource. Removing what is gone is no error.
	Delete(ctx context.Context, r Request) error
}

// A Request is one step on one resource. A step may be repeated after a crash with the same Token.
type Request struct {
	StackID    string
	StackName  string
	LogicalID  string
	Token      string
	PhysicalID string            // as Result gave it; empty for Create
	Properties map[string]any    // resolved: no intrinsics left
	Old        map[string]any    // the properties before, for Update
	Tags       map[string]string // the stack's tags and aws:cloudformation:*

	// PhysicalName returns the name for a resource that the template does not name: {stack}-{logical id}-{12 upper-case
	// letters or digits}, at most max characters long. The same request always gives the same name.
	PhysicalName func(max int) string
}

// A Result is what CloudFormation remembers of a resource.
type Result struct {
	PhysicalID string
	Ref        string         // value of Ref; empty means PhysicalID
	Attributes map[string]any // values for Fn::GetAtt
}

// Handlers are the functions behind a Type made by New. P is a struct whose fields are the properties:
//
//	type tableProperties struct {
//		TableName *string     `cfn:"createonly"`
//		KeySchema []keySchema `cfn:"required,createonly"`
//		Tags      []Tag
//	}
//
// A property's name is the field's (or that of its json tag). Fields are optional unless tagged required; unknown
// properties are refused, at every depth, but for fields of type map or any (free JSON). Fields may be strings, booleans,
// integers, floats, structs, maps, slices, pointers to these, any, and json.RawMessage.
type Handlers[P any] struct {
	Create func(ctx context.Context, r Request, p *P) (Result, error)
	Update func(ctx context.Context, r Request, p, old *P) (Result, error) // nil: every property is create-only
	Delete func(ctx context.Context, r Request) error
}

// A Tag is a member of most resources' Tags.
type Tag struct {
	Key   string `cfn:"required"`
	Value string
}

// Unknown is the value of a property during Check when it is not known yet.
var Unknown any = unknown{}

type unknown struct{}

func (unknown) MarshalJSON() ([]byte, error) { return json.Marshal(nil) }
