package pattern

import (
	"regexp"
	"strings"
)

// A term must be in a line (or, excluded, must not).
type term struct {
	text  string
	regex *regexp.Regexp // instead of text
}

func (t term) in(line string) bool {
	if t.regex != nil {
		return t.regex.MatchString(line)
	}
	return strings.Contains(line, t.text)
}

// parseTerms reads terms: ERROR "a phrase" -excluded ?either ?or %regular expression%.
func parseTerms(text string) (func(string) bool, error) {
	var required, optional, excluded []term
	s := &scanner{text: text}
	for s.space(); !s.end(); s.space() {
		into := &required
		switch s.text[s.pos] {
		case '?':
			into = &optional
			s.pos++
		case '-':
			into = &excluded
			s.pos++
		}
		t, err := s.term()
		if err != nil {
			return nil, err
		}
		*into = append(*into, t)
	}
	// AWS: the question mark means "one of these" only where all terms have it; else it is ignored.
	if len(required)+len(excluded) > 0 {
		required, optional = append(required, optional...), nil
	}
	return func(line string) bool {
		for _, t := range required {
			if !t.in(line) {
				return false
			}
		}
		for _, t := range excluded {
			if t.in(line) {
				return false
			}
		}
		for _, t := range optional {
			if t.in(line) {
				return true
			}
		}
		return len(optional) == 0
	}, nil
}

func (s *scanner) term() (term, error) {
	switch {
	case s.end() || s.text[s.pos] == ' ':
		return term{}, syntaxf("a term is missing at character %d", s.pos+1)
	case s.text[s.pos] == '"':
		text, err := s.quoted('"')
		return term{text: text}, err
	case s.text[s.pos] == '%':
		re, err := s.regex()
		return term{regex: re}, err
	}
	start := s.pos
	for !s.end() && strings.IndexByte(" \t\r\n\"", s.text[s.pos]) < 0 {
		s.pos++
	}
	return term{text: s.text[start:s.pos]}, nil
}
