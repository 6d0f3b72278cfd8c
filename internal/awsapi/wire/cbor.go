package wire

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	ourjson "github.com/sallyport/sallyport/internal/json"
)

// Major types of CBOR (RFC 8949).
const (
	cborUint = iota << 5
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// Of the tags, AWS uses 1: a time in seconds. Of the simple values, these.
const (
	cborFalse   = 20
	cborTrue    = 21
	cborNull    = 22
	cborUndef   = 23
	cborHalf    = 25
	cborFloat   = 26
	cborDouble  = 27
	cborOpen    = 31 // an indefinite length, and its end
	maxCBORDeep = 64
)

var errCBOR = errors.New("not the CBOR that AWS's SDKs write")

// CBORToJSON returns a body of the protocol rpc-v2-cbor as JSON: bytes become base64, times numbers.
func CBORToJSON(data []byte) ([]byte, error) {
	r := cborReader{in: data}
	if len(data) == 0 {
		return []byte("{}"), nil
	}
	if err := r.value(0); err != nil {
		return nil, err
	}
	if len(r.in) > 0 {
		return nil, errCBOR
	}
	return r.out, nil
}

type cborReader struct{ in, out []byte }

// head reads a type and its number; open says that the length is not told.
func (r *cborReader) head() (major, info byte, n uint64, err error) {
	if len(r.in) == 0 {
		return 0, 0, 0, errCBOR
	}
	b := r.in[0]
	major, info = b&0xE0, b&0x1F
	r.in = r.in[1:]
	size := 0
	switch {
	case info < 24:
		return major, info, uint64(info), nil
	case info <= 27:
		size = 1 << (info - 24)
	case info == cborOpen:
		return major, info, 0, nil
	default:
		return 0, 0, 0, errCBOR
	}
	if len(r.in) < size {
		return 0, 0, 0, errCBOR
	}
	for _, b := range r.in[:size] {
		n = n<<8 | uint64(b)
	}
	r.in = r.in[size:]
	return major, info, n, nil
}

func (r *cborReader) value(depth int) error {
	if depth > maxCBORDeep {
		return errCBOR
	}
	major, info, n, err := r.head()
	if err != nil {
		return err
	}
	open := info == cborOpen
	switch major {
	case cborUint, cborNegative:
		return r.integer(major, n, open)
	case cborBytes, cborText:
		text, err := r.text(major, n, open)
		if err != nil {
			return err
		}
		if major == cborBytes {
			r.out = append(base64.StdEncoding.AppendEncode(append(r.out, '"'), text), '"')
		} else {
			r.out = ourjson.AppendQuoted(r.out, string(text))
		}
		return nil
	case cborArray:
		return r.items('[', ']', n, open, func(int) error { return r.value(depth + 1) })
	case cborMap:
		return r.items('{', '}', n, open, func(int) error { return r.member(depth) })
	case cborTag:
		return r.value(depth + 1)
	}
	return r.simple(info, n)
}

func (r *cborReader) integer(major byte, n uint64, open bool) error {
	if open || n > math.MaxInt64 {
		return errCBOR
	}
	if major == cborNegative {
		r.out = strconv.AppendInt(r.out, -1-int64(n), 10)
	} else {
		r.out = strconv.AppendUint(r.out, n, 10)
	}
	return nil
}

// text reads a string of bytes or characters, which may be in pieces.
func (r *cborReader) text(major byte, n uint64, open bool) ([]byte, error) {
	if !open {
		if n > uint64(len(r.in)) {
			return nil, errCBOR
		}
		text := r.in[:n]
		r.in = r.in[n:]
		if major == cborText && !utf8.Valid(text) {
			return nil, errCBOR
		}
		return text, nil
	}
	var all []byte
	for {
		m, info, n, err := r.head()
		if err != nil {
			return nil, err
		}
		if m == cborSimple && info == cborOpen {
			return all, nil
		}
		if m != major || info == cborOpen {
			return nil, errCBOR
		}
		piece, err := r.text(major, n, false)
		if err != nil {
			return nil, err
		}
		all = append(all, piece...)
	}
}

func (r *cborReader) items(begin, end byte, n uint64, open bool, item func(int) error) error {
	if !open && n > uint64(len(r.in)) { // an item has a byte at least
		return errCBOR
	}
	r.out = append(r.out, begin)
	for i := 0; open || uint64(i) < n; i++ {
		if open && len(r.in) > 0 && r.in[0] == cborSimple|cborOpen {
			r.in = r.in[1:]
			break
		}
		if i > 0 {
			r.out = append(r.out, ',')
		}
		if err := item(i); err != nil {
			return err
		}
	}
	r.out = append(r.out, end)
	return nil
}

func (r *cborReader) member(depth int) error {
	major, info, n, err := r.head()
	if err != nil || major != cborText {
		return errCBOR
	}
	name, err := r.text(major, n, info == cborOpen)
	if err != nil {
		return err
	}
	r.out = append(ourjson.AppendQuoted(r.out, string(name)), ':')
	return r.value(depth + 1)
}

func (r *cborReader) simple(info byte, n uint64) error {
	var f float64
	switch info {
	case cborFalse, cborTrue:
		r.out = strconv.AppendBool(r.out, info == cborTrue)
		return nil
	case cborNull, cborUndef:
		r.out = append(r.out, "null"...)
		return nil
	case cborHalf:
		f = half(uint16(n))
	case cborFloat:
		f = float64(math.Float32frombits(uint32(n)))
	case cborDouble:
		f = math.Float64frombits(n)
	default:
		return errCBOR
	}
	w := jsonWriter{out: r.out}
	w.float(f)
	r.out = w.out
	return nil
}

// half reads a number of 16 bits.
func half(h uint16) float64 {
	exponent, fraction := int(h>>10)&31, float64(h&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		f = math.Inf(1)
		if fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}

// AppendCBOR appends v, a struct of this type or a pointer to one, as a map of CBOR. What was not given is left out.
func (t *Type) AppendCBOR(dst []byte, v any) ([]byte, error) {
	w := cborWriter{out: dst}
	w.structure(t, t.structOf(v))
	return w.out, w.err
}

type cborWriter struct {
	out []byte
	err error
}

func (w *cborWriter) head(major byte, n uint64) {
	switch {
	case n < 24:
		w.out = append(w.out, major|byte(n))
	case n < 1<<8:
		w.out = append(w.out, major|24, byte(n))
	case n < 1<<16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, major|25), uint16(n))
	case n < 1<<32:
		w.out = binary.BigEndian.AppendUint32(append(w.out, major|26), uint32(n))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, major|27), n)
	}
}

func (w *cborWriter) text(s string) {
	w.head(cborText, uint64(len(s)))
	w.out = append(w.out, s...)
}

func (w *cborWriter) integer(i int64) {
	if i < 0 {
		w.head(cborNegative, uint64(-1-i))
		return
	}
	w.head(cborUint, uint64(i))
}

func (w *cborWriter) double(f float64) {
	w.out = binary.BigEndian.AppendUint64(append(w.out, cborSimple|cborDouble), math.Float64bits(f))
}

func (w *cborWriter) simple(n byte) { w.out = append(w.out, cborSimple|n) }

func (w *cborWriter) structure(t *Type, v reflect.Value) {
	w.out = append(w.out, cborMap|cborOpen)
	for i := range t.fields {
		f := &t.fields[i]
		fv := v.Field(f.index)
		if _, ok := f.shape.given(fv); !ok {
			continue
		}
		w.text(f.wire)
		w.value(f.shape, fv)
	}
	w.simple(cborOpen)
}

// value writes v, which may be a pointer.
func (w *cborWriter) value(s *shape, v reflect.Value) {
	if s.kind == kCustom || s.kind == kAny {
		w.custom(v)
		return
	}
	if s.ptr {
		if v.IsNil() {
			w.simple(cborNull)
			return
		}
		v = v.Elem()
	}
	switch s.kind {
	case kString:
		w.text(v.String())
	case kInt:
		w.integer(v.Int())
	case kFloat:
		w.double(v.Float())
	case kBool:
		w.boolean(v.Bool())
	case kBlob:
		w.head(cborBytes, uint64(v.Len()))
		w.out = append(w.out, v.Bytes()...)
	case kTime:
		at := v.Interface().(time.Time)
		w.head(cborTag, 1)
		w.double(float64(at.UnixMilli()) / 1000)
	case kStruct:
		w.structure(s.st, v)
	case kList:
		w.head(cborArray, uint64(v.Len()))
		for i := range v.Len() {
			w.value(s.elem, v.Index(i))
		}
	case kMap:
		w.head(cborMap, uint64(v.Len()))
		for _, k := range sortedMapKeys(v) {
			w.text(k.String())
			w.value(s.elem, v.MapIndex(k))
		}
	}
}

func (w *cborWriter) boolean(b bool) {
	if b {
		w.simple(cborTrue)
	} else {
		w.simple(cborFalse)
	}
}

// custom writes what writes its own JSON.
func (w *cborWriter) custom(v reflect.Value) {
	j := jsonWriter{}
	j.custom(v)
	var any any
	if w.err = errors.Join(w.err, j.err, json.Unmarshal(j.out, &any)); w.err == nil {
		w.free(any)
	}
}

// free writes any JSON.
func (w *cborWriter) free(v any) {
	switch v := v.(type) {
	case string:
		w.text(v)
	case float64:
		w.double(v)
	case bool:
		w.boolean(v)
	case []any:
		w.head(cborArray, uint64(len(v)))
		for _, one := range v {
			w.free(one)
		}
	case map[string]any:
		w.head(cborMap, uint64(len(v)))
		for name, one := range v {
			w.text(name)
			w.free(one)
		}
	default:
		w.simple(cborNull)
	}
}

// CBOROf returns any JSON as CBOR.
func CBOROf(data []byte) ([]byte, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	var w cborWriter
	w.free(v)
	return w.out, nil
}
