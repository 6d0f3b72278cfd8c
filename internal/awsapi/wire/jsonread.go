package wire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	ourjson "github.com/sallyport/sallyport/internal/json"
)

// A SerializationError says that a body could not be read into the operation's input. Message is empty when it is no JSON at all.
type SerializationError struct {
	Message string
}

func (e *SerializationError) Error() string { return "SerializationException: " + e.Message }

// A Dialect is how a service takes values of the wrong type.
type Dialect uint8

// Dialects.
const (
	Coral    Dialect = iota // "NUMBER_VALUE can not be converted to a String"
	DynamoDB                // "NUMBER_VALUE cannot be converted to String"
	Lenient                 // strings, numbers and booleans stand for each other: API Gateway
)

const maxDepth = 200

// ReadJSON reads a JSON object into v, a pointer to a struct of this type. An empty body is an empty object. Unknown members are ignored.
func (t *Type) ReadJSON(data []byte, v any, d Dialect) error {
	r := jsonReader{data: data, dialect: d}
	r.space()
	if r.pos == len(data) {
		return nil
	}
	if r.peek() != '{' {
		if err := r.skip(); err != nil {
			return err
		}
		return &SerializationError{"Unexpected field type"}
	}
	if err := r.object(t, t.structOf(v)); err != nil {
		return err
	}
	r.space()
	if r.pos != len(data) {
		return errSyntax
	}
	return nil
}

var errSyntax = &SerializationError{}

type jsonReader struct {
	data    []byte
	pos     int
	depth   int
	dialect Dialect
}

