package wire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	ourjson "github.com/sallyport/sallyport/internal/json"
)

// An Appender writes its own JSON: faster than json.Marshaler where both are there.
type Appender interface {
	AppendJSON(dst []byte) []byte
}

// AppendJSON appends v, a struct of this type or a pointer to one, as a JSON object. What was not given is left out, and so is what
// belongs elsewhere in a REST answer.
func (t *Type) AppendJSON(dst []byte, v any) ([]byte, error) {
	w := jsonWriter{out: dst}
	w.structure(t, t.structOf(v), timeUnix)
	return w.out, w.err
}

// AppendWholeJSON appends v as AppendJSON does, in the form that services of the Query protocol have for JSON.
//
// AWS: members stand in the order of their names, and what was not given is null.
func (t *Type) AppendWholeJSON(dst []byte, v any) ([]byte, error) {
	w := jsonWriter{out: dst, whole: true}
	w.structure(t, t.structOf(v), timeUnix)
	return w.out, w.err
}

// AppendValue appends any value whose structs have our tags. Types are planned anew: use it where values are few.
func AppendValue(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return append(dst, "null"...), nil
	}
	w := jsonWriter{out: dst}
	s := planner{}.shape(reflect.TypeOf(v))
	w.value(s, reflect.ValueOf(v), timeUnix)
	return w.out, w.err
}

type jsonWriter struct {
	out   []byte
	err   error
	whole bool // see AppendWholeJSON
}

func (w *jsonWriter) structure(t *Type, v reflect.Value, format timeFormat) {
	w.out = append(w.out, '{')
	first := true
	fields := t.fields
	if w.whole {
		fields = slices.SortedFunc(slices.Values(fields), func(a, b field) int { return strings.Compare(a.wire, b.wire) })
	}
	for i := range fields {
		f := &fields[i]
		if f.place != inBody || f.payload {
			continue
		}
		fv := v.Field(f.index)
		_, given := f.shape.given(fv)
		if !given && !w.whole {
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.out = append(w.out, f.quoted...)
		if !given {
			w.out = append(w.out, "null"...)
			continue
		}
		own := format
		if f.time != timeDefault {
			own = f.time
		}
		w.value(f.shape, fv, own)
	}
	w.out = append(w.out, '}')
}

// value writes v, which may be a pointer.
func (w *jsonWriter) value(s *shape, v reflect.Value, format timeFormat) {
	if s.kind == kCustom || s.kind == kAny {
		w.custom(v)
		return
	}
	if s.ptr {
		if v.IsNil() {
			w.out = append(w.out, "null"...)
			return
		}
		v = v.Elem()
	}
	switch s.kind {
	case kString:
		w.out = ourjson.AppendQuoted(w.out, v.String())
	case kInt:
		w.out = strconv.AppendInt(w.out, v.Int(), 10)
	case kFloat:
		w.float(v.Float())
	case kBool:
		w.out = strconv.AppendBool(w.out, v.Bool())
	case kBlob:
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, v.Bytes())
		w.out = append(w.out, '"')
	case kTime:
		if format == timeUnix || format == timeDefault {
			// AWS: seconds are a double as Java prints it, 1.652716274909E9. Routes that return a call's answer show it to clients.
			w.out = ourjson.AppendDouble(w.out, float64(v.Interface().(time.Time).UnixMilli())/1000)
			return
		}
		w.out = append(w.out, '"')
		w.out = appendTime(w.out, v.Interface().(time.Time), format)
		w.out = append(w.out, '"')
	case kStruct:
		w.structure(s.st, v, format)
	case kList:
		w.list(s, v, format)
	case kMap:
		w.dictionary(s, v, format)
	}
}

func (w *jsonWriter) list(s *shape, v reflect.Value, format timeFormat) {
	w.out = append(w.out, '[')
	for i := range v.Len() {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.value(s.elem, v.Index(i), format)
	}
	w.out = append(w.out, ']')
}

func (w *jsonWriter) dictionary(s *shape, v reflect.Value, format timeFormat) {
	w.out = append(w.out, '{')
	for i, k := range sortedMapKeys(v) {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = ourjson.AppendQuoted(w.out, k.String())
		w.out = append(w.out, ':')
		w.value(s.elem, v.MapIndex(k), format)
	}
	w.out = append(w.out, '}')
}

func (w *jsonWriter) float(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.out = append(w.out, "null"...)
		return
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	w.out = strconv.AppendFloat(w.out, f, format, -1, 64)
}

func (w *jsonWriter) custom(v reflect.Value) {
	if v.Kind() == reflect.Pointer && v.IsNil() || v.Kind() == reflect.Interface && v.IsNil() {
		w.out = append(w.out, "null"...)
		return
	}
	if v.CanAddr() && v.Kind() != reflect.Pointer {
		v = v.Addr()
	}
	switch x := v.Interface().(type) {
	case Appender:
		w.out = x.AppendJSON(w.out)
	default:
		b, err := json.Marshal(x)
		if err != nil {
			w.err = err
			return
		}
		w.out = append(w.out, b...)
	}
}
