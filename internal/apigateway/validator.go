package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	lenient "github.com/sallyport/sallyport/internal/json"
)

// modelHost begins the address by which a schema refers to another model: https://apigateway.amazonaws.com/restapis/{apiId}/models/{name}.
const modelHost = "https://apigateway.amazonaws.com/restapis/"

// A Validator holds messages against the models of one API. It may be used from many goroutines.
type Validator struct {
	schemas map[string]*jsonschema.Schema // by name of the model
	broken  map[string]error              // why a model is not in schemas
}

// NewValidator compiles models. What is wrong with one is told when a message is held against it, so that the others go on working.
func NewValidator(apiID string, models []Model) *Validator {
	v := &Validator{schemas: map[string]*jsonschema.Schema{}, broken: map[string]error{}}
	all := make([]*Model, len(models))
	for i := range models {
		all[i] = &models[i]
	}
	for _, m := range all {
		schema, err := compileModel(apiID, m, all, nil)
		if err != nil {
			v.broken[m.Name] = err
			continue
		}
		v.schemas[m.Name] = schema
	}
	return v
}

// Validate reports why a message does not fit the model of this name; nil means that it does.
func (v *Validator) Validate(model string, message []byte) error {
	schema := v.schemas[model]
	if schema == nil {
		if err := v.broken[model]; err != nil {
			return fmt.Errorf("model %s cannot be used: %w", model, err)
		}
		return fmt.Errorf("there is no model %s in the deployment", model)
	}
	parsed, err := lenient.ParseLenient(message)
	if err != nil {
		return fmt.Errorf("the message is no JSON: %w", err)
	}
	if err := schema.Validate(plain(parsed)); err != nil {
		return fmt.Errorf("the message does not fit model %s: %s", model, reasons(err))
	}
	return nil
}

// reasons puts all that a message lacks into one line.
func reasons(err error) string {
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return err.Error()
	}
	var out []string
	var collect func(*jsonschema.ValidationError)
	collect = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 && len(out) < 10 {
			text := strings.TrimPrefix(e.Error(), "jsonschema validation failed with ")
			if _, cause, ok := strings.Cut(text, "\n- "); ok {
				text = cause
			}
			out = append(out, text)
		}
		for _, c := range e.Causes {
			collect(c)
		}
	}
	collect(invalid)
	return strings.Join(out, "; ")
}

// plain gives a value of package json the form that schemas know.
func plain(v any) any {
	switch v := v.(type) {
	case *lenient.Object:
		m := make(map[string]any, len(v.Members))
		for _, member := range v.Members {
			m[member.Name] = plain(member.Value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = plain(e)
		}
		return list
	case lenient.Number:
		return number(string(v))
	}
	return v
}

// number bounds the exponent: schemas calculate exactly, and 1e999999 takes a million digits to write out.
func number(text string) json.Number {
	const most = "999"
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return json.Number(text)
	}
	mantissa, exponent := text[:i], text[i+1:]
	digits := strings.TrimLeft(strings.TrimLeft(exponent, "+-"), "0")
	if len(digits) <= len(most) {
		return json.Number(text)
	}
	if strings.HasPrefix(exponent, "-") {
		return json.Number(mantissa + "e-" + most)
	}
	return json.Number(mantissa + "e" + most)
}

// compileModel compiles the schema of m, which may refer to the others. missing says what stands for a model that does not exist; if it
// is nil the reference is an error.
//
// AWS: schemas are of draft 4, whatever $schema says. Nothing is ever fetched.
func compileModel(apiID string, m *Model, others []*Model, missing any) (*jsonschema.Schema, error) {
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(m.Schema))
	if err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(modelLoader{apiID: apiID, models: others, missing: missing})
	self := modelHost + apiID + "/models/" + m.Name
	if err := c.AddResource(self, withoutDraft(schema)); err != nil {
		return nil, err
	}
	return c.Compile(self)
}

// withoutDraft takes $schema off, so that the schema is read as draft 4.
func withoutDraft(schema any) any {
	if o, ok := schema.(map[string]any); ok {
		delete(o, "$schema")
	}
	return schema
}

// A modelLoader finds the models that schemas refer to.
type modelLoader struct {
	apiID   string
	models  []*Model
	missing any
}

// Load implements jsonschema.URLLoader.
func (l modelLoader) Load(url string) (any, error) {
	path, ok := strings.CutPrefix(url, modelHost)
	api, name, found := strings.Cut(path, "/models/")
	if !ok || !found || !modelName.MatchString(name) {
		return nil, fmt.Errorf("Model reference must be in canonical form: %s{apiId}/models/{name}", modelHost)
	}
	for _, m := range l.models {
		if api == l.apiID && m.Name == name {
			schema, err := jsonschema.UnmarshalJSON(strings.NewReader(m.Schema))
			return withoutDraft(schema), err
		}
	}
	if l.missing != nil {
		return l.missing, nil
	}
	return nil, fmt.Errorf("there is no model %s in API %s", name, l.apiID)
}