func (r *jsonReader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, or 0.
func (r *jsonReader) peek() byte {
	r.space()
	if r.pos == len(r.data) {
		return 0
	}
	return r.data[r.pos]
}

// object reads members into the struct rv.
func (r *jsonReader) object(t *Type, rv reflect.Value) error {
	return r.members(func(name []byte) error {
		i, ok := t.body[string(name)]
		if !ok {
			return r.skip()
		}
		f := &t.fields[i]
		return r.value(f.shape, rv.Field(f.index))
	})
}

// members calls f with each member's name, standing before its value.
func (r *jsonReader) members(f func(name []byte) error) error {
	if r.depth++; r.depth > maxDepth {
		return errSyntax
	}
	defer func() { r.depth-- }()
	r.pos++
	if r.peek() == '}' {
		r.pos++
		return nil
	}
	var scratch [64]byte
	for {
		if r.peek() != '"' {
			return errSyntax
		}
		name, err := r.str(scratch[:0])
		if err != nil {
			return err
		}
		if r.peek() != ':' {
			return errSyntax
		}
		r.pos++
		if err := f(name); err != nil {
			return err
		}
		switch r.peek() {
		case ',':
			r.pos++
		case '}':
			r.pos++
			return nil
		default:
			return errSyntax
		}
	}
}

// elements calls f before each element of a list.
func (r *jsonReader) elements(f func() error) error {
	if r.depth++; r.depth > maxDepth {
		return errSyntax
	}
	defer func() { r.depth-- }()
	r.pos++
	if r.peek() == ']' {
		r.pos++
		return nil
	}
	for {
		if err := f(); err != nil {
			return err
		}
		switch r.peek() {
		case ',':
			r.pos++
		case ']':
			r.pos++
			return nil
		default:
			return errSyntax
		}
	}
}

// value reads any value into v, which is a field, an element or a map's value.
func (r *jsonReader) value(s *shape, v reflect.Value) error {
	c := r.peek()
	if s.kind == kCustom || s.kind == kAny {
		return r.custom(s, v)
	}
	switch {
	case c == 'n':
		return r.literal("null")
	case c == '"':
		return r.stringValue(s, v)
	case c == '{':
		return r.objectValue(s, v)
	case c == '[':
		return r.listValue(s, v)
	case c == 't' || c == 'f':
		return r.boolValue(s, v, c == 't')
	case c == '-' || c >= '0' && c <= '9':
		return r.numberValue(s, v)
	}
	return errSyntax
}

// custom hands the text of a value to the type's own reader.
func (r *jsonReader) custom(s *shape, v reflect.Value) error {
	start := r.pos
	if err := r.skip(); err != nil {
		return err
	}
	raw := r.data[start:r.pos]
	if s.kind == kAny {
		var x any
		if err := json.Unmarshal(raw, &x); err != nil {
			return errSyntax
		}
		if x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return nil
	}
	if s.ptr {
		if string(raw) == "null" {
			return nil
		}
		v.Set(reflect.New(s.typ.Elem()))
	} else {
		v = v.Addr()
	}
	return v.Interface().(json.Unmarshaler).UnmarshalJSON(raw)
}

func (r *jsonReader) stringValue(s *shape, v reflect.Value) error {
	raw, err := r.str(nil)
	if err != nil {
		return err
	}
	switch s.kind {
	case kString:
		s.place(v).SetString(string(raw))
		return nil
	case kBlob:
		out := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
		n, err := base64.StdEncoding.Decode(out, raw)
		if err != nil {
			return &SerializationError{"Invalid Base64 text"}
		}
		v.SetBytes(out[:n])
		return nil
	case kTime:
		at, ok := parseTime(string(raw))
		if !ok {
			return &SerializationError{"class java.lang.String can not be converted to milliseconds since epoch"}
		}
		s.place(v).Set(reflect.ValueOf(at))
		return nil
	case kInt, kFloat, kBool:
		if r.dialect == Lenient && setScalar(s, v, string(raw)) {
			return nil
		}
	}
	return r.wrong("STRING_VALUE", s)
}

func (r *jsonReader) boolValue(s *shape, v reflect.Value, b bool) error {
	word, token := "false", "FALSE_VALUE"
	if b {
		word, token = "true", "TRUE_VALUE"
	}
	if err := r.literal(word); err != nil {
		return err
	}
	switch {
	case s.kind == kBool:
		s.place(v).SetBool(b)
		return nil
	case s.kind == kString && r.dialect == Lenient:
		s.place(v).SetString(word)
		return nil
	}
	return r.wrong(token, s)
}

func (r *jsonReader) numberValue(s *shape, v reflect.Value) error {
	raw, err := r.number()
	if err != nil {
		return err
	}
	switch s.kind {
	case kInt:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			f, err := strconv.ParseFloat(string(raw), 64)
			if err != nil || math.Abs(f) >= 1<<63 {
				return r.wrong("NUMBER_VALUE", s)
			}
			n = int64(f) // AWS: 1.5 is taken as 1
		}
		s.place(v).SetInt(n)
		return nil
	case kFloat:
		f, _ := strconv.ParseFloat(string(raw), 64)
		s.place(v).SetFloat(f)
		return nil
	case kTime:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || math.Abs(f) > 1e12 {
			return r.wrong("NUMBER_VALUE", s)
		}
		s.place(v).Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(f * 1000))).UTC()))
		return nil
	case kString:
		if r.dialect == Lenient {
			s.place(v).SetString(string(raw))
			return nil
		}
	}
	return r.wrong("NUMBER_VALUE", s)
}

func (r *jsonReader) objectValue(s *shape, v reflect.Value) error {
	switch s.kind {
	case kStruct:
		return r.object(s.st, s.place(v))
	case kMap:
		m := reflect.MakeMap(s.typ)
		v.Set(m)
		return r.members(func(name []byte) error {
			if r.peek() == 'n' && s.elem.scalar() {
				return r.literal("null") // a map of scalars keeps no nulls
			}
			key := reflect.ValueOf(string(name)).Convert(s.typ.Key())
			e := reflect.New(s.elem.typ).Elem()
			if err := r.value(s.elem, e); err != nil {
				return err
			}
			m.SetMapIndex(key, e)
			return nil
		})
	}
	if err := r.skip(); err != nil {
		return err
	}
	if r.dialect == DynamoDB {
		return &SerializationError{"Start of structure or map found where not expected"}
	}
	return &SerializationError{"Start of structure or map found where not expected."}
}

