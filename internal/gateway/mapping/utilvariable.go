package mapping

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/vtl"
)

// util is $util. AWS: it has these functions only; others print nothing.
type util struct{}

func (*util) Property(*vtl.Meter, string) any { return nil }

// Call implements vtl.Object. Arguments that are no text count as what they print.
func (*util) Call(m *vtl.Meter, method string, args []any) (any, error) {
	if len(args) != 1 {
		return nil, nil
	}
	text, err := vtl.String(m, args[0])
	if err == nil {
		err = m.Spend(10 + len(text)/16)
	}
	if err != nil {
		return nil, err
	}
	switch method {
	case "escapeJavaScript":
		return string(appendJavaScript(nil, text)), nil
	case "parseJson":
		if err := m.Spend(len(text) / 2); err != nil {
			return nil, err
		}
		v, err := json.ParseLenient([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("parseJson: %w", err)
		}
		return vtl.FromJSON(v), nil
	case "urlEncode":
		return string(appendURL(nil, text)), nil
	case "urlDecode":
		decoded, err := url.QueryUnescape(text)
		if err != nil {
			return nil, fmt.Errorf("urlDecode: %w", err)
		}
		return strings.ToValidUTF8(decoded, "\ufffd"), nil
	case "base64Encode":
		return base64.StdEncoding.EncodeToString([]byte(text)), nil
	case "base64Decode":
		return decodeBase64(text), nil
	}
	return nil, nil
}

const upperHex = "0123456789ABCDEF"

// appendJavaScript escapes as Apache's commons-lang does. AWS: ' becomes \', which JSON does not have.
func appendJavaScript(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			i += n
			var pair [2]uint16
			for _, u := range utf16.AppendRune(pair[:0], r) {
				dst = appendUnit(dst, u)
			}
			continue
		}
		i++
		switch c {
		case '\\', '"', '\'', '/':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			if c < ' ' {
				dst = appendUnit(dst, uint16(c))
			} else {
				dst = append(dst, c)
			}
		}
	}
	return dst
}

func appendUnit(dst []byte, u uint16) []byte {
	return append(dst, '\\', 'u', upperHex[u>>12], upperHex[u>>8&15], upperHex[u>>4&15], upperHex[u&15])
}

// appendURL encodes as Java's URLEncoder does: a blank is +, and *-._ stand for themselves.
func appendURL(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', strings.IndexByte("*-._", c) >= 0:
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// decodeBase64 decodes either alphabet, and overlooks what belongs to none.
func decodeBase64(s string) string {
	clean := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-':
			clean = append(clean, '+')
		case c == '_':
			clean = append(clean, '/')
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	decoded, err := base64.RawStdEncoding.DecodeString(string(clean))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(decoded), "\ufffd")
}
