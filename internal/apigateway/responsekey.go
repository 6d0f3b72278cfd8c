package apigateway

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ResponsePattern compiles the key of an integration response, "/4\d\d/": a regular expression of Java between slashes, that has to match
// all of a status or an error message. What Go's expressions cannot do (looking ahead and behind, back references, possessive
// quantifiers) is an error that says so.
func ResponsePattern(key string) (*regexp.Regexp, error) {
	source := strings.TrimSuffix(strings.TrimPrefix(key, "/"), "/")
	p := javaPattern{rest: source}
	if err := p.sequence(false); err != nil {
		return nil, fmt.Errorf("key %s: %w", key, err)
	}
	// AWS: the whole value must match.
	re, err := regexp.Compile(`\A(?:` + p.out.String() + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("key %s is no regular expression: %w", key, err)
	}
	return re, nil
}

// isDefaultResponse reports whether a key is that of the response for all other values.
func isDefaultResponse(key string) bool { return key == "$default" || key == `\$default` }

// A javaPattern is translated piece by piece.
type javaPattern struct {
	rest   string
	out    strings.Builder
	dotAll bool
	depth  int
}

// What Java means by classes that Go has not, or has with other characters.
const (
	javaSpace      = `\t\n\x0B\f\r `
	javaNoSpace    = `\x00-\x08\x0E-\x1F\x21-\x{10FFFF}`
	javaHorizontal = `\t \xA0\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}`
	javaVertical   = `\n\x0B\f\r\x{85}\x{2028}\x{2029}`
	javaLineEnds   = `\n\r\x{85}\x{2028}\x{2029}`
)

var errNested = errors.New("groups are nested too deeply")

// sequence translates up to the end, or up to the parenthesis that closes a group.
func (p *javaPattern) sequence(inGroup bool) error {
	if p.depth++; p.depth > 200 {
		return errNested
	}
	defer func() { p.depth-- }()
	dotAll := p.dotAll
	defer func() { p.dotAll = dotAll }() // flags last until the end of the group
	for p.rest != "" {
		c := p.rest[0]
		var err error
		switch c {
		case ')':
			if inGroup {
				return nil
			}
			return errors.New("a parenthesis is closed that was not opened")
		case '(':
			err = p.group()
		case '[':
			var set string
			if set, err = p.class(); err == nil {
				p.out.WriteString(set)
				err = p.quantifier()
			}
		case '\\':
			if err = p.escape(); err == nil {
				err = p.quantifier()
			}
		case '.':
			p.rest = p.rest[1:]
			if p.dotAll {
				p.out.WriteString(`(?s:.)`)
			} else {
				p.out.WriteString(`[^` + javaLineEnds + `]`)
			}
			err = p.quantifier()
		case '|', '^', '$':
			p.rest = p.rest[1:]
			p.out.WriteByte(c)
		default:
			_, size := utf8.DecodeRuneInString(p.rest)
			p.out.WriteString(p.rest[:size])
			p.rest = p.rest[size:]
			err = p.quantifier()
		}
		if err != nil {
			return err
		}
	}
	if inGroup {
		return errors.New("a parenthesis is not closed")
	}
	return nil
}

// quantifier translates what follows an atom.
func (p *javaPattern) quantifier() error {
	n := 0
	switch {
	case p.rest == "":
		return nil
	case strings.IndexByte("*+?", p.rest[0]) >= 0:
		n = 1
	case p.rest[0] == '{':
		n = strings.IndexByte(p.rest, '}') + 1
		if n == 0 || strings.Trim(p.rest[1:n-1], "0123456789,") != "" {
			return fmt.Errorf("%q is no number of repetitions", p.rest[:max(n, 1)])
		}
	default:
		return nil
	}
	p.out.WriteString(p.rest[:n])
	p.rest = p.rest[n:]
	if strings.HasPrefix(p.rest, "+") {
		return errors.New("possessive quantifiers such as *+ are not supported: leave the + out")
	}
	if strings.HasPrefix(p.rest, "?") {
		p.out.WriteByte('?')
		p.rest = p.rest[1:]
	}
	return nil
}

