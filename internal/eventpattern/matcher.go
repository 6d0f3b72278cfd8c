package eventpattern

import (
	"net/netip"
	"strconv"
	"strings"
)

// A matcher says whether a scalar of an event is wanted.
type matcher func(scalar) bool

// A scalar is a leaf of an event: text of strings unquoted, numbers in one form for one value.
type scalar struct {
	kind kind
	text string
}

func anything(scalar) bool { return true }

func exactly(n *node) matcher {
	want := scalar{n.kind, n.text}
	if n.kind == number {
		want.text = canonical(n.text)
	}
	return func(v scalar) bool { return v == want }
}

func not(ms ...matcher) matcher {
	return func(v scalar) bool {
		for _, m := range ms {
			if m(v) {
				return false
			}
		}
		return true
	}
}

func equalFold(want string) matcher {
	return func(v scalar) bool { return v.kind == text && strings.EqualFold(v.text, want) }
}

func affix(name, want string) matcher {
	has := strings.HasPrefix
	if name == "suffix" {
		has = strings.HasSuffix
	}
	return func(v scalar) bool { return v.kind == text && has(v.text, want) }
}

func affixFold(name, want string) matcher {
	runes := []rune(want)
	return func(v scalar) bool {
		if v.kind != text {
			return false
		}
		got := []rune(v.text)
		if len(got) < len(runes) {
			return false
		}
		part := got[:len(runes)]
		if name == "suffix" {
			part = got[len(got)-len(runes):]
		}
		return strings.EqualFold(string(part), want)
	}
}

// inNetwork matches addresses within a CIDR block.
func inNetwork(cidr string) (matcher, error) {
	parts := strings.Split(cidr, "/")
	if len(parts) != 2 {
		return nil, &SyntaxError{Reason: "Malformed CIDR, one '/' required"}
	}
	bits, err := strconv.Atoi(parts[1])
	if err != nil {
		return nil, &SyntaxError{Reason: "Malformed CIDR, mask bits must be an integer"}
	}
	if bits < 0 {
		return nil, &SyntaxError{Reason: "Malformed CIDR, mask bits must not be negative"}
	}
	addr, err := netip.ParseAddr(parts[0])
	if err != nil || addr.Zone() != "" {
		return nil, &SyntaxError{Reason: "Nonstandard IP address: " + parts[0]}
	}
	if addr.Is4() && bits > 31 {
		return nil, &SyntaxError{Reason: "IPv4 mask bits must be < 32"}
	}
	if bits > 127 {
		return nil, &SyntaxError{Reason: "IPv6 mask bits must be < 128"}
	}
	network := netip.PrefixFrom(addr, bits).Masked()
	return func(v scalar) bool {
		if v.kind != text {
			return false
		}
		a, err := netip.ParseAddr(v.text)
		return err == nil && network.Contains(a)
	}, nil
}

// A comparison is an operator of {"numeric": [">", 0]} with its number.
type comparison struct {
	op    string
	text  string
	value float64
}

func newComparison(op, number string) comparison {
	f, _ := strconv.ParseFloat(number, 64) // out of range is infinite, which compares right
	return comparison{op, canonical(number), f}
}

func (c comparison) holds(v scalar, f float64) bool {
	switch equal := v.text == c.text; c.op {
	case "=":
		return equal
	case "<":
		return !equal && f < c.value
	case "<=":
		return equal || f < c.value
	case ">":
		return !equal && f > c.value
	default:
		return equal || f > c.value
	}
}

func compare(terms []comparison) matcher {
	return func(v scalar) bool {
		if v.kind != number {
			return false
		}
		f, _ := strconv.ParseFloat(v.text, 64)
		for _, t := range terms {
			if !t.holds(v, f) {
				return false
			}
		}
		return true
	}
}

// empty tells whether no number is between the two.
func empty(a, b comparison) bool {
	if a.op[0] == '<' {
		a, b = b, a
	}
	return a.value >= b.value
}

// canonical writes a JSON number so that equal values have equal texts: 300, 300.0 and 3.0e2 are 3e2.
func canonical(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		e, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil {
			return sign + s // beyond all reason: equal only to itself
		}
		exponent = e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	exponent -= len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	trimmed = strings.TrimLeft(trimmed, "0")
	if trimmed == "" {
		return "0"
	}
	return sign + trimmed + "e" + strconv.Itoa(exponent)
}
