package apigateway

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	defaultContentType = "application/json"
	maxSchema          = 32768
)

var modelName = regexp.MustCompile(`^[a-zA-Z0-9]+$`)

// Model returns the model of this id.
func (p *Parts) Model(id string) (*Model, error) {
	if m := p.Models[id]; m != nil {
		return m, nil
	}
	return nil, errNo("Model", id)
}

// OrderedModels returns the models in order of creation.
func (p *Parts) OrderedModels() []*Model {
	return Ordered(p.Models, func(m *Model) time.Time { return m.Created })
}

// PutModel adds a model, drawing an id if it has none, or replaces the one of its id.
func (p *Parts) PutModel(m *Model) error {
	if m.ContentType == "" {
		m.ContentType = defaultContentType
	}
	if err := m.check(); err != nil {
		return err
	}
	if err := p.checkSchema(m); err != nil {
		return err
	}
	for _, other := range p.Models {
		if other.Name == m.Name && other.ID != m.ID {
			return Conflict("Model name already exists for this API")
		}
	}
	if m.ID == "" {
		m.ID = unusedID(p.Models)
	}
	p.Models[m.ID] = m
	return nil
}

func (m *Model) check() error {
	if !modelName.MatchString(m.Name) {
		return BadRequest("Model name must be alphanumeric: %s", m.Name)
	}
	if err := firstError(
		checkLength("model name", m.Name, 1, 128),
		checkLength("model description", m.Description, 0, 1024),
		checkLength("content type", m.ContentType, 1, 256),
	); err != nil {
		return err
	}
	if m.Schema == "" {
		return BadRequest("Model schema is required")
	}
	if len(m.Schema) > maxSchema {
		return BadRequest("Invalid model specified: a schema may have at most %d characters", maxSchema)
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(m.Schema), &schema); err != nil || schema == nil {
		return errSchema("Invalid model schema specified")
	}
	return nil
}

// checkSchema refuses what is no schema of draft 4. A model that it refers to may be made later: deploying asks for it.
func (p *Parts) checkSchema(m *Model) error {
	if _, err := compileModel(p.API.ID, m, p.OrderedModels(), map[string]any{}); err != nil {
		return errSchema("Invalid model schema specified. " + schemaFault(err))
	}
	return nil
}

// checkModels is checkSchema for all models when the API is deployed, unless the API asks not to.
func (p *Parts) checkModels() error {
	if p.API.DisableSchemaValidation {
		return nil
	}
	models := p.OrderedModels()
	for _, m := range models {
		if _, err := compileModel(p.API.ID, m, models, nil); err != nil {
			return BadRequest("Model %s cannot be deployed: %s", m.Name, schemaFault(err))
		}
	}
	return nil
}

func errSchema(fault string) error {
	return BadRequest("Invalid model specified: Validation Result: warnings : [], errors : [%s]", fault)
}

// schemaFault says in one line what is wrong with a schema.
func schemaFault(err error) string {
	if load, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return load.Err.Error()
	}
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		return reasons(invalid.Err)
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

// DeleteModel removes a model.
func (p *Parts) DeleteModel(id string) error {
	if _, err := p.Model(id); err != nil {
		return err
	}
	delete(p.Models, id)
	return nil
}