// group translates a group, or flags.
func (p *javaPattern) group() error {
	p.rest = p.rest[1:]
	p.out.WriteByte('(')
	outer := p.dotAll
	if strings.HasPrefix(p.rest, "?") {
		end := strings.IndexAny(p.rest, ":)<=!>")
		if end < 0 {
			return errors.New("a group is not closed")
		}
		switch head := p.rest[:end+1]; {
		case strings.HasPrefix(head, "?<") && (strings.HasPrefix(p.rest, "?<=") || strings.HasPrefix(p.rest, "?<!")), head == "?=", head == "?!", head == "?>":
			return fmt.Errorf("(%s…) is not supported: write the pattern without looking ahead or behind", p.rest[:min(len(p.rest), 3)])
		case head == "?<":
			close := strings.IndexByte(p.rest, '>')
			if close < 0 {
				return errors.New("the name of a group is not closed")
			}
			p.out.WriteString("?P" + p.rest[1:close+1])
			p.rest = p.rest[close+1:]
		default:
			flags, off, _ := strings.Cut(p.rest[1:end], "-")
			if strings.ContainsAny(flags+off, "xU") {
				return fmt.Errorf("the flags (%s) are not supported", p.rest[:end])
			}
			p.dotAll = (p.dotAll || strings.Contains(flags, "s")) && !strings.Contains(off, "s")
			keep := func(s string) string { // s is translated with the dot, d and u say what is so here anyway
				return strings.NewReplacer("s", "", "d", "", "u", "").Replace(s)
			}
			flags, off = keep(flags), keep(off)
			if off != "" {
				flags += "-" + off
			}
			closed := p.rest[end] == ')'
			p.rest = p.rest[end+1:]
			if closed {
				if flags != "" {
					p.out.WriteString("?" + flags + ")")
				} else {
					p.out.WriteString("?:)")
				}
				return nil // the flags hold for what follows in the surrounding group
			}
			p.out.WriteString("?" + flags + ":")
		}
	}
	if err := p.sequence(true); err != nil {
		return err
	}
	p.dotAll = outer
	p.rest = p.rest[1:]
	p.out.WriteByte(')')
	return p.quantifier()
}

// escape translates a backslash and what it escapes, outside of classes.
func (p *javaPattern) escape() error {
	if len(p.rest) < 2 {
		return errors.New("nothing follows the last backslash")
	}
	c := p.rest[1]
	switch {
	case c == 'Q':
		text, rest, _ := strings.Cut(p.rest[2:], `\E`)
		p.rest = rest
		if text == "" {
			p.out.WriteString("(?:)")
		}
		for _, r := range text {
			p.out.WriteString(regexp.QuoteMeta(string(r)))
		}
		return nil
	case c == 'E':
		p.rest = p.rest[2:]
		p.out.WriteString("(?:)")
		return nil
	case c == 'Z':
		p.rest = p.rest[2:]
		p.out.WriteString(`\z`)
		return nil
	case strings.IndexByte("AzbB", c) >= 0:
		p.out.WriteString(p.rest[:2])
		p.rest = p.rest[2:]
		return nil
	case c == 'R':
		p.rest = p.rest[2:]
		p.out.WriteString(`(?:\r\n|[` + javaVertical + `])`)
		return nil
	case c == 'G' || c == 'X' || c == 'k' || c >= '1' && c <= '9':
		return fmt.Errorf(`\%c is not supported: write the pattern without back references and boundaries of graphemes`, c)
	}
	set, negated, err := p.character()
	switch {
	case err != nil:
		return err
	case negated:
		p.out.WriteString("[^" + set + "]")
	default:
		p.out.WriteString("[" + set + "]")
	}
	return nil
}

// posix are Java's names of classes that are ASCII's.
var posix = map[string]string{
	"Lower": "[:lower:]", "Upper": "[:upper:]", "ASCII": "[:ascii:]", "Alpha": "[:alpha:]", "Digit": "[:digit:]", "Alnum": "[:alnum:]",
	"Punct": "[:punct:]", "Graph": "[:graph:]", "Print": "[:print:]", "Blank": "[:blank:]", "Cntrl": "[:cntrl:]", "XDigit": "[:xdigit:]",
	"Space": javaSpace,
}

