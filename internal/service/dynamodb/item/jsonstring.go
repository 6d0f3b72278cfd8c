package item

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a JSON string.
func (p *parser) str() string {
	if p.peek() != '"' {
		p.stop("")
		return ""
	}
	from := p.pos + 1
	ascii := true
	for i := from; i < len(p.buf); i++ {
		switch c := p.buf[i]; {
		case c == '"':
			p.pos = i + 1
			if !ascii {
				return strings.ToValidUTF8(string(p.buf[from:i]), "\ufffd")
			}
			return string(p.buf[from:i])
		case c == '\\':
			return p.escaped(from, i)
		case c < ' ':
			p.stop("")
			return ""
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	p.stop("")
	return ""
}

// escaped goes on with a string that began at from and has its first backslash at i.
func (p *parser) escaped(from, i int) string {
	out := append(make([]byte, 0, i-from+32), p.buf[from:i]...)
	for i < len(p.buf) {
		c := p.buf[i]
		switch {
		case c == '"':
			p.pos = i + 1
			return strings.ToValidUTF8(string(out), "\ufffd")
		case c < ' ':
			p.stop("")
			return ""
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		i++
		if i >= len(p.buf) {
			break
		}
		if out, i = p.escape(out, i); p.wrong != nil {
			return ""
		}
	}
	p.stop("")
	return ""
}

// shortEscapes are what stands for one byte.
var shortEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape appends what the escape whose letter is at i stands for, and returns what is behind it.
func (p *parser) escape(out []byte, i int) ([]byte, int) {
	c := p.buf[i]
	if b, ok := shortEscapes[c]; ok {
		return append(out, b), i + 1
	}
	r, ok := p.hex4(i + 1)
	if c != 'u' || !ok {
		p.stop("")
		return out, i
	}
	i += 5
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(out, r), i
	}
	if i+1 < len(p.buf) && p.buf[i] == '\\' && p.buf[i+1] == 'u' {
		if low, ok := p.hex4(i + 2); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return utf8.AppendRune(out, both), i + 6
			}
		}
	}
	return utf8.AppendRune(out, utf8.RuneError), i
}

func (p *parser) hex4(i int) (rune, bool) {
	if i+4 > len(p.buf) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.buf[i:i+4]), 16, 16)
	return rune(n), err == nil
}
