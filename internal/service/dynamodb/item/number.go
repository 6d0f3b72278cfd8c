package item

import (
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Limits of a number: d.ddd × 10^e has at most 38 digits and e from -130 to 125.
const (
	maxDigits   = 38
	minExponent = -130
	maxExponent = 125
)

// An Invalid is a value that AWS refuses, in AWS's words.
type Invalid string

func (e Invalid) Error() string { return string(e) }

const (
	errNoNumber  = Invalid("The parameter cannot be converted to a numeric value")
	errDigits    = Invalid("Attempting to store more than 38 significant digits in a Number")
	errOverflow  = Invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	errUnderflow = Invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
)

// A decimal is d.ddd × 10^exp. Digits have no leading and no trailing zeros; zero has none at all.
type decimal struct {
	neg    bool
	exp    int
	n      int
	digits [maxDigits]byte // '0' to '9'
}

// ParseNumber returns s in normal form: no plus, no needless zeros, no exponent. The error is an Invalid.
func ParseNumber(s string) (string, error) {
	if isNormalInt(s) {
		return s, nil
	}
	d, err := parseDecimal(s)
	if err != nil {
		return "", err
	}
	return d.String(), nil
}

// isNormalInt is the quick way for what most numbers are.
func isNormalInt(s string) bool {
	if s == "" || len(s) > maxDigits || s[0] == '0' && len(s) > 1 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func parseDecimal(s string) (decimal, error) {
	if s == "" {
		return decimal{}, errNoNumber
	}
	bad := errNoNumber + ": " + Invalid(s)
	var d decimal
	rest := s
	if s[0] == '+' || s[0] == '-' {
		d.neg = s[0] == '-'
		rest = s[1:]
	}
	rest, seen, fits := d.mantissa(rest)
	if !fits {
		return d, digitsOrRange(s, bad)
	}
	exp, ok := exponent(rest)
	if !seen || !ok {
		return d, bad
	}
	if d.n == 0 {
		return decimal{}, nil
	}
	d.exp += exp
	return d, d.inRange()
}

// mantissa reads digits with at most one point. seen tells that there was a digit, fits that there were not too many.
func (d *decimal) mantissa(s string) (rest string, seen, fits bool) {
	point, zeros := false, 0 // zeros: not yet taken, they count only if a digit follows
	for i := range len(s) {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			return s[i:], seen, true
		}
		seen = true
		switch {
		case d.n == 0 && c == '0' && !point: // in front of all that counts
			continue
		case d.n == 0 && point:
			d.exp--
		case d.n > 0 && !point:
			d.exp++
		}
		switch {
		case c == '0' && d.n > 0:
			zeros++
		case c == '0':
		case d.n+zeros >= maxDigits:
			return "", seen, false
		default:
			for ; zeros > 0; zeros-- {
				d.digits[d.n] = '0'
				d.n++
			}
			d.digits[d.n] = c
			d.n++
		}
	}
	return "", seen, true
}

// exponent reads "", "e5", "E-130". What is absurdly large is cut, so that sums do not overflow.
func exponent(s string) (int, bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != 'e' && s[0] != 'E' || len(s) < 2 {
		return 0, false
	}
	digits := strings.TrimLeft(s[1:], "+-")
	if len(s[1:])-len(digits) > 1 || digits == "" {
		return 0, false
	}
	n := 0
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int(c-'0'), 1_000_000)
	}
	if s[1] == '-' {
		n = -n
	}
	return n, true
}

func (d *decimal) inRange() error {
	if d.exp > maxExponent {
		return errOverflow
	}
	if d.exp < minExponent {
		return errUnderflow
	}
	return nil
}

// digitsOrRange says what is wrong with a number of too many digits: AWS looks at the magnitude first.
func digitsOrRange(s string, bad Invalid) error {
	a, _, err := apd.NewFromString(s)
	if err != nil || a.Form != apd.Finite {
		return bad
	}
	d := decimal{exp: int(a.NumDigits()) + int(a.Exponent) - 1}
	if err := d.inRange(); err != nil {
		return err
	}
	return errDigits
}

