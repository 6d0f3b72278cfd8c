package integration

import "github.com/sallyport/sallyport/internal/apigateway"

// A Stage is what all integrations of a stage have in common.
type Stage struct {
	Account, Region string
	API, Name       string
	Variables       map[string]string
	Policy          apigateway.Policy
}

// Values are what templates and parameter mappings look up besides the body. They are filled in for an Integration with Values set.
type Values struct {
	Context   []byte            // the variables of $context as a JSON object; identity and authorizer are objects in it
	Headers   []Field           // of the upgrade; nil but on $connect
	Query     []Field           // of the upgrade, decoded; nil but on $connect
	Variables map[string]string // of the stage; not to be changed
	Status    int               // what the backend answered, for response templates; 0 before

	// Overrides are what templates of this call assigned.
	Overrides Overrides
}

// A Field is a header or query parameter with all its values, in order of appearance.
type Field struct {
	Name   string
	Values []string
}

// Overrides are what a request template assigns to $context.requestOverride, and a response template to $context.responseOverride.
// A template replaces what is here by what it knows after it was rendered.
type Overrides struct {
	Header, Query, Path map[string][]string // of the request to the backend
	Status              int                 // of a refused upgrade; 0: none

	// State is the template language's own, so that a response template sees what the request template assigned.
	State any
}
