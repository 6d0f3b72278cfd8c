package json

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Number is a number as its text stands in the document.
type Number = json.Number

// An Object is a JSON object that remembers the order of its members. Its members have different names.
type Object struct {
	Members []Member
}

// A Member is a name and a value of an Object.
type Member struct {
	Name  string
	Value any
}

// Get returns the value of the member of this name. A nil object has none.
func (o *Object) Get(name string) (value any, ok bool) {
	if o == nil {
		return nil, false
	}
	for i := range o.Members {
		if o.Members[i].Name == name {
			return o.Members[i].Value, true
		}
	}
	return nil, false
}

// Set replaces the value of the member of this name, or appends one.
func (o *Object) Set(name string, value any) {
	for i := range o.Members {
		if o.Members[i].Name == name {
			o.Members[i].Value = value
			return
		}
	}
	o.Members = append(o.Members, Member{Name: name, Value: value})
}

// Len returns the number of members. A nil object has none.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.Members)
}

// Names returns the names of the members in their order.
func (o *Object) Names() []string {
	names := make([]string, o.Len())
	for i := range names {
		names[i] = o.Members[i].Name
	}
	return names
}

// Clone returns a copy that shares the members' values.
func (o *Object) Clone() *Object {
	if o == nil {
		return &Object{}
	}
	return &Object{Members: slices.Clone(o.Members)}
}

// AppendValue appends a value of ParseLenient to dst as JSON without blanks. Numbers keep their text.
func AppendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil, bool, Number:
		return AppendString(dst, v)
	case string:
		return AppendQuoted(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, e)
		}
		return append(dst, ']')
	case *Object:
		dst = append(dst, '{')
		for i, m := range v.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendQuoted(dst, m.Name)
			dst = append(dst, ':')
			dst = AppendValue(dst, m.Value)
		}
		return append(dst, '}')
	}
	panic(fmt.Sprintf("json: no value of ParseLenient: %T", value))
}

// AppendDouble appends f to dst as Java prints a double: 2.0, 0.25, 1.0E10.
func AppendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-3 || abs >= 1e7) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
		dst = append(dst, mantissa...)
		if !strings.Contains(mantissa, ".") {
			dst = append(dst, ".0"...)
		}
		n, _ := strconv.Atoi(exponent)
		return strconv.AppendInt(append(dst, 'E'), int64(n), 10)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if !strings.Contains(string(dst[start:]), ".") {
		dst = append(dst, ".0"...)
	}
	return dst
}
