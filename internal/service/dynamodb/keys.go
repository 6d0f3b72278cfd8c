package dynamodb

import (
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Limits of keys.
const (
	maxHashKey  = 2048
	maxRangeKey = 1024
)

// keyOf checks a Key parameter against the schema and returns the key.
func keyOf(schema engine.KeySchema, key item.Item) (engine.Key, error) {
	attrs := schema.Attrs()
	if len(key) != len(attrs) {
		return engine.Key{}, errKeySchema
	}
	for i, a := range attrs {
		v := key.Get(a.Name)
		if v.Kind != a.Kind {
			return engine.Key{}, errKeySchema
		}
		if err := checkKeyValue(a, v, i == 0, "One or more parameter values are not valid. "); err != nil {
			return engine.Key{}, err
		}
	}
	k, _ := schema.KeyOf(key)
	return k, nil
}

func checkKeyValue(a engine.KeyAttr, v item.Value, hash bool, prefix string) error {
	if v.Kind == item.N {
		return nil
	}
	switch {
	case v.Str == "":
		return item.Invalid(prefix + "The AttributeValue for a key attribute cannot contain an empty " + kindWord(v.Kind) + " value. Key: " + a.Name)
	case hash && len(v.Str) > maxHashKey:
		return item.Invalid(invalidValues + "Size of hashkey has exceeded the maximum size limit of2048 bytes")
	case !hash && len(v.Str) > maxRangeKey:
		return item.Invalid(invalidValues + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
	}
	return nil
}

func kindWord(k item.Kind) string {
	if k == item.B {
		return "binary"
	}
	return "string"
}

// keyOfItem checks an item against the keys of the table and its indexes and returns its key.
func keyOfItem(s *engine.Schema, it item.Item) (engine.Key, error) {
	for i, a := range s.Key.Attrs() {
		v := it.Get(a.Name)
		if v.Kind == item.None {
			return engine.Key{}, item.Invalid(invalidValues + "Missing the key " + a.Name + " in the item")
		}
		if v.Kind != a.Kind {
			return engine.Key{}, item.Invalid(invalidValues + "Type mismatch for key " + a.Name + " expected: " + a.Kind.String() + " actual: " + v.Kind.String())
		}
		if err := checkKeyValue(a, v, i == 0, "One or more parameter values are not valid. "); err != nil {
			return engine.Key{}, err
		}
	}
	if err := checkIndexKeys(s, it); err != nil {
		return engine.Key{}, err
	}
	k, _ := s.Key.KeyOf(it)
	return k, nil
}

// checkIndexKeys refuses attributes that are keys of an index and cannot be.
func checkIndexKeys(s *engine.Schema, it item.Item) error {
	for _, x := range s.Indexes {
		for _, a := range x.Key.Attrs() {
			v := it.Get(a.Name)
			switch {
			case v.Kind == item.None:
			case v.Kind != a.Kind:
				return errIndexKeyType(x, a, v.Kind)
			case v.Kind != item.N && v.Str == "":
				return item.Invalid("One or more parameter values are not valid. A value specified for a secondary index key is not supported. " +
					"The AttributeValue for a key attribute cannot contain an empty " + kindWord(v.Kind) + " value. IndexName: " + x.Name + ", IndexKey: " + a.Name)
			}
		}
	}
	return nil
}

// checkUpdatedKeys is checkIndexKeys for what an update has made. AWS has other words there.
func checkUpdatedKeys(s *engine.Schema, it item.Item) error {
	for _, x := range s.Indexes {
		for _, a := range x.Key.Attrs() {
			v := it.Get(a.Name)
			switch {
			case v.Kind == item.None:
			case v.Kind != a.Kind:
				return item.Invalid("The update expression attempted to update the secondary index key to unsupported type")
			case v.Kind != item.N && v.Str == "":
				return item.Invalid("One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. " +
					"The AttributeValue for a key attribute cannot contain an empty " + kindWord(v.Kind) + " value.")
			}
		}
	}
	return nil
}

func errIndexKeyType(x engine.Index, a engine.KeyAttr, actual item.Kind) error {
	return item.Invalid(invalidValues + "Type mismatch for Index Key " + a.Name + " Expected: " + a.Kind.String() + " Actual: " + actual.String() + " IndexName: " + x.Name)
}

// checkTargets refuses updates of key attributes, and of index keys to a wrong type.
func checkTargets(s *engine.Schema, targets []expr.Target) error {
	for _, a := range s.Key.Attrs() {
		for _, t := range targets {
			if t.Name == a.Name {
				return item.Invalid(invalidValues + "Cannot update attribute " + a.Name + ". This attribute is part of the key")
			}
		}
	}
	for _, x := range s.Indexes {
		for _, a := range x.Key.Attrs() {
			for _, t := range targets {
				if t.Name == a.Name && t.Kind != item.None && t.Kind != a.Kind {
					return errIndexKeyType(x, a, t.Kind)
				}
			}
		}
	}
	refs := make([]expr.Ref, len(targets))
	for i, t := range targets {
		refs[i] = t.Ref
	}
	return checkRefs(s, refs)
}

// checkRefs refuses paths that go on inside a key attribute.
func checkRefs(s *engine.Schema, refs []expr.Ref) error {
	nested := func(a engine.KeyAttr) bool {
		for _, r := range refs {
			if r.Nested && r.Name == a.Name {
				return true
			}
		}
		return false
	}
	const text = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
	for _, a := range s.Key.Attrs() {
		if nested(a) {
			return item.Invalid(text + "Key: " + a.Name)
		}
	}
	for _, x := range s.Indexes {
		for _, a := range x.Key.Attrs() {
			if nested(a) {
				return item.Invalid(text + "IndexKey: " + a.Name)
			}
		}
	}
	return nil
}

// keyItem returns the attributes of it that are keys of the table or the index.
func keyItem(s *engine.Schema, index string, it item.Encoded) item.Item {
	attrs := s.Key.Attrs()
	if x, ok := s.Index(index); ok {
		attrs = append(attrs, x.Key.Attrs()...)
	}
	var out []item.Attr
	for _, a := range attrs {
		out = append(out, item.Attr{Name: a.Name, Value: it.Get(a.Name)})
	}
	return item.FromAttrs(out)
}