// String returns the normal form.
func (d *decimal) String() string {
	if d.n == 0 {
		return "0"
	}
	var buf [maxExponent - minExponent + 8]byte
	out := buf[:0]
	if d.neg {
		out = append(out, '-')
	}
	digits := d.digits[:d.n]
	switch {
	case d.exp < 0:
		out = append(out, "0."...)
		for range -d.exp - 1 {
			out = append(out, '0')
		}
		out = append(out, digits...)
	case d.exp+1 >= d.n:
		out = append(out, digits...)
		for range d.exp + 1 - d.n {
			out = append(out, '0')
		}
	default:
		out = append(out, digits[:d.exp+1]...)
		out = append(out, '.')
		out = append(out, digits[d.exp+1:]...)
	}
	return string(out)
}

// CompareNumbers orders two normalised numbers.
func CompareNumbers(a, b string) int {
	if a == b {
		return 0
	}
	negA, negB := a[0] == '-', b[0] == '-'
	switch {
	case negA && !negB:
		return -1
	case negB && !negA:
		return 1
	case negA:
		return compareMagnitudes(b[1:], a[1:])
	}
	return compareMagnitudes(a, b)
}

func compareMagnitudes(a, b string) int {
	intA, fracA, _ := strings.Cut(a, ".")
	intB, fracB, _ := strings.Cut(b, ".")
	if len(intA) != len(intB) {
		if len(intA) < len(intB) {
			return -1
		}
		return 1
	}
	if c := strings.Compare(intA, intB); c != 0 {
		return c
	}
	return strings.Compare(fracA, fracB)
}

// exact never rounds: a sum has at most 126+130+38 digits.
var exact = apd.Context{Precision: 320, MaxExponent: 1000, MinExponent: -1000}

// Add returns a + b of two normalised numbers. The error is an Invalid.
func Add(a, b string) (string, error) { return combine(a, b, false) }

// Subtract returns a - b of two normalised numbers. The error is an Invalid.
func Subtract(a, b string) (string, error) { return combine(a, b, true) }

func combine(a, b string, minus bool) (string, error) {
	if len(a) < 18 && len(b) < 18 {
		x, errX := strconv.ParseInt(a, 10, 64)
		y, errY := strconv.ParseInt(b, 10, 64)
		if errX == nil && errY == nil {
			if minus {
				y = -y
			}
			return strconv.FormatInt(x+y, 10), nil
		}
	}
	var x, y, sum apd.Decimal
	if _, _, err := x.SetString(a); err != nil {
		return "", errNoNumber + ": " + Invalid(a)
	}
	if _, _, err := y.SetString(b); err != nil {
		return "", errNoNumber + ": " + Invalid(b)
	}
	op := exact.Add
	if minus {
		op = exact.Sub
	}
	if _, err := op(&sum, &x, &y); err != nil {
		return "", errOverflow
	}
	return ParseNumber(sum.Text('f'))
}

// AppendSortable appends bytes that sort as the normalised number does, and that end themselves:
// a sign, the exponent, the digits in pairs, and an end; for negative numbers all but the sign is turned round.
func AppendSortable(dst []byte, number string) []byte {
	d, err := parseDecimal(number)
	if err != nil || d.n == 0 {
		return append(dst, 0x80)
	}
	sign, flip := byte(0x82), byte(0)
	if d.neg {
		sign, flip = 0x7e, 0xff
	}
	dst = append(dst, sign, byte(d.exp-minExponent)^flip)
	for i := 0; i < d.n; i += 2 {
		pair := (d.digits[i] - '0') * 10
		if i+1 < d.n {
			pair += d.digits[i+1] - '0'
		}
		dst = append(dst, (pair+1)^flip)
	}
	return append(dst, flip)
}

// readSortable reads what AppendSortable wrote from the front of src.
func readSortable(src []byte) (number string, rest []byte, ok bool) {
	if len(src) == 0 {
		return "", nil, false
	}
	sign, flip := src[0], byte(0)
	switch {
	case sign == 0x80:
		return "0", src[1:], true
	case sign == 0x7e:
		flip = 0xff
	case sign != 0x82:
		return "", nil, false
	}
	if len(src) < 3 {
		return "", nil, false
	}
	d := decimal{neg: sign == 0x7e, exp: int(src[1]^flip) + minExponent}
	for i, c := range src[2:] {
		c ^= flip
		if c == 0 {
			for d.n > 0 && d.digits[d.n-1] == '0' {
				d.n--
			}
			return d.String(), src[2+i+1:], d.n > 0
		}
		if c > 100 || d.n+2 > maxDigits {
			return "", nil, false
		}
		d.digits[d.n], d.digits[d.n+1] = '0'+(c-1)/10, '0'+(c-1)%10
		d.n += 2
	}
	return "", nil, false
}
