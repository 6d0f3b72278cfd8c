package vtl

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
)

// A pattern is a regular expression of Java's, in terms of Go's.
type pattern struct {
	re    *regexp.Regexp
	once  sync.Once
	exact *regexp.Regexp // made by whole
}

// Bounds of the patterns of a template: it may build them of what clients send.
const (
	maxPattern  = 4 << 10
	maxPatterns = 64
)

// pattern compiles a regular expression for a text, once if it can be remembered.
func (s *state) pattern(source, text string) (*pattern, error) {
	if err := s.meter.Spend(2 * len(text)); err != nil {
		return nil, err
	}
	known := s.t.patterns.known.Load()
	if known != nil {
		if p := (*known)[source]; p != nil {
			return p, nil
		}
	}
	if err := s.meter.Spend(2000 + 20*len(source)); err != nil {
		return nil, err
	}
	if len(source) > maxPattern {
		return nil, fmt.Errorf("a regular expression is longer than %d bytes", maxPattern)
	}
	re, err := regexp.Compile(fromJava(source))
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", brief(source), err)
	}
	p := &pattern{re: re}
	if known == nil || len(*known) < maxPatterns {
		more := map[string]*pattern{source: p}
		if known != nil {
			maps.Copy(more, *known)
		}
		s.t.patterns.known.CompareAndSwap(known, &more) // another render that won will be found next time
	}
	return p, nil
}

// whole returns the pattern that must match all of a text.
func (p *pattern) whole() *regexp.Regexp {
	p.once.Do(func() { p.exact = regexp.MustCompile(`\A(?:` + p.re.String() + `)\z`) })
	return p.exact
}

// javaClasses are Java's names of classes that Go names differently.
var javaClasses = map[string]string{
	"Lower": "lower", "Upper": "upper", "ASCII": "ascii", "Alpha": "alpha", "Digit": "digit", "Alnum": "alnum", "Punct": "punct",
	"Graph": "graph", "Print": "print", "Blank": "blank", "Cntrl": "cntrl", "XDigit": "xdigit", "Space": "space",
}

// fromJava rewrites what Go spells otherwise: \p{Alpha}, \h, \R and \Z.
func fromJava(source string) string {
	var out strings.Builder
	class := false // within [ ]
	for i := 0; i < len(source); i++ {
		c := source[i]
		switch {
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '\\' && i+1 < len(source):
			i++
			text, size := escapeFromJava(source[i:], class)
			out.WriteString(text)
			i += size - 1
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

// escapeFromJava returns what stands for the escape whose backslash is before s, and how much of s it is.
func escapeFromJava(s string, class bool) (text string, size int) {
	switch s[0] {
	case 'p', 'P':
		name, _, ok := strings.Cut(s[1:], "}")
		goName := javaClasses[strings.TrimPrefix(name, "{")]
		if !ok || goName == "" {
			break
		}
		if s[0] == 'P' {
			goName = "^" + goName
		}
		if text = "[:" + goName + ":]"; !class {
			text = "[" + text + "]"
		}
		return text, len(name) + 2
	case 'h':
		if class {
			return ` \t\x{A0}`, 1
		}
		return `[ \t\x{A0}]`, 1
	case 'R':
		return `(?:\r\n|[\n-\r\x{85}])`, 1
	case 'Z':
		return `\z`, 1
	}
	return `\` + s[:1], 1
}

// replace is replaceAll or replaceFirst.
func (p *pattern) replace(s, replacement string, all bool) (any, error) {
	parts, err := p.parts(replacement)
	if err != nil {
		return nil, err
	}
	n := 1
	if all {
		n = -1
	}
	var out []byte
	last := 0
	for _, m := range p.re.FindAllStringSubmatchIndex(s, n) {
		out = append(out, s[last:m[0]]...)
		for _, part := range parts {
			if part.group < 0 {
				out = append(out, part.text...)
			} else if m[2*part.group] >= 0 {
				out = append(out, s[m[2*part.group]:m[2*part.group+1]]...)
			}
		}
		if last = m[1]; len(out) > maxOutput {
			return nil, ErrTooMuch
		}
	}
	return string(append(out, s[last:]...)), nil
}

// A replacement is text, or a group if that is not negative.
type replacement struct {
	text  string
	group int
}

// parts reads Java's replacement: $1, ${name}, and \ before what stands for itself.
func (p *pattern) parts(s string) ([]replacement, error) {
	var out []replacement
	var plain []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			if i++; i == len(s) {
				return nil, fmt.Errorf("replacement %q ends in a backslash", brief(s))
			}
			plain = append(plain, s[i])
		case s[i] == '$':
			group, size := p.group(s[i+1:])
			if group < 0 {
				return nil, fmt.Errorf("replacement %q has a group that the regular expression has not", brief(s))
			}
			out = append(out, replacement{string(plain), -1}, replacement{"", group})
			plain = nil
			i += size
		default:
			plain = append(plain, s[i])
		}
	}
	return append(out, replacement{string(plain), -1}), nil
}

// group reads the group that s begins with, -1 if there is none. Java takes as many digits as make a group that exists.
func (p *pattern) group(s string) (group, size int) {
	if name, _, ok := strings.Cut(s, "}"); ok && strings.HasPrefix(name, "{") {
		return p.re.SubexpIndex(name[1:]), len(name) + 1
	}
	if s == "" || !isDigit(s[0]) || int(s[0]-'0') > p.re.NumSubexp() {
		return -1, 0
	}
	for size < len(s) && isDigit(s[size]) {
		longer := group*10 + int(s[size]-'0')
		if longer > p.re.NumSubexp() {
			break
		}
		group = longer
		size++
	}
	return group, size
}

// split is Java's split: with limit zero, empty strings at the end are left out.
func (s *state) split(v, by string, limit int) (any, error) {
	p, err := s.pattern(by, v)
	if err != nil {
		return nil, err
	}
	list := &List{array: true}
	last := 0
	for _, m := range p.re.FindAllStringIndex(v, -1) {
		if limit > 0 && len(list.Items) == limit-1 {
			break
		}
		if m[1] == 0 || m[0] == len(v) && m[0] == m[1] {
			continue // nothing matched at an end
		}
		list.Items = append(list.Items, v[last:m[0]])
		last = m[1]
	}
	list.Items = append(list.Items, v[last:])
	if limit == 0 {
		for n := len(list.Items); n > 1 && list.Items[n-1] == ""; n-- {
			list.Items = list.Items[:n-1]
		}
		if len(list.Items) == 1 && list.Items[0] == "" && v != "" {
			list.Items = nil
		}
	}
	return list, s.meter.Spend(len(list.Items))
}
