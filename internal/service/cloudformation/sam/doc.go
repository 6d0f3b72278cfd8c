// Package sam is the transform AWS::Serverless-2016-10-31.
package sam

import "github.com/sallyport/sallyport/internal/service/cloudformation/template"

// Name is the transform's name.
const Name = "AWS::Serverless-2016-10-31"

// Env is what the transform knows of the place of the deployment.
type Env struct {
	Account, Region, Partition string
	Parameters                 map[string]any // what a Ref to each parameter is
}

func Transform(d *template.Document, env Env) (*template.Document, error) { return d, nil }

// An Error is a template that the transform refuses.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }
