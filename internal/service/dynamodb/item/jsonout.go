package item

import (
	"encoding/base64"

	"github.com/sallyport/sallyport/internal/json"
)

// AppendJSON appends the item as {"name":{"S":"…"},…}.
func AppendJSON(dst []byte, it Item) []byte {
	dst = append(dst, '{')
	for i, a := range it {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(json.AppendQuoted(dst, a.Name), ':')
		dst = AppendValueJSON(dst, a.Value)
	}
	return append(dst, '}')
}

// AppendValueJSON appends the value as {"S":"…"}.
func AppendValueJSON(dst []byte, v Value) []byte {
	if v.Kind == None {
		return append(dst, "{}"...)
	}
	dst = append(append(append(dst, `{"`...), v.Kind.String()...), `":`...)
	switch v.Kind {
	case S, N:
		dst = json.AppendQuoted(dst, v.Str)
	case B:
		dst = appendBase64(dst, v.Str)
	case NULL:
		dst = append(dst, "true"...)
	case BOOL:
		dst = appendBool(dst, v.True)
	case M:
		dst = AppendJSON(dst, v.Map)
	default:
		dst = append(dst, '[')
		for i, e := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			switch v.Kind {
			case L:
				dst = AppendValueJSON(dst, e)
			case BS:
				dst = appendBase64(dst, e.Str)
			default:
				dst = json.AppendQuoted(dst, e.Str)
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// MarshalJSON implements json.Marshaler.
func (it Item) MarshalJSON() ([]byte, error) { return AppendJSON(nil, it), nil }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return AppendValueJSON(nil, v), nil }

// MarshalJSON implements json.Marshaler.
func (e Encoded) MarshalJSON() ([]byte, error) { return e.JSON(make([]byte, 0, len(e)*3/2+32)) }

// AppendJSON is what the protocol layer takes before MarshalJSON.
func (it Item) AppendJSON(dst []byte) []byte { return AppendJSON(dst, it) }

// AppendJSON is what the protocol layer takes before MarshalJSON. A damaged item is null: Valid tells beforehand.
func (e Encoded) AppendJSON(dst []byte) []byte {
	out, err := e.JSON(dst)
	if err != nil {
		return append(dst, "null"...)
	}
	return out
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Encoded) UnmarshalJSON(data []byte) error {
	it, err := ParseItem(data)
	if err == nil && it != nil {
		*e = Encode(it)
	}
	return err
}

// JSON appends the item as JSON, straight from the binary form.
func (e Encoded) JSON(dst []byte) ([]byte, error) {
	r := reader{buf: e}
	r.count()
	dst = r.attrsJSON(dst, 0)
	if r.bad || len(r.buf) != 0 {
		return nil, errBinary
	}
	return dst, nil
}

func (r *reader) attrsJSON(dst []byte, depth int) []byte {
	dst = append(dst, '{')
	n := r.elements()
	if depth > MaxDepth+1 {
		r.fail()
	}
	for i := 0; i < n && !r.bad; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(json.AppendQuoted(dst, r.bytes()), ':')
		dst = r.valueJSON(dst, r.kind(), depth+1)
	}
	return append(dst, '}')
}

func (r *reader) valueJSON(dst []byte, k Kind, depth int) []byte {
	dst = append(append(append(dst, `{"`...), k.String()...), `":`...)
	switch k {
	case L:
		dst = append(dst, '[')
		n := r.elements()
		if depth > MaxDepth+1 {
			r.fail()
		}
		for i := 0; i < n && !r.bad; i++ {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.valueJSON(dst, r.kind(), depth+1)
		}
		dst = append(dst, ']')
	case SS, NS, BS:
		dst = append(dst, '[')
		n := r.elements()
		for i := 0; i < n && !r.bad; i++ {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.scalarJSON(dst, k.Member())
		}
		dst = append(dst, ']')
	case M:
		dst = r.attrsJSON(dst, depth)
	default:
		dst = r.scalarJSON(dst, k)
	}
	return append(dst, '}')
}

func (r *reader) scalarJSON(dst []byte, k Kind) []byte {
	switch k {
	case S:
		return json.AppendQuoted(dst, r.bytes())
	case N:
		return append(append(append(dst, '"'), r.number()...), '"')
	case B:
		return appendBase64(dst, r.bytes())
	case BOOL:
		return appendBool(dst, r.byte() != 0)
	}
	return append(dst, "true"...) // NULL
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

func appendBase64[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, '"')
}
