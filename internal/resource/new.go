package resource

import (
	"context"
	"fmt"
	"reflect"
	"strings"
)

// New makes a resource type of handlers whose properties are the struct P. It panics if P is no such struct:
// that is a programmer's mistake, and every test that builds the type finds it.
func New[P any](name string, h Handlers[P]) Type {
	t := reflect.TypeFor[P]()
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("resource: properties of %s are a %s, not a struct", name, t))
	}
	if h.Create == nil || h.Delete == nil {
		panic("resource: " + name + " cannot be created or deleted")
	}
	k := &kind[P]{name: name, handlers: h}
	for _, f := range fieldsOf(t) {
		if f.createOnly || h.Update == nil {
			k.createOnly = append(k.createOnly, f.name)
		}
	}
	return k
}

// kind implements Type.
type kind[P any] struct {
	name       string
	handlers   Handlers[P]
	createOnly []string
}

func (k *kind[P]) Name() string { return k.name }

func (k *kind[P]) CreateOnly() []string { return k.createOnly }

func (k *kind[P]) Check(properties map[string]any) error {
	var p P
	return decode(properties, reflect.ValueOf(&p).Elem())
}

func (k *kind[P]) Create(ctx context.Context, r Request) (Result, error) {
	var p P
	if err := decode(r.Properties, reflect.ValueOf(&p).Elem()); err != nil {
		return Result{}, err
	}
	return k.handlers.Create(ctx, r, &p)
}

func (k *kind[P]) Update(ctx context.Context, r Request) (Result, error) {
	if k.handlers.Update == nil {
		return Result{}, fmt.Errorf("update %s %s: every property is create-only", k.name, r.LogicalID)
	}
	var p, old P
	if err := decode(r.Properties, reflect.ValueOf(&p).Elem()); err != nil {
		return Result{}, err
	}
	if err := decode(r.Old, reflect.ValueOf(&old).Elem()); err != nil {
		return Result{}, fmt.Errorf("decode the properties before: %w", err)
	}
	return k.handlers.Update(ctx, r, &p, &old)
}

func (k *kind[P]) Delete(ctx context.Context, r Request) error {
	return k.handlers.Delete(ctx, r)
}

// A field is one property of a struct.
type field struct {
	index      int
	name       string
	required   bool
	createOnly bool
}

// fieldsOf reads the tags of a struct of properties. Fields that are not exported, or have the json name "-", are none.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if !sf.IsExported() || name == "-" {
			continue
		}
		f := field{index: i, name: sf.Name}
		if name != "" {
			f.name = name
		}
		for option := range strings.SplitSeq(sf.Tag.Get("cfn"), ",") {
			switch option {
			case "":
			case "required":
				f.required = true
			case "createonly":
				f.createOnly = true
			default:
				panic(fmt.Sprintf("resource: field %s.%s has the unknown option %q", t, sf.Name, option))
			}
		}
		fields = append(fields, f)
	}
	return fields
}

// WithTags returns the resource's own tags, joined with those of the stack; its own win.
func (r Request) WithTags(own map[string]string) map[string]string {
	all := make(map[string]string, len(r.Tags)+len(own))
	for k, v := range r.Tags {
		all[k] = v
	}
	for k, v := range own {
		all[k] = v
	}
	return all
}

// TagMap returns a list of tags as a map.
func TagMap(tags []Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}
