package wire

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A Type is the plan of a struct type: where each field is on the wire and what its values must satisfy.
// It may be used by many goroutines.
type Type struct {
	typ      reflect.Type
	fields   []field
	body     map[string]int // fields in the body, by wire name
	payload  int            // the field that is the whole body, or -1
	bindings bool           // some field is outside the body
}

// A place is where a field is in an HTTP message.
type place uint8

const (
	inBody place = iota
	inURI
	inQuery
	inHeader
	inHeaders // a map of all headers with a prefix
	inStatus
)

type field struct {
	index    int
	name     string // as AWS writes it in validation errors: "tableName"
	wire     string
	form     string // in forms and XML
	place    place
	required bool
	payload  bool
	events   bool
	flat     bool
	member   string // XML names of list elements, map keys and map values
	key      string
	value    string
	time     timeFormat
	value0   *limits // of the value, of elements, of map keys; nil when free
	elem     *limits
	keys     *limits
	shape    *shape
	quoted   string // `"wire":`
}

type timeFormat uint8

const (
	timeDefault timeFormat = iota
	timeISO8601
	timeUnix
	timeRFC822
)

type kind uint8

const (
	kString kind = iota
	kInt
	kFloat
	kBool
	kBlob
	kTime
	kStruct
	kList
	kMap
	kCustom // reads and writes its own JSON
	kAny    // free JSON, as encoding/json has it
)

// A shape is the plan of one Go type below a field.
type shape struct {
	kind kind
	typ  reflect.Type
	ptr  bool   // a pointer to what kind says
	elem *shape // of lists and maps
	st   *Type  // of structs
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
)

// New returns the plan of a struct type. It panics if a tag or a field's type cannot be read: that is a programmer's mistake.
func New(t reflect.Type) *Type { return planner{}.plan(t) }

// NewValue returns a pointer to a new struct of this type.
func (t *Type) NewValue() any { return reflect.New(t.typ).Interface() }

// A planner keeps the plans that are being made, so that types may contain themselves.
type planner map[reflect.Type]*Type

func (p planner) plan(t reflect.Type) *Type {
	if done, ok := p[t]; ok {
		return done
	}
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("wire: %s is not a struct", t))
	}
	pl := &Type{typ: t, body: map[string]int{}, payload: -1}
	p[t] = pl
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() || sf.Tag.Get("aws") == "-" {
			continue
		}
		f := p.field(t, i, sf)
		switch {
		case f.payload:
			pl.payload = len(pl.fields)
			pl.bindings = true
		case f.place == inBody:
			pl.body[f.wire] = len(pl.fields)
		default:
			pl.bindings = true
		}
		pl.fields = append(pl.fields, f)
	}
	return pl
}

func (p planner) field(t reflect.Type, i int, sf reflect.StructField) field {
	f := field{index: i, wire: sf.Name, name: lowerFirst(sf.Name), member: "member", key: "key", value: "value"}
	f.value0 = readLimits(sf.Tag, "")
	f.elem = readLimits(sf.Tag, "elem")
	f.keys = readLimits(sf.Tag, "key")
	for n, opt := range strings.Split(sf.Tag.Get("aws"), ",") {
		if n == 0 {
			if opt != "" {
				f.wire = opt
			}
			continue
		}
		if !f.option(opt) {
			panic(fmt.Sprintf("wire: field %s.%s has the unknown option %q", t, sf.Name, opt))
		}
	}
	if f.form == "" {
		f.form = f.wire
	}
	f.shape = p.shape(sf.Type)
	f.quoted = `"` + f.wire + `":`
	return f
}

// option applies one option of the aws tag; those of limits were read before.
func (f *field) option(opt string) bool {
	name, value, _ := strings.Cut(opt, "=")
	switch name {
	case "uri":
		f.place = inURI
	case "query":
		f.place = inQuery
	case "header":
		f.place = inHeader
	case "headers":
		f.place = inHeaders
	case "status":
		f.place = inStatus
	case "payload":
		f.payload = true
	case "events":
		f.events = true
	case "required":
		f.required = true
	case "flat":
		f.flat = true
	case "form":
		f.form = value
	case "member":
		f.member = value
	case "key":
		f.key = value
	case "value":
		f.value = value
	case "min", "max":
	case "time":
		f.time = map[string]timeFormat{"iso8601": timeISO8601, "unix": timeUnix, "rfc822": timeRFC822}[value]
		return f.time != timeDefault
	default:
		return false
	}
	return true
}

func (p planner) shape(t reflect.Type) *shape {
	s := &shape{typ: t}
	if t.Kind() == reflect.Pointer && t.Elem() != timeType && t.Implements(unmarshalerType) ||
		t != timeType && reflect.PointerTo(t).Implements(unmarshalerType) {
		s.kind = kCustom
		s.ptr = t.Kind() == reflect.Pointer
		return s
	}
	if t.Kind() == reflect.Pointer {
		s.ptr = true
		t = t.Elem()
	}
	switch {
	case t == timeType:
		s.kind = kTime
	case t.Kind() == reflect.Interface:
		s.kind = kAny
	case t.Kind() == reflect.String:
		s.kind = kString
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		s.kind = kInt
	case t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32:
		s.kind = kFloat
	case t.Kind() == reflect.Bool:
		s.kind = kBool
	case t.Kind() == reflect.Struct:
		s.kind = kStruct
		s.st = p.plan(t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		s.kind = kBlob
	case t.Kind() == reflect.Slice:
		s.kind = kList
		s.elem = p.shape(t.Elem())
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		s.kind = kMap
		s.elem = p.shape(t.Elem())
	default:
		panic(fmt.Sprintf("wire: no wire format for %s", s.typ))
	}
	return s
}

// scalar reports whether values of s fit into a header, a path or a form's value.
func (s *shape) scalar() bool { return s.kind <= kTime }

// given returns what v holds, and false if it was not given: nil pointers, lists and maps, and zero values without a pointer.
func (s *shape) given(v reflect.Value) (reflect.Value, bool) {
	switch {
	case s.ptr:
		if v.IsNil() {
			return v, false
		}
		if s.kind == kCustom {
			return v, true
		}
		return v.Elem(), true
	case s.kind == kBlob, s.kind == kList, s.kind == kMap, s.kind == kAny:
		return v, !v.IsNil()
	case s.kind == kStruct:
		return v, true
	}
	return v, !v.IsZero()
}

// place makes room in v for a value of s and returns it.
func (s *shape) place(v reflect.Value) reflect.Value {
	if s.ptr && s.kind != kCustom {
		v.Set(reflect.New(s.typ.Elem()))
		return v.Elem()
	}
	return v
}

// Empty reports whether the struct has no fields.
func (t *Type) Empty() bool { return len(t.fields) == 0 }

// structOf returns the struct behind v, which is a struct of type t or a pointer to one.
func (t *Type) structOf(v any) reflect.Value {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer {
		rv = rv.Elem()
	}
	if rv.Type() != t.typ {
		panic(fmt.Sprintf("wire: %s used with the plan of %s", rv.Type(), t.typ))
	}
	return rv
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
