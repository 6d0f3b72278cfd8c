package sigv4

import (
	"bytes"
	"slices"
	"strings"
)

// unreserved tells the bytes that stand for themselves in canonical paths and queries.
var unreserved = func() (t [256]bool) {
	for c := range 256 {
		t[c] = c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", byte(c)) >= 0
	}
	return t
}()

const upperHex = "0123456789ABCDEF"

func appendEncoded(dst []byte, c byte) []byte {
	if unreserved[c] {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// A form is one way to write a canonical request. The zero form is what AWS's documentation says.
type form struct {
	path     string // the path to canonicalize
	raw      bool   // keep dot segments and doubled slashes
	single   bool   // encode the decoded path once, as S3 does
	host     string
	bodyHash []byte
	tokenOut bool // the token was added to the query after signing
}

// appendPath appends the canonical URI.
func appendPath(dst []byte, f *form) []byte {
	start := len(dst)
	if f.raw {
		dst = append(dst, f.path...)
	} else {
		dst = appendNormalized(dst, f.path)
	}
	if len(dst) == start {
		return append(dst, '/')
	}
	// Encode in place, if there is anything to encode: most paths are plain.
	plain := true
	for _, c := range dst[start:] {
		plain = plain && (unreserved[c] || c == '/')
	}
	if plain {
		return dst
	}
	end := len(dst)
	for i := start; i < end; i++ {
		c := dst[i]
		if f.single && c == '%' {
			if b, ok := unhex(dst[i:end]); ok {
				c, i = b, i+2
				if c == '/' { // a slash that was escaped is no separator
					dst = append(dst, "%2F"...)
					continue
				}
			}
		}
		if c == '/' {
			dst = append(dst, c)
		} else {
			dst = appendEncoded(dst, c)
		}
	}
	return append(dst[:start], dst[end:]...)
}

// appendNormalized appends path without dot segments and doubled slashes. A slash at the end stays.
func appendNormalized(dst []byte, path string) []byte {
	start := len(dst)
	rest := path
	trailing := false
	for rest != "" {
		var seg string
		var more bool
		seg, rest, more = strings.Cut(rest, "/")
		trailing = more
		switch seg {
		case "":
		case ".":
			trailing = true
		case "..":
			trailing = true
			if i := bytes.LastIndexByte(dst[start:], '/'); i >= 0 {
				dst = dst[:start+i]
			}
		default:
			dst = append(dst, '/')
			dst = append(dst, seg...)
		}
	}
	if trailing || len(dst) == start {
		dst = append(dst, '/')
	}
	return dst
}

// unhex reads an escape such as %3D.
func unhex[Bytes []byte | string](b Bytes) (byte, bool) {
	if len(b) < 3 || b[0] != '%' {
		return 0, false
	}
	hi, ok1 := hexValue(b[1])
	lo, ok2 := hexValue(b[2])
	return hi<<4 | lo, ok1 && ok2
}

func hexValue(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// A param is a query parameter, encoded.
type param struct {
	name, value []byte
}

// scratch is the memory that one canonical request needs.
type scratch struct {
	out    []byte
	arena  []byte
	params []param
	sum    [32]byte
	hash   [64]byte // of the body, hexadecimal
}

// appendQuery appends the canonical query string.
func (s *scratch) appendQuery(query string, f *form) {
	s.arena, s.params = s.arena[:0], s.params[:0]
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if name == "X-Amz-Signature" || f.tokenOut && name == "X-Amz-Security-Token" {
			continue
		}
		p := param{}
		start := len(s.arena)
		s.arena = appendRecoded(s.arena, name)
		p.name = s.arena[start:len(s.arena):len(s.arena)]
		start = len(s.arena)
		s.arena = appendRecoded(s.arena, value)
		p.value = s.arena[start:len(s.arena):len(s.arena)]
		s.params = append(s.params, p)
	}
	slices.SortStableFunc(s.params, func(a, b param) int {
		if c := bytes.Compare(a.name, b.name); c != 0 {
			return c
		}
		return bytes.Compare(a.value, b.value)
	})
	for i, p := range s.params {
		if i > 0 {
			s.out = append(s.out, '&')
		}
		s.out = append(s.out, p.name...)
		s.out = append(s.out, '=')
		s.out = append(s.out, p.value...)
	}
}

// appendRecoded decodes and encodes part of a query string. A plus sign stays one.
func appendRecoded(dst []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if b, ok := unhex(text[i:]); ok {
				c = b
				i += 2
			}
		}
		dst = appendEncoded(dst, c)
	}
	return dst
}

// queryValue returns the decoded value of the first parameter with this name.
func queryValue(query, name string) string {
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		n, value, _ := strings.Cut(part, "=")
		if n != name {
			continue
		}
		if !strings.Contains(value, "%") {
			return value
		}
		out := make([]byte, 0, len(value))
		for i := 0; i < len(value); i++ {
			c := value[i]
			if b, ok := unhex(value[i:]); ok {
				c = b
				i += 2
			}
			out = append(out, c)
		}
		return string(out)
	}
	return ""
}

func queryHas(query, name string) bool {
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		if n, _, _ := strings.Cut(part, "="); n == name {
			return true
		}
	}
	return false
}

// appendHeaders appends the canonical headers, and reports whether host is among them and all are lower-case and sorted.
func (s *scratch) appendHeaders(r *Request, signed string, f *form) (ok bool) {
	last := ""
	for signed != "" {
		var name string
		name, signed, _ = strings.Cut(signed, ";")
		if name <= last || strings.ToLower(name) != name {
			return false
		}
		last = name
		s.out = append(s.out, name...)
		s.out = append(s.out, ':')
		if name == "host" || name == ":authority" { // AWS: the SDK for JavaScript signs the latter where it speaks HTTP/2
			ok = true
			s.out = append(s.out, f.host...)
			s.out = append(s.out, '\n')
			continue
		}
		first := true
		for i := range r.Header {
			if !strings.EqualFold(r.Header[i].Name, name) {
				continue
			}
			if !first {
				s.out = append(s.out, ',')
			}
			first = false
			s.out = appendCollapsed(s.out, r.Header[i].Value)
		}
		s.out = append(s.out, '\n')
	}
	return ok
}

// appendCollapsed appends value without space around it, and with one space for each run of space within.
func appendCollapsed(dst []byte, value string) []byte {
	gap := false
	started := false
	for i := range len(value) {
		switch c := value[i]; c {
		case ' ', '\t', '\r', '\n':
			gap = started
		default:
			if gap {
				dst = append(dst, ' ')
				gap = false
			}
			started = true
			dst = append(dst, c)
		}
	}
	return dst
}

// canonical writes the canonical request into s.out.
func (s *scratch) canonical(r *Request, query, signed string, f *form) (ok bool) {
	s.out = append(s.out[:0], r.Method...)
	s.out = append(s.out, '\n')
	s.out = appendPath(s.out, f)
	s.out = append(s.out, '\n')
	s.appendQuery(query, f)
	s.out = append(s.out, '\n')
	ok = s.appendHeaders(r, signed, f)
	s.out = append(s.out, '\n')
	s.out = append(s.out, signed...)
	s.out = append(s.out, '\n')
	s.out = append(s.out, f.bodyHash...)
	return ok
}
