package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// What a client needs: requests of inputs, and outputs of answers. It is the reverse of what servers do.

// AppendRequest is the reverse of ReadREST: where the members of v are in a request.
func (t *Type) AppendRequest(v any) (Request, error) {
	out := Request{Path: map[string]string{}, Query: url.Values{}, Header: map[string][]string{}}
	rv := t.structOf(v)
	for i := range t.fields {
		f := &t.fields[i]
		fv, ok := f.shape.given(rv.Field(f.index))
		if !ok || f.payload {
			continue
		}
		switch f.place {
		case inURI:
			out.Path[f.wire] = scalarText(f.shape, fv, f.time)
		case inQuery:
			f.appendQuery(out.Query, fv)
		case inHeader:
			out.Header[canonicalHeader(f.wire)] = []string{scalarText(f.shape, fv, f.time)}
		case inHeaders:
			for _, k := range sortedMapKeys(fv) {
				out.Header[canonicalHeader(f.wire+k.String())] = []string{fv.MapIndex(k).String()}
			}
		}
	}
	if t.payload < 0 && len(t.body) == 0 {
		return out, nil
	}
	answer, err := t.AppendREST(v)
	out.Body = answer.Body
	return out, err
}

func (f *field) appendQuery(q url.Values, v reflect.Value) {
	switch f.shape.kind {
	case kList:
		for i := range v.Len() {
			q.Add(f.wire, scalarText(f.shape.elem, v.Index(i), f.time))
		}
	case kMap:
		for _, k := range sortedMapKeys(v) {
			q.Set(k.String(), v.MapIndex(k).String())
		}
	default:
		q.Set(f.wire, scalarText(f.shape, v, f.time))
	}
}

// ReadAnswer is the reverse of AppendREST.
func (t *Type) ReadAnswer(status int, header map[string][]string, body []byte, v any) error {
	if err := t.ReadREST(&Request{Header: header, Body: body}, v, Lenient); err != nil {
		return err
	}
	rv := t.structOf(v)
	for i := range t.fields {
		if f := &t.fields[i]; f.place == inStatus {
			setScalar(f.shape, rv.Field(f.index), strconv.Itoa(status))
		}
	}
	return nil
}

// AppendForm is the reverse of ReadForm.
func (t *Type) AppendForm(form url.Values, v any) { appendForm(form, "", t, t.structOf(v)) }

func appendForm(form url.Values, prefix string, t *Type, v reflect.Value) {
	for i := range t.fields {
		f := &t.fields[i]
		if fv, ok := f.shape.given(v.Field(f.index)); ok {
			f.appendForm(form, prefix+f.form, f.shape, fv)
		}
	}
}

func (f *field) appendForm(form url.Values, name string, s *shape, v reflect.Value) {
	numbered := func(part string, i int) string {
		if f.flat {
			return name + "." + strconv.Itoa(i+1)
		}
		return name + "." + part + "." + strconv.Itoa(i+1)
	}
	element := func(name string, v reflect.Value) {
		if v, ok := s.elem.givenElem(v); ok {
			f.appendForm(form, name, s.elem, v)
		}
	}
	switch s.kind {
	case kStruct:
		appendForm(form, name+".", s.st, v)
	case kList:
		if v.Len() == 0 {
			form.Set(name, "")
		}
		for i := range v.Len() {
			element(numbered(f.member, i), v.Index(i))
		}
	case kMap:
		for i, k := range sortedMapKeys(v) {
			at := numbered("entry", i)
			form.Set(at+"."+f.key, k.String())
			element(at+"."+f.value, v.MapIndex(k))
		}
	case kTime:
		form.Set(name, scalarText(s, v, timeISO8601))
	default:
		form.Set(name, scalarText(s, v, f.time))
	}
}

// ReadXML reads the answer of a Query operation, whose result stands in the element wrapper, into v.
func (t *Type) ReadXML(body []byte, wrapper string, v any) error {
	root, err := readXML(body)
	if err != nil {
		return err
	}
	if wrapper != "" {
		if root = root.below[wrapper]; root == nil {
			return nil
		}
	}
	return root.structure(t, t.structOf(v))
}

// XMLText returns the text of the first element with a name, wherever it is; empty if there is none.
func XMLText(body []byte, name string) string {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == name {
			var s string
			if d.DecodeElement(&s, &e) != nil {
				return ""
			}
			return s
		}
	}
}

// readXML reads a document as the parameters of a form that would say the same: each element is known by its name, and by how many of that
// name stood before it.
func readXML(body []byte) (*formNode, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	path := []*formNode{{}}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(path) == 1 {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read XML: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(path) > maxDepth {
				return nil, errors.New("the XML is nested too deeply")
			}
			path = append(path, path[len(path)-1].occurrence(token.Name.Local))
		case xml.CharData:
			n := path[len(path)-1]
			n.value, n.set = n.value+string(token), true
		case xml.EndElement:
			n := path[len(path)-1]
			if len(n.below) > 0 {
				n.value = strings.TrimSpace(n.value)
			}
			n.set = true
			path = path[:len(path)-1]
		}
	}
	for _, n := range path[0].below { // the one element of the document
		return n, nil
	}
	return nil, errors.New("the answer is empty")
}

// occurrence returns the node of the next element with a name. The first is the named node itself, and its own first occurrence.
func (n *formNode) occurrence(name string) *formNode {
	if n.below == nil {
		n.below = map[string]*formNode{}
	}
	first := n.below[name]
	if first == nil {
		first = &formNode{below: map[string]*formNode{}}
		first.below["1"] = first
		n.below[name] = first
		return first
	}
	for i := 2; ; i++ {
		if at := strconv.Itoa(i); first.below[at] == nil {
			next := &formNode{below: map[string]*formNode{}}
			next.below["1"] = next
			first.below[at] = next
			return next
		}
	}
}