func (r *jsonReader) listValue(s *shape, v reflect.Value) error {
	if s.kind != kList {
		if err := r.skip(); err != nil {
			return err
		}
		if r.dialect == DynamoDB {
			return &SerializationError{"Unrecognized collection type class java.lang." + javaName(s)}
		}
		return &SerializationError{"Start of list found where not expected"}
	}
	list := reflect.MakeSlice(s.typ, 0, 4)
	err := r.elements(func() error {
		if r.peek() == 'n' && s.elem.scalar() {
			return &SerializationError{"Unexpected field type"}
		}
		list = reflect.Append(list, reflect.Zero(s.elem.typ))
		return r.value(s.elem, list.Index(list.Len()-1))
	})
	v.Set(list)
	return err
}

// wrong is the error for a token where a value of s was meant.
func (r *jsonReader) wrong(token string, s *shape) error {
	switch {
	case s.kind >= kStruct:
		return &SerializationError{"Unexpected field type"}
	case r.dialect == DynamoDB:
		return &SerializationError{token + " cannot be converted to " + javaName(s)}
	case s.kind == kInt:
		return &SerializationError{token + " can not be converted to an Integer"}
	}
	return &SerializationError{token + " can not be converted to a " + javaName(s)}
}

func javaName(s *shape) string {
	switch s.kind {
	case kString:
		return "String"
	case kInt:
		return "Integer"
	case kFloat:
		return "Double"
	case kBool:
		return "Boolean"
	case kBlob:
		return "ByteBuffer"
	case kTime:
		return "Date"
	}
	return "Object"
}

func (r *jsonReader) literal(word string) error {
	if len(r.data)-r.pos < len(word) || string(r.data[r.pos:r.pos+len(word)]) != word {
		return errSyntax
	}
	r.pos += len(word)
	return nil
}

// str reads a string. The result lies in the input if the string has no escapes and is good UTF-8, else in scratch or a copy.
func (r *jsonReader) str(scratch []byte) ([]byte, error) {
	r.pos++
	start, escaped, ascii := r.pos, false, true
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; {
		case c == '"':
			raw := r.data[start:r.pos]
			r.pos++
			if !ascii && !utf8.Valid(raw) {
				return nil, errSyntax
			}
			if !escaped {
				return raw, nil
			}
			return ourjson.AppendUnquoted(scratch, raw), nil
		case c == '\\':
			n := escapeLen(r.data[r.pos:])
			if n == 0 {
				return nil, errSyntax
			}
			r.pos += n
			escaped = true
		case c < 0x20:
			return nil, errSyntax
		default:
			ascii = ascii && c < utf8.RuneSelf
			r.pos++
		}
	}
	return nil, errSyntax
}

// escapeLen returns the length of the escape that b begins with, or 0.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}

// number reads a number by JSON's grammar.
func (r *jsonReader) number() ([]byte, error) {
	start := r.pos
	if r.data[r.pos] == '-' {
		r.pos++
	}
	if r.pos < len(r.data) && r.data[r.pos] == '0' {
		r.pos++
	} else if !r.digits() {
		return nil, errSyntax
	}
	if r.pos < len(r.data) && r.data[r.pos] == '.' {
		r.pos++
		if !r.digits() {
			return nil, errSyntax
		}
	}
	if r.pos < len(r.data) && r.data[r.pos]|0x20 == 'e' {
		r.pos++
		if r.pos < len(r.data) && (r.data[r.pos] == '+' || r.data[r.pos] == '-') {
			r.pos++
		}
		if !r.digits() {
			return nil, errSyntax
		}
	}
	return r.data[start:r.pos], nil
}

func (r *jsonReader) digits() bool {
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
	}
	return r.pos > start
}

// skip passes over one value and checks its syntax.
func (r *jsonReader) skip() error {
	switch c := r.peek(); {
	case c == '"':
		_, err := r.str(nil)
		return err
	case c == '{':
		return r.members(func([]byte) error { return r.skip() })
	case c == '[':
		return r.elements(r.skip)
	case c == 't':
		return r.literal("true")
	case c == 'f':
		return r.literal("false")
	case c == 'n':
		return r.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		_, err := r.number()
		return err
	}
	return errSyntax
}
