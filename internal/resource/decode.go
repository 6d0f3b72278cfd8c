package resource

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// An InvalidProperties is a property that the type does not take, in CloudFormation's words: "#/Foo: expected type: ...".
type InvalidProperties struct {
	Path   string // "#" or "#/KeySchema/0"
	Detail string // "extraneous key [Foo] is not permitted"
}

func (e *InvalidProperties) Error() string { return e.Path + ": " + e.Detail }

// decode fills out, a struct, from properties as they come from a template. Numbers may be json.Number, int, int64 or float64.
// Fields of type any get what encoding/json would give them: nil, bool, float64, string, []any, map[string]any.
func decode(properties map[string]any, out reflect.Value) error {
	return decodeStruct("#", properties, out)
}

func decodeStruct(path string, in map[string]any, out reflect.Value) error {
	fields := fieldsOf(out.Type())
	known := make(map[string]bool, len(fields))
	for _, f := range fields {
		known[f.name] = true
		if v, ok := in[f.name]; f.required && (!ok || v == nil) {
			return &InvalidProperties{path, "required key [" + f.name + "] not found"}
		}
	}
	for _, name := range sortedKeys(in) {
		if !known[name] {
			return &InvalidProperties{path, "extraneous key [" + name + "] is not permitted"}
		}
	}
	for _, f := range fields {
		v, ok := in[f.name]
		if !ok || v == nil {
			continue
		}
		if err := decodeValue(path+"/"+f.name, v, out.Field(f.index)); err != nil {
			return err
		}
	}
	return nil
}

func decodeValue(path string, in any, out reflect.Value) error {
	if in == Unknown {
		return nil
	}
	if out.Type() == reflect.TypeFor[json.RawMessage]() {
		return decodeRaw(path, in, out)
	}
	switch out.Kind() {
	case reflect.Pointer:
		p := reflect.New(out.Type().Elem())
		if err := decodeValue(path, in, p.Elem()); err != nil {
			return err
		}
		out.Set(p)
		return nil
	case reflect.Interface:
		if v := plain(in); v != nil {
			out.Set(reflect.ValueOf(v))
		}
		return nil
	case reflect.Struct:
		m, ok := in.(map[string]any)
		if !ok {
			return mismatch(path, "JSONObject", in)
		}
		return decodeStruct(path, m, out)
	case reflect.Map:
		return decodeMap(path, in, out)
	case reflect.Slice:
		return decodeSlice(path, in, out)
	case reflect.String:
		s, ok := asString(in)
		if !ok {
			return mismatch(path, "String", in)
		}
		out.SetString(s)
		return nil
	case reflect.Bool:
		b, ok := asBool(in)
		if !ok {
			return mismatch(path, "Boolean", in)
		}
		out.SetBool(b)
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, ok := asInt(in)
		if !ok || out.OverflowInt(n) {
			return mismatch(path, "Integer", in)
		}
		out.SetInt(n)
		return nil
	case reflect.Float32, reflect.Float64:
		n, ok := asFloat(in)
		if !ok {
			return mismatch(path, "Number", in)
		}
		out.SetFloat(n)
		return nil
	}
	panic(fmt.Sprintf("resource: property %s has the type %s, which no property can have", path, out.Type()))
}

func decodeRaw(path string, in any, out reflect.Value) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return mismatch(path, "JSONObject", in)
	}
	out.SetBytes(raw)
	return nil
}

func decodeMap(path string, in any, out reflect.Value) error {
	m, ok := in.(map[string]any)
	if !ok {
		return mismatch(path, "JSONObject", in)
	}
	made := reflect.MakeMapWithSize(out.Type(), len(m))
	for _, k := range sortedKeys(m) {
		if m[k] == nil {
			continue
		}
		e := reflect.New(out.Type().Elem()).Elem()
		if err := decodeValue(path+"/"+k, m[k], e); err != nil {
			return err
		}
		made.SetMapIndex(reflect.ValueOf(k).Convert(out.Type().Key()), e)
	}
	out.Set(made)
	return nil
}

func decodeSlice(path string, in any, out reflect.Value) error {
	list, ok := in.([]any)
	if !ok {
		return mismatch(path, "JSONArray", in)
	}
	made := reflect.MakeSlice(out.Type(), len(list), len(list))
	for i, v := range list {
		if v == nil {
			continue
		}
		if err := decodeValue(path+"/"+strconv.Itoa(i), v, made.Index(i)); err != nil {
			return err
		}
	}
	out.Set(made)
	return nil
}

func asString(in any) (string, bool) {
	switch v := in.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

func asBool(in any) (bool, bool) {
	switch v := in.(type) {
	case bool:
		return v, true
	case string:
		switch {
		case strings.EqualFold(v, "true"):
			return true, true
		case strings.EqualFold(v, "false"):
			return false, true
		}
	}
	return false, false
}

func asInt(in any) (int64, bool) {
	switch v := in.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	}
	if text, ok := numberText(in); ok {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, true
		}
	}
	f, ok := asFloat(in)
	if !ok || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

func asFloat(in any) (float64, bool) {
	switch v := in.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	text, ok := numberText(in)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// numberText returns the text of what may be a number.
func numberText(in any) (string, bool) {
	switch v := in.(type) {
	case json.Number:
		return v.String(), true
	case string:
		return strings.TrimSpace(v), true
	}
	return "", false
}

// plain returns v as encoding/json would have decoded it.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k := range v {
			m[k] = plain(v[k])
		}
		return m
	case unknown:
		return nil
	}
	return v
}

func mismatch(path, want string, got any) error {
	return &InvalidProperties{path, "expected type: " + want + ", found: " + typeName(got)}
}

func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "Null"
	case string:
		return "String"
	case bool:
		return "Boolean"
	case []any:
		return "JSONArray"
	case map[string]any:
		return "JSONObject"
	default:
		if _, ok := asInt(v); ok {
			return "Integer"
		}
		return "BigDecimal"
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
