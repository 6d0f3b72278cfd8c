package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	tree "github.com/sallyport/sallyport/internal/json"
)

// A Value is JSON: nil, bool, json.Number, string, []any or *Object.
type Value = any

// An Object is a JSON object that keeps the order of its members, as AWS does.
type Object = tree.Object

// NewObject returns an object of names and values in turns.
func NewObject(pairs ...any) *Object {
	o := &Object{}
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// maxDepth bounds the nesting of documents.
const maxDepth = 1000

var errTooDeep = errors.New("nesting is too deep")

// Decode reads one JSON document. Of members of the same name the last counts.
func Decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("invalid character after top-level value")
	}
	return v, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	return decodeToken(d, t, depth)
}

func decodeToken(d *json.Decoder, t json.Token, depth int) (any, error) {
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth > maxDepth {
		return nil, errTooDeep
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return decodeObject(d, depth)
}

// manyMembers is from how many members on a name that comes again is looked up, and not searched for.
const manyMembers = 16

func decodeObject(d *json.Decoder, depth int) (any, error) {
	o := &Object{}
	var index map[string]int
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := token.(string)
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		if len(o.Members) < manyMembers {
			o.Set(name, v)
			continue
		}
		if index == nil {
			index = make(map[string]int, 2*manyMembers)
			for i := range o.Members {
				index[o.Members[i].Name] = i
			}
		}
		if i, there := index[name]; there {
			o.Members[i].Value = v
			continue
		}
		index[name] = len(o.Members)
		o.Members = append(o.Members, tree.Member{Name: name, Value: v})
	}
	_, err := d.Token()
	return o, err
}

// Encode writes v as compact JSON. It panics on what is no Value: that is a programmer's mistake.
func Encode(v any) []byte { return AppendValue(nil, v) }

// AppendValue appends v as compact JSON.
func AppendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		return append(b, v...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return append(b, numberOf(v)...)
	case string:
		return tree.AppendQuoted(b, v)
	case json.RawMessage:
		return append(b, v...)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendValue(b, e)
		}
		return append(b, ']')
	case *Object:
		b = append(b, '{')
		for i := range v.Members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(tree.AppendQuoted(b, v.Members[i].Name), ':')
			b = AppendValue(b, v.Members[i].Value)
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("asl: %T is no JSON value", v))
}

// numberOf writes a float as JavaScript would.
func numberOf(f float64) json.Number {
	if f == 0 {
		return "0"
	}
	if f > -1e21 && f < 1e21 {
		return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	return json.Number(strconv.FormatFloat(f, 'e', -1, 64))
}

func floatOf(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// intOf returns a number that is whole and written as such.
func intOf(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	if i, err := n.Int64(); err == nil {
		return i, true
	}
	f, err := n.Float64()
	if err != nil || f != float64(int64(f)) || f > 1<<53 || f < -(1<<53) {
		return 0, false
	}
	return int64(f), true
}

// Equal tells whether two values are the same JSON: numbers by value, members in any order.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		x, ok1 := floatOf(a)
		y, ok2 := floatOf(b)
		return ok1 && ok2 && x == y
	case []any:
		list, ok := b.([]any)
		if !ok || len(a) != len(list) {
			return false
		}
		for i := range a {
			if !Equal(a[i], list[i]) {
				return false
			}
		}
		return true
	case *Object:
		o, ok := b.(*Object)
		if !ok || a.Len() != o.Len() {
			return false
		}
		for i := range a.Members {
			v, there := o.Get(a.Members[i].Name)
			if !there || !Equal(a.Members[i].Value, v) {
				return false
			}
		}
		return true
	case nil, bool, string:
		return a == b
	}
	return false
}

// javaText writes a value as AWS's States.Format does: strings bare, objects and lists as Java prints maps and lists.
func javaText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = javaText(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *Object:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = v.Members[i].Name + "=" + javaText(v.Members[i].Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return string(Encode(v))
}
