package gateway

import (
	"fmt"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/selection"
)

// A validation is how a route chooses the model that a message must fit.
type validation struct {
	selector *selection.Expression
	models   map[string]string // names, by the expression's value
	known    *apigateway.Validator
}

// validationOf returns the validation of a route. AWS: models without an expression validate nothing.
func validationOf(r *apigateway.Route, known *apigateway.Validator) *validation {
	if r.ModelSelectionExpression == "" {
		return nil
	}
	return &validation{selector: selection.Parse(r.ModelSelectionExpression), models: r.RequestModels, known: known}
}

// check returns why a message is not let through. AWS: a value without model, and without $default, is a failure as well.
func (v *validation) check(message []byte) *integration.Failure {
	if v == nil {
		return nil
	}
	var buf [64]byte
	key, _ := v.selector.Append(buf[:0], message, nil)
	model, ok := v.models[string(key)]
	if !ok {
		model, ok = v.models[defaultKey]
	}
	err := fmt.Errorf("requestModels has neither %q, which modelSelectionExpression gives, nor $default", key)
	if ok {
		err = v.known.Validate(model, message)
	}
	if err == nil {
		return nil
	}
	return &integration.Failure{Status: 400, Message: invalidBody, Cause: err}
}
