package item

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// A TypeError is JSON of another type than the API's model says, in the words of AWS's SerializationException. Without words
// it is no JSON at all.
type TypeError string

func (e TypeError) Error() string { return string(e) }

// What AWS says of values that it refuses.
const (
	errEmptyValue  = Invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	errManyTypes   = Invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	errNullFalse   = Invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
	errEmptySS     = Invalid("One or more parameter values were invalid: An string set  may not be empty")
	errEmptyNS     = Invalid("One or more parameter values were invalid: An number set  may not be empty")
	errEmptyBS     = Invalid("One or more parameter values were invalid: Binary sets should not be empty")
	errDuplicateNS = Invalid("Input collection contains duplicates")
	errTooDeep     = Invalid("Nesting Levels have exceeded supported limits")
)

// ParseItem reads {"name":{"S":"…"},…}; null is no item. The error is a TypeError, or else an Invalid.
func ParseItem(data []byte) (Item, error) {
	p := parser{buf: data}
	it := p.attrs(0)
	return it, p.finish()
}

// ParseValue reads {"S":"…"}. The error is a TypeError, or else an Invalid.
func ParseValue(data []byte) (Value, error) {
	p := parser{buf: data}
	v := p.value(0)
	return v, p.finish()
}

// UnmarshalJSON implements json.Unmarshaler.
func (it *Item) UnmarshalJSON(data []byte) (err error) {
	*it, err = ParseItem(data)
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) (err error) {
	*v, err = ParseValue(data)
	return err
}

// A parser reads JSON of attribute values. It goes on after what is invalid, because a wrong type further on counts for more.
type parser struct {
	buf     []byte
	pos     int
	wrong   error // the TypeError that ended it
	invalid error // the first Invalid
}

func (p *parser) finish() error {
	if p.wrong == nil && p.peek() != 0 {
		p.stop("")
	}
	if p.wrong != nil {
		return p.wrong
	}
	return p.invalid
}

func (p *parser) stop(e TypeError) {
	if p.wrong == nil {
		p.wrong = e
	}
	p.pos = len(p.buf)
}

func (p *parser) refuse(e Invalid) {
	if p.invalid == nil {
		p.invalid = e
	}
}

// peek passes over white space and returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	for p.pos < len(p.buf) {
		switch c := p.buf[p.pos]; c {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return c
		}
	}
	return 0
}

func (p *parser) expect(c byte) {
	if p.peek() != c {
		p.stop("")
		return
	}
	p.pos++
}

// object calls f at each member's value, that f must read.
func (p *parser) object(f func(name string)) {
	p.expect('{')
	if p.peek() == '}' {
		p.pos++
		return
	}
	for p.wrong == nil {
		name := p.str()
		p.expect(':')
		p.peek()
		if p.wrong != nil {
			return
		}
		f(name)
		if p.peek() == '}' {
			p.pos++
			return
		}
		p.expect(',')
	}
}

// array calls f at each element, that f must read.
func (p *parser) array(f func()) {
	p.expect('[')
	if p.peek() == ']' {
		p.pos++
		return
	}
	for p.wrong == nil {
		p.peek()
		f()
		if p.peek() == ']' {
			p.pos++
			return
		}
		p.expect(',')
	}
}

// null takes null if it is next.
func (p *parser) null() bool {
	if p.peek() == 'n' {
		p.literal("null")
		return true
	}
	return false
}

func (p *parser) literal(word string) {
	if !strings.HasPrefix(string(p.buf[p.pos:min(p.pos+len(word), len(p.buf))]), word) {
		p.stop("")
		return
	}
	p.pos += len(word)
}

func (p *parser) attrs(depth int) Item {
	if p.null() {
		return nil
	}
	switch c := p.peek(); {
	case c == '[':
		p.stop("Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>")
	case c != '{' && c != 0:
		p.stop("Unexpected field type")
	}
	attrs := make([]Attr, 0, 8)
	p.object(func(name string) {
		attrs = append(attrs, Attr{name, p.value(depth)})
	})
	return FromAttrs(attrs)
}

func (p *parser) value(depth int) Value {
	switch c := p.peek(); {
	case c == 'n':
		p.null()
		p.refuse(errEmptyValue)
		return Value{}
	case c == '[':
		p.stop("Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue")
	case c != '{' && c != 0:
		p.stop("Unexpected value type in payload")
	}
	var v Value
	n := 0
	p.object(func(name string) {
		k := KindOf(name)
		if k == None {
			p.skip()
			return
		}
		if p.null() {
			return
		}
		n++
		v = p.member(k, depth)
	})
	switch {
	case p.wrong != nil:
	case n == 0:
		p.refuse(errEmptyValue)
	case n > 1:
		p.refuse(errManyTypes)
	}
	return v
}

// member reads what stands behind a descriptor.
func (p *parser) member(k Kind, depth int) Value {
	v := Value{Kind: k}
	switch k {
	case S:
		v.Str = p.stringMember()
	case N:
		v.Str = p.numberMember()
	case B:
		v.Str = p.blobMember()
	case BOOL:
		v.True = p.boolMember()
	case NULL:
		if !p.boolMember() && p.wrong == nil {
			p.refuse(errNullFalse)
		}
	case SS, NS, BS:
		return p.setMember(k)
	case L, M:
		if depth >= MaxDepth {
			p.refuse(errTooDeep)
			p.skip()
			return v
		}
		if k == M {
			v.Map = p.attrs(depth + 1)
			return v
		}
		v.List = []Value{}
		p.list(func() { v.List = append(v.List, p.value(depth+1)) })
	}
	return v
}

