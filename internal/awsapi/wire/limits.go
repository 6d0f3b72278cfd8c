package wire

import (
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// limits are the constraints on a value, on list elements or on map keys.
type limits struct {
	min, max float64 // length or value; NaN when free
	pattern  *pattern
	enum     []string
}

// readLimits reads the tags of one prefix; nil means that there are none.
func readLimits(tag reflect.StructTag, prefix string) *limits {
	l := &limits{min: math.NaN(), max: math.NaN()}
	sizes := prefix
	if prefix == "" {
		sizes = "aws"
	}
	found := false
	for _, opt := range strings.Split(tag.Get(sizes), ",") {
		name, value, _ := strings.Cut(opt, "=")
		to := map[string]*float64{"min": &l.min, "max": &l.max}[name]
		if to == nil {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			panic("wire: tag " + string(tag) + " has a limit that is no number")
		}
		*to, found = n, true
	}
	if p := tag.Get(prefix + "pattern"); p != "" {
		l.pattern, found = &pattern{text: p}, true
	}
	if e := tag.Get(prefix + "enum"); e != "" {
		l.enum, found = strings.Split(e, ","), true
	}
	if !found {
		return nil
	}
	return l
}

// A pattern is a regular expression of AWS's model: of Java, and meant to match the whole string. It is compiled when first used.
type pattern struct {
	text string
	once sync.Once
	must []*regexp.Regexp
	not  []*regexp.Regexp
}

// lookarounds are those that AWS's models use, which Go's expressions lack. Each is cut out of the
// pattern and checked by itself: a string must match need, and must not match not.
var lookarounds = []struct{ text, need, not string }{
	{text: `(?!^[0-9]+$)`, not: `^[0-9]+$`},
	{text: `(?!^\d+$)`, not: `^[0-9]+$`},
	{text: `(?<!\.)`, not: `\.$`},
	{text: `^(?!(system\x2e))`, not: `^system\.`},
	{text: `(?!-)`, not: `--`},
	{text: `(?=.*[a-zA-Z_\-\.])`, need: `[a-zA-Z_\-.]`},
}

var javaEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

func (p *pattern) compile() {
	text := p.text
	for _, l := range lookarounds {
		if !strings.Contains(text, l.text) {
			continue
		}
		text = strings.ReplaceAll(text, l.text, "")
		if l.need != "" {
			p.must = append(p.must, regexp.MustCompile(l.need))
		}
		if l.not != "" {
			p.not = append(p.not, regexp.MustCompile(l.not))
		}
	}
	text = javaEscape.ReplaceAllString(text, `\x{$1}`)
	p.must = append(p.must, regexp.MustCompile(`^(?:`+text+`)$`))
}

func (p *pattern) matches(s string) bool {
	p.once.Do(p.compile)
	for _, re := range p.must {
		if !re.MatchString(s) {
			return false
		}
	}
	for _, re := range p.not {
		if re.MatchString(s) {
			return false
		}
	}
	return true
}
