package eventpattern

import (
	"fmt"
	"strings"
)

// A wildcard is a text with stars: what stands between them, in order.
type wildcard struct {
	parts []string // one more than there are stars
}

// maxRepeats is how many stars may be followed by the same character. AWS counts the states of its machine; this tells the same patterns apart.
const maxRepeats = 4

func parseWildcard(s string) (wildcard, error) {
	var w wildcard
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i+1 == len(s) || s[i+1] != '*' && s[i+1] != '\\' {
				return w, &SyntaxError{Reason: fmt.Sprintf("Invalid escape character at pos %d", i+1)}
			}
			i++
			part.WriteByte(s[i])
		case c == '*':
			if i+1 < len(s) && s[i+1] == '*' {
				return w, &SyntaxError{Reason: fmt.Sprintf("Consecutive wildcard characters at pos %d", i+1)}
			}
			w.parts = append(w.parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	w.parts = append(w.parts, part.String())
	follows := map[byte]int{}
	for _, p := range w.parts[1:] {
		if p == "" {
			continue
		}
		if follows[p[0]]++; follows[p[0]] > maxRepeats {
			return w, &SyntaxError{Reason: tooComplex}
		}
	}
	return w, nil
}

func (w wildcard) matches(v scalar) bool {
	if v.kind != text {
		return false
	}
	s := v.text
	last := len(w.parts) - 1
	if last == 0 {
		return s == w.parts[0]
	}
	if !strings.HasPrefix(s, w.parts[0]) {
		return false
	}
	s = s[len(w.parts[0]):]
	if !strings.HasSuffix(s, w.parts[last]) {
		return false
	}
	s = s[:len(s)-len(w.parts[last])]
	for _, p := range w.parts[1:last] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return true
}
