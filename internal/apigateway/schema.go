package apigateway

import (
	"encoding/json"
	"regexp"
	"time"
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
		return BadRequest("Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]")
	}
	return nil
}

// DeleteModel removes a model.
func (p *Parts) DeleteModel(id string) error {
	if _, err := p.Model(id); err != nil {
		return err
	}
	delete(p.Models, id)
	return nil
}
