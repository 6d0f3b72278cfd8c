package wire

import (
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// AppendXML appends the members of v, a struct of this type or a pointer to one, as XML elements.
func (t *Type) AppendXML(dst []byte, v any) []byte {
	w := xmlWriter{out: dst}
	w.structure(t, t.structOf(v))
	return w.out
}

type xmlWriter struct {
	out []byte
}

func (w *xmlWriter) open(name string) {
	w.out = append(w.out, '<')
	w.out = append(w.out, name...)
	w.out = append(w.out, '>')
}

func (w *xmlWriter) close(name string) {
	w.out = append(w.out, '<', '/')
	w.out = append(w.out, name...)
	w.out = append(w.out, '>')
}

func (w *xmlWriter) structure(t *Type, v reflect.Value) {
	for i := range t.fields {
		f := &t.fields[i]
		if f.place != inBody {
			continue
		}
		if fv, ok := f.shape.given(v.Field(f.index)); ok {
			w.field(f, f.shape, fv)
		}
	}
}

// field writes an element for v, which has been unwrapped, or several if the list or map is flat.
func (w *xmlWriter) field(f *field, s *shape, v reflect.Value) {
	if f.flat {
		w.inside(f, s, v, f.form)
		return
	}
	w.open(f.form)
	w.inside(f, s, v, f.member)
	w.close(f.form)
}

// inside writes what stands within the element of v; member names the elements of a list.
func (w *xmlWriter) inside(f *field, s *shape, v reflect.Value, member string) {
	switch s.kind {
	case kStruct:
		w.structure(s.st, v)
	case kList:
		for i := range v.Len() {
			w.open(member)
			w.element(f, s.elem, v.Index(i))
			w.close(member)
		}
	case kMap:
		entry := "entry"
		if f.flat {
			entry = f.form
		}
		for _, k := range sortedMapKeys(v) {
			w.open(entry)
			w.open(f.key)
			w.text(k.String())
			w.close(f.key)
			w.open(f.value)
			w.element(f, s.elem, v.MapIndex(k))
			w.close(f.value)
			w.close(entry)
		}
	case kTime:
		format := f.time
		if format == timeDefault {
			format = timeISO8601
		}
		w.out = appendTime(w.out, v.Interface().(time.Time), format)
	default:
		w.text(scalarText(s, v, f.time))
	}
}

func (w *xmlWriter) element(f *field, s *shape, v reflect.Value) {
	if v, ok := s.givenElem(v); ok {
		w.inside(f, s, v, "member")
	}
}

func (w *xmlWriter) text(s string) { w.out = AppendXMLText(w.out, s) }

// AppendXMLText appends s with what XML reserves escaped. Characters that XML cannot carry become U+FFFD.
func AppendXMLText(dst []byte, s string) []byte {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r == '<' || r == '>' || r == '&' || r == '"' || r >= utf8.RuneSelf
	}) {
		return append(dst, s...)
	}
	for _, r := range s {
		switch {
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\r':
			dst = append(dst, "&#xD;"...)
		case r < 0x20 && r != '\n' && r != '\t', r == 0xFFFE, r == 0xFFFF:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}
