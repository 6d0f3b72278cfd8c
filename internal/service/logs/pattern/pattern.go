package pattern

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Pattern decides which log lines match.
type Pattern struct {
	match   func(line string) bool
	extract func(line string) map[string]string // nil: by selectors of JSON
}

// Match reports whether line matches.
func (p *Pattern) Match(line string) bool { return p.match(line) }

// A SyntaxError says what is wrong with a pattern.
type SyntaxError struct {
	Reason string
}

func (e *SyntaxError) Error() string { return "invalid filter pattern: " + e.Reason }

func syntaxf(format string, args ...any) error { return &SyntaxError{fmt.Sprintf(format, args...)} }

// maxNesting bounds how deep parentheses go.
const maxNesting = 64

// Parse reads a pattern. The empty pattern matches everything.
func Parse(s string) (*Pattern, error) {
	if !utf8.ValidString(s) {
		return nil, syntaxf("not UTF-8")
	}
	s = strings.TrimSpace(s)
	var match func(string) bool
	var err error
	switch {
	case s == "":
		match = func(string) bool { return true }
	case strings.HasPrefix(s, "{"):
		match, err = parseJSON(s)
	case strings.HasPrefix(s, "["):
		return parseFields(s)
	default:
		match, err = parseTerms(s)
	}
	if err != nil {
		return nil, err
	}
	return &Pattern{match: match}, nil
}

// A scanner reads a pattern from left to right.
type scanner struct {
	text  string
	pos   int
	depth int
}

func (s *scanner) space() {
	for s.pos < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.pos]) >= 0 {
		s.pos++
	}
}

func (s *scanner) end() bool { return s.pos >= len(s.text) }

// take consumes token if it comes next, after space.
func (s *scanner) take(token string) bool {
	s.space()
	if strings.HasPrefix(s.text[s.pos:], token) {
		s.pos += len(token)
		return true
	}
	return false
}

// word consumes a word of letters if it comes next, whatever its case.
func (s *scanner) word(word string) bool {
	s.space()
	rest := s.text[s.pos:]
	if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
		return false
	}
	if len(rest) > len(word) && isWordByte(rest[len(word)]) {
		return false
	}
	s.pos += len(word)
	return true
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// quoted consumes what stands between the quote that comes next and the one that ends it; a backslash takes the
// meaning of a quote or a backslash.
func (s *scanner) quoted(quote byte) (string, error) {
	var b strings.Builder
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == quote:
			s.pos++
			return b.String(), nil
		case c == '\\' && s.pos+1 < len(s.text) && (s.text[s.pos+1] == quote || quote == '"' && s.text[s.pos+1] == '\\'):
			s.pos++
			b.WriteByte(s.text[s.pos])
		default:
			b.WriteByte(c)
		}
	}
	return "", syntaxf("%c without its end", quote)
}

// regex consumes %…%.
func (s *scanner) regex() (*regexp.Regexp, error) {
	text, err := s.quoted('%')
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, syntaxf("regular expression %q: %v", text, err)
	}
	return re, nil
}