// character translates an escape that stands for characters, as what stands in a class.
func (p *javaPattern) character() (set string, negated bool, err error) {
	c := p.rest[1]
	rest := p.rest[2:]
	number := func(digits, base int, from string) error {
		if len(from) < digits {
			return fmt.Errorf(`\%c wants %d digits`, c, digits)
		}
		n, err := strconv.ParseUint(from[:digits], base, 32)
		if err != nil || n > utf8.MaxRune || n >= 0xd800 && n < 0xe000 {
			return fmt.Errorf(`\%c%s is no character`, c, from[:digits])
		}
		set, p.rest = fmt.Sprintf(`\x{%x}`, n), from[digits:]
		return nil
	}
	p.rest = rest
	switch c {
	case 'd', 'w':
		return `\` + string(c), false, nil
	case 'D', 'W':
		return `\` + string(c), false, nil
	case 's':
		return javaSpace, false, nil
	case 'S':
		return javaSpace, true, nil
	case 'h':
		return javaHorizontal, false, nil
	case 'H':
		return javaHorizontal, true, nil
	case 'v':
		return javaVertical, false, nil
	case 'V':
		return javaVertical, true, nil
	case 't', 'n', 'r', 'f', 'a':
		return `\` + string(c), false, nil
	case 'e':
		return `\x1b`, false, nil
	case 'c':
		if rest == "" || rest[0] >= utf8.RuneSelf {
			return "", false, errors.New(`\c wants a character`)
		}
		p.rest = rest[1:]
		return fmt.Sprintf(`\x{%x}`, rest[0]^64), false, nil
	case 'u':
		err := number(4, 16, rest)
		return set, false, err
	case 'x':
		if strings.HasPrefix(rest, "{") {
			end := strings.IndexByte(rest, '}')
			if end < 2 {
				return "", false, errors.New(`\x{ wants digits and }`)
			}
			if err := number(end-1, 16, rest[1:]); err != nil {
				return "", false, err
			}
			p.rest = rest[end+1:]
			return set, false, nil
		}
		err := number(2, 16, rest)
		return set, false, err
	case '0':
		digits := 0
		for digits < 3 && digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '7' {
			digits++
		}
		if digits == 3 && rest[0] > '3' {
			digits = 2
		}
		if digits == 0 {
			return "", false, errors.New(`\0 wants octal digits`)
		}
		err := number(digits, 8, rest)
		return set, false, err
	case 'p', 'P':
		return p.property(c, rest)
	}
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '1' && c <= '9' {
		return "", false, fmt.Errorf(`\%c is not supported`, c)
	}
	r, size := utf8.DecodeRuneInString(string(c) + rest)
	p.rest = (string(c) + rest)[size:]
	return fmt.Sprintf(`\x{%x}`, r), false, nil
}

// property translates \p{…}.
func (p *javaPattern) property(c byte, rest string) (set string, negated bool, err error) {
	name := ""
	switch {
	case strings.HasPrefix(rest, "{"):
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return "", false, errors.New(`\p{ is not closed`)
		}
		name, p.rest = rest[1:end], rest[end+1:]
	case rest != "":
		name, p.rest = rest[:1], rest[1:]
	}
	if set, ok := posix[name]; ok {
		return set, c == 'P', nil
	}
	name = strings.TrimPrefix(name, "Is")
	if _, err := regexp.Compile(`\p{` + name + `}`); err != nil {
		return "", false, fmt.Errorf(`\p{%s} is not supported`, name)
	}
	return `\` + string(c) + `{` + name + `}`, false, nil
}

// class translates a character class; p.rest begins with its bracket.
func (p *javaPattern) class() (string, error) {
	if p.depth++; p.depth > 200 {
		return "", errNested
	}
	defer func() { p.depth-- }()
	p.rest = p.rest[1:]
	var b strings.Builder
	b.WriteByte('[')
	if strings.HasPrefix(p.rest, "^") {
		b.WriteByte('^')
		p.rest = p.rest[1:]
	}
	for first := true; ; first = false {
		switch {
		case p.rest == "":
			return "", errors.New("a character class is not closed")
		case p.rest[0] == ']' && !first:
			p.rest = p.rest[1:]
			b.WriteByte(']')
			return b.String(), nil
		case strings.HasPrefix(p.rest, "&&"):
			return "", errors.New("intersections of character classes (&&) are not supported")
		case p.rest[0] == '[':
			inner, err := p.class()
			if err != nil {
				return "", err
			}
			if strings.HasPrefix(inner, "[^") {
				return "", errors.New("a negated class inside of a class is not supported")
			}
			b.WriteString(inner[1 : len(inner)-1])
		case p.rest[0] == '\\':
			if len(p.rest) < 2 {
				return "", errors.New("nothing follows the last backslash")
			}
			if p.rest[1] == 'Q' || p.rest[1] == 'E' {
				return "", errors.New(`\Q is not supported in a character class`)
			}
			set, negated, err := p.character()
			if err != nil {
				return "", err
			}
			switch {
			case !negated:
				b.WriteString(set)
			case set == javaSpace: // [\s\S] is how Java's users write "anything"
				b.WriteString(javaNoSpace)
			default:
				return "", errors.New(`\H, \V and negated \p are not supported in a character class`)
			}
		case p.rest[0] == '-':
			b.WriteByte('-')
			p.rest = p.rest[1:]
		default:
			r, size := utf8.DecodeRuneInString(p.rest)
			fmt.Fprintf(&b, `\x{%x}`, r)
			p.rest = p.rest[size:]
		}
	}
}
