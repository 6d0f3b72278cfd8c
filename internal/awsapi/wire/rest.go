package wire

import (
	"net/url"
	"reflect"
	"strings"
)

// A Request is what of an HTTP request holds members of an input.
type Request struct {
	Path   map[string]string // decoded, by the names in the URI template
	Query  url.Values
	Header map[string][]string // by canonical name, as in net/http
	Body   []byte
}

// ReadREST reads a request of the REST-JSON protocol into v, a pointer to a struct of this type.
func (t *Type) ReadREST(r *Request, v any, d Dialect) error {
	rv := t.structOf(v)
	if t.payload < 0 && len(t.body) > 0 {
		if err := t.ReadJSON(r.Body, v, d); err != nil {
			return err
		}
	}
	if !t.bindings {
		return nil
	}
	for i := range t.fields {
		f := &t.fields[i]
		if err := f.readREST(r, rv.Field(f.index), d); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) readREST(r *Request, v reflect.Value, d Dialect) error {
	switch {
	case f.payload:
		return f.readPayload(r.Body, v, d)
	case f.place == inURI:
		if s, ok := r.Path[f.wire]; ok {
			return f.readScalar(v, s)
		}
	case f.place == inQuery:
		return f.readQuery(r.Query, v)
	case f.place == inHeader:
		if values := r.Header[canonicalHeader(f.wire)]; len(values) > 0 {
			return f.readScalar(v, strings.Join(values, ","))
		}
	case f.place == inHeaders:
		m := map[string]string{}
		prefix := strings.ToLower(f.wire)
		for name, values := range r.Header {
			if rest, ok := strings.CutPrefix(strings.ToLower(name), prefix); ok && len(values) > 0 {
				m[rest] = strings.Join(values, ",")
			}
		}
		v.Set(reflect.ValueOf(m).Convert(v.Type()))
	}
	return nil
}

func (f *field) readPayload(body []byte, v reflect.Value, d Dialect) error {
	switch f.shape.kind {
	case kBlob:
		if body == nil {
			body = []byte{}
		}
		v.SetBytes(body)
	case kString:
		f.shape.place(v).SetString(string(body))
	case kStruct:
		if len(body) > 0 {
			p := f.shape.place(v)
			return f.shape.st.ReadJSON(body, p.Addr().Interface(), d)
		}
	}
	return nil
}

func (f *field) readScalar(v reflect.Value, text string) error {
	if !setScalar(f.shape, v, text) {
		return &SerializationError{"Value " + text + " at '" + f.name + "' is not a valid " + javaName(f.shape)}
	}
	return nil
}

func (f *field) readQuery(q url.Values, v reflect.Value) error {
	switch f.shape.kind {
	case kList:
		values, ok := q[f.wire]
		if !ok {
			return nil
		}
		list := reflect.MakeSlice(f.shape.typ, len(values), len(values))
		for i, s := range values {
			if !setScalar(f.shape.elem, list.Index(i), s) {
				return &SerializationError{"Value " + s + " at '" + f.name + "' is not a valid " + javaName(f.shape.elem)}
			}
		}
		v.Set(list)
	case kMap: // all parameters
		m := map[string]string{}
		for name := range q {
			m[name] = q.Get(name)
		}
		v.Set(reflect.ValueOf(m).Convert(v.Type()))
	default:
		if values := q[f.wire]; len(values) > 0 {
			return f.readScalar(v, values[0])
		}
	}
	return nil
}

// A Response is an output as the REST-JSON protocol has it.
type Response struct {
	Status      int // 0: as the binding says
	Header      [][2]string
	ContentType string // empty: application/json
	Body        []byte
}

// AppendREST turns v into a response.
func (t *Type) AppendREST(v any) (Response, error) {
	var out Response
	rv := t.structOf(v)
	for i := range t.fields {
		f := &t.fields[i]
		fv, ok := f.shape.given(rv.Field(f.index))
		if !ok {
			continue
		}
		switch {
		case f.payload:
			if err := f.writePayload(&out, fv); err != nil {
				return out, err
			}
		case f.place == inStatus:
			out.Status = int(fv.Int())
		case f.place == inHeader && strings.EqualFold(f.wire, "Content-Type"):
			out.ContentType = scalarText(f.shape, fv, f.time)
		case f.place == inHeader:
			format := f.time
			if format == timeDefault {
				format = timeRFC822
			}
			out.Header = append(out.Header, [2]string{f.wire, scalarText(f.shape, fv, format)})
		case f.place == inHeaders:
			for _, k := range sortedMapKeys(fv) {
				out.Header = append(out.Header, [2]string{f.wire + k.String(), fv.MapIndex(k).String()})
			}
		}
	}
	if t.payload >= 0 {
		return out, nil
	}
	var err error
	out.Body, err = t.AppendJSON(nil, v)
	return out, err
}

func (f *field) writePayload(out *Response, v reflect.Value) error {
	var err error
	switch {
	case f.events:
		out.ContentType = "application/vnd.amazon.eventstream"
		out.Body, err = appendEvents(nil, f.shape.elem.st, v)
	case f.shape.kind == kBlob:
		out.Body = v.Bytes()
	case f.shape.kind == kString:
		out.Body = []byte(v.String())
	case f.shape.kind == kStruct:
		out.Body, err = f.shape.st.AppendJSON(nil, v.Addr().Interface())
	}
	return err
}

// canonicalHeader is textproto.CanonicalMIMEHeaderKey for the names in our tags.
func canonicalHeader(name string) string {
	b := []byte(name)
	upper := true
	for i, c := range b {
		switch {
		case upper && c >= 'a' && c <= 'z':
			b[i] = c - 32
		case !upper && c >= 'A' && c <= 'Z':
			b[i] = c + 32
		}
		upper = c == '-'
	}
	return string(b)
}
