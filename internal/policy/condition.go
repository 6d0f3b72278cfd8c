package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An operator compares a value of the request with one of the policy.
type operator struct {
	match   func(g glob, value string) bool
	negated bool
}

// findOperator takes names without ForAllValues:, ForAnyValue: and IfExists, in any case.
func findOperator(name string) (operator, bool) {
	switch strings.ToLower(name) {
	case "stringequals":
		return operator{match: equals}, true
	case "stringnotequals":
		return operator{equals, true}, true
	case "stringequalsignorecase":
		return operator{match: equalsFold}, true
	case "stringnotequalsignorecase":
		return operator{equalsFold, true}, true
	case "stringlike":
		return operator{match: glob.match}, true
	case "stringnotlike":
		return operator{glob.match, true}, true
	case "arnequals", "arnlike": // AWS: both take wildcards
		return operator{match: matchARN}, true
	case "arnnotequals", "arnnotlike":
		return operator{matchARN, true}, true
	case "bool":
		return operator{match: equalsFold}, true
	case "binaryequals":
		return operator{match: equals}, true
	case "ipaddress":
		return operator{match: inPrefix}, true
	case "notipaddress":
		return operator{inPrefix, true}, true
	}
	return findOrdered(strings.ToLower(name))
}

// findOrdered has the operators of numbers and dates.
func findOrdered(name string) (operator, bool) {
	for prefix, parse := range map[string]func(string) (float64, bool){"numeric": parseNumber, "date": parseDate} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		ordered := func(holds func(value, bound float64) bool, negated bool) (operator, bool) {
			return operator{func(g glob, value string) bool {
				v, ok1 := parse(value)
				b, ok2 := parse(g.text)
				return ok1 && ok2 && holds(v, b)
			}, negated}, true
		}
		switch rest {
		case "equals":
			return ordered(func(v, b float64) bool { return v == b }, false)
		case "notequals":
			return ordered(func(v, b float64) bool { return v == b }, true)
		case "lessthan":
			return ordered(func(v, b float64) bool { return v < b }, false)
		case "lessthanequals":
			return ordered(func(v, b float64) bool { return v <= b }, false)
		case "greaterthan":
			return ordered(func(v, b float64) bool { return v > b }, false)
		case "greaterthanequals":
			return ordered(func(v, b float64) bool { return v >= b }, false)
		}
	}
	return operator{}, false
}

func equals(g glob, value string) bool     { return g.text == value }
func equalsFold(g glob, value string) bool { return strings.EqualFold(g.text, value) }

func inPrefix(g glob, value string) bool {
	addr, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	if p, err := netip.ParsePrefix(g.text); err == nil {
		return p.Contains(addr)
	}
	one, err := netip.ParseAddr(g.text)
	return err == nil && one.Unmap() == addr
}

func parseNumber(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// parseDate reads ISO 8601 or seconds since 1970.
func parseDate(s string) (float64, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return float64(t.UnixMilli()) / 1000, true
		}
	}
	return parseNumber(s)
}

// readOperator takes a condition operator's name apart.
func readOperator(name string) (set, base string, ifExists, ok bool) {
	base = name
	if before, after, found := strings.Cut(name, ":"); found {
		set, base = strings.ToLower(before), after
		if set != "forallvalues" && set != "foranyvalue" {
			return "", "", false, false
		}
	}
	if n := len(base) - len("IfExists"); n > 0 && strings.EqualFold(base[n:], "IfExists") {
		base, ifExists = base[:n], true
	}
	if strings.EqualFold(base, "null") {
		return set, "null", ifExists, true
	}
	_, ok = findOperator(base)
	return set, base, ifExists, ok
}

// condition reports whether the request satisfies c.
func (e *evaluation) condition(s *Statement, c *Condition) bool {
	set, base, ifExists, ok := readOperator(c.Operator)
	if !ok {
		return false
	}
	values, present := e.lookup(c.Key)
	if base == "null" {
		return slices.ContainsFunc(c.Values, func(v string) bool { return strings.EqualFold(v, "true") != present })
	}
	op, _ := findOperator(base)
	if !present {
		return ifExists || set == "forallvalues" || set == "" && op.negated
	}
	one := func(value string) bool { return op.negated != e.anyOf(s, op, c.Values, value) }
	if set == "forallvalues" {
		return !slices.ContainsFunc(values, func(v string) bool { return !one(v) })
	}
	if set == "" && op.negated { // none of the values
		return !slices.ContainsFunc(values, func(v string) bool { return !one(v) })
	}
	return slices.ContainsFunc(values, one)
}

func (e *evaluation) anyOf(s *Statement, op operator, patterns []string, value string) bool {
	for _, p := range patterns {
		if g, ok := e.expand(p, s.variables); ok && op.match(g, value) {
			return true
		}
	}
	return false
}
