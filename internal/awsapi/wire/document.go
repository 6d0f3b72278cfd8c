package wire

import (
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"

	ourjson "github.com/sallyport/sallyport/internal/json"
)

// ReadDocument reads a JSON object that has all members by name, also those which HTTP has elsewhere than in the body, into v.
// Names are those on the wire or those of AWS's model. A member that is the whole body in HTTP takes any JSON.
func (t *Type) ReadDocument(data []byte, v any, d Dialect) error {
	rv := t.structOf(v)
	r := jsonReader{data: data, dialect: d}
	if r.peek() == 0 && r.pos == len(data) {
		return nil
	}
	if r.peek() != '{' {
		return &SerializationError{"Unexpected field type"}
	}
	err := r.members(func(name []byte) error {
		f := t.named(string(name))
		if f == nil {
			return r.skip()
		}
		fv := rv.Field(f.index)
		if f.payload && f.shape.kind == kBlob {
			r.space()
			start := r.pos
			if err := r.skip(); err != nil {
				return err
			}
			fv.SetBytes(r.data[start:r.pos])
			return nil
		}
		return r.value(f.shape, fv)
	})
	if err == nil {
		if r.space(); r.pos != len(data) {
			return errSyntax
		}
	}
	return err
}

// named finds a field by its name on the wire or in the model; the case of the first letter does not count.
func (t *Type) named(name string) *field {
	if i, ok := t.body[name]; ok {
		return &t.fields[i]
	}
	for i := range t.fields {
		f := &t.fields[i]
		if f.wire == name || strings.EqualFold(t.typ.Field(f.index).Name, name) {
			return f
		}
	}
	return nil
}

// AppendDocument is the reverse of ReadDocument. Members outside the body have their names in the model.
func (t *Type) AppendDocument(dst []byte, v any) ([]byte, error) {
	rv := t.structOf(v)
	w := jsonWriter{out: append(dst, '{')}
	first := true
	for i := range t.fields {
		f := &t.fields[i]
		fv := rv.Field(f.index)
		if _, ok := f.shape.given(fv); !ok {
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		name := f.wire
		if f.place != inBody || f.payload {
			name = t.typ.Field(f.index).Name
		}
		w.out = ourjson.AppendQuoted(w.out, name)
		w.out = append(w.out, ':')
		if f.payload && f.shape.kind == kBlob {
			w.payload(fv.Bytes())
			continue
		}
		format := timeUnix
		if f.time != timeDefault {
			format = f.time
		}
		w.value(f.shape, fv, format)
	}
	w.out = append(w.out, '}')
	return w.out, w.err
}

// payload writes a body as the JSON it is, or as a string.
func (w *jsonWriter) payload(b []byte) {
	switch {
	case json.Valid(b):
		w.out = append(w.out, b...)
	case utf8.Valid(b):
		w.out = ourjson.AppendQuoted(w.out, b)
	default:
		w.value(&shape{kind: kBlob}, reflect.ValueOf(b), timeUnix)
	}
}

// Strings returns the members of v that are strings, by their names in the model: TableName, FunctionName.
func (t *Type) Strings(v any) map[string]string {
	rv := t.structOf(v)
	m := map[string]string{}
	for i := range t.fields {
		f := &t.fields[i]
		if f.shape.kind != kString {
			continue
		}
		if fv, ok := f.shape.given(rv.Field(f.index)); ok {
			m[t.typ.Field(f.index).Name] = fv.String()
		}
	}
	return m
}