func (p *parser) list(f func()) {
	switch c := p.peek(); {
	case c == '{':
		p.stop("Start of structure or map found where not expected")
	case c != '[' && c != 0:
		p.stop("Unexpected field type")
	}
	p.array(f)
}

func (p *parser) stringMember() string {
	p.mustBeString("String")
	return p.str()
}

func (p *parser) mustBeString(target string) {
	switch c := p.peek(); c {
	case '"':
	case 't':
		p.stop(TypeError("TRUE_VALUE cannot be converted to " + target))
	case 'f':
		p.stop(TypeError("FALSE_VALUE cannot be converted to " + target))
	case '[':
		p.stop(TypeError("Unrecognized collection type class java.lang." + target))
	case '{':
		p.stop("Start of structure or map found where not expected")
	default:
		p.stop(TypeError(p.numberToken() + " cannot be converted to " + target))
	}
}

// numberToken names the kind of the JSON number that is next, in AWS's parser's words.
func (p *parser) numberToken() string {
	for _, c := range p.buf[p.pos:] {
		switch {
		case c == '.' || c == 'e' || c == 'E':
			return "DECIMAL_VALUE"
		case c != '-' && (c < '0' || c > '9'):
			return "NUMBER_VALUE"
		}
	}
	return "NUMBER_VALUE"
}

func (p *parser) numberMember() string {
	s := p.stringMember()
	if p.wrong != nil {
		return "0"
	}
	n, err := ParseNumber(s)
	if err != nil {
		p.refuse(err.(Invalid))
		return "0"
	}
	return n
}

func (p *parser) blobMember() string {
	switch c := p.peek(); c {
	case '"':
	case '[':
		p.stop("Unrecognized collection type class java.nio.ByteBuffer")
	case '{':
		p.stop("Start of structure or map found where not expected")
	default:
		p.stop("only base-64-encoded strings are convertible to bytes")
	}
	s := p.str()
	if len(s)%4 != 0 {
		p.stop(TypeError("Base64 encoded length is expected a multiple of 4 bytes but found: " + strconv.Itoa(len(s))))
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		p.stop("Invalid last non-pad Base64 character dectected")
	}
	return string(b)
}

// boolMember reads a boolean. AWS: some strings will do.
func (p *parser) boolMember() bool {
	switch c := p.peek(); c {
	case 't':
		p.literal("true")
		return true
	case 'f':
		p.literal("false")
		return false
	case '"':
		switch strings.ToUpper(p.str()) {
		case "TRUE", "1", "YES":
			return true
		case "FALSE", "0", "NO":
			return false
		}
		p.stop("Unexpected token received from parser")
	case '[':
		p.stop("Unrecognized collection type class java.lang.Boolean")
	case '{':
		p.stop("Start of structure or map found where not expected")
	default:
		p.stop(TypeError(p.numberToken() + " cannot be converted to Boolean"))
	}
	return false
}

func (p *parser) setMember(k Kind) Value {
	members := []Value{}
	var shown []string // as they were sent
	p.list(func() {
		m := Value{Kind: k.Member()}
		from := p.pos
		switch k {
		case SS:
			m.Str = p.stringMember()
		case NS:
			m.Str = p.numberMember()
		case BS:
			m.Str = p.blobMember()
		}
		shown = append(shown, strings.Trim(string(p.buf[from:p.pos]), `"`))
		members = append(members, m)
	})
	if len(members) == 0 {
		p.refuse(map[Kind]Invalid{SS: errEmptySS, NS: errEmptyNS, BS: errEmptyBS}[k])
		return Value{Kind: k}
	}
	set := NewSet(k, members)
	if len(set.List) < len(shown) {
		list := "One or more parameter values were invalid: Input collection [" + strings.Join(shown, ", ") + "]"
		switch k {
		case SS:
			p.refuse(Invalid(list + " contains duplicates."))
		case NS:
			p.refuse(errDuplicateNS)
		case BS:
			p.refuse(Invalid(list + "of type BS contains duplicates."))
		}
	}
	return set
}

// skip passes over a value of any type, however deep.
func (p *parser) skip() {
	depth := 0
	for p.wrong == nil {
		switch c := p.peek(); c {
		case 0:
			p.stop("")
			return
		case '{', '[':
			depth++
			p.pos++
			continue
		case '}', ']':
			if depth == 0 {
				p.stop("")
				return
			}
			depth--
			p.pos++
		case '"':
			p.str()
		case ',', ':':
			if depth == 0 {
				p.stop("")
				return
			}
			p.pos++
			continue
		default:
			for p.pos < len(p.buf) && !strings.ContainsRune(" \t\r\n,:]}[{\"", rune(p.buf[p.pos])) {
				p.pos++
			}
		}
		if depth == 0 {
			return
		}
	}
}
