package vtl

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
)

// maxDigits bounds integers that are longer than 64 bits.
const maxDigits = 400

type kind uint8

const (
	whole    kind = iota // i counts
	fraction             // f counts
	long                 // text counts: an integer of more than 64 bits
)

type number struct {
	kind kind
	i    int64
	f    float64
	text json.Number
}

func numberOf(v any) (number, bool) {
	switch v := v.(type) {
	case int64:
		return number{i: v}, true
	case float64:
		return number{kind: fraction, f: v}, true
	case json.Number:
		i, err := strconv.ParseInt(string(v), 10, 64)
		if err == nil {
			return number{i: i}, true
		}
		if text, ok := parseBig(string(v)); ok {
			return number{kind: long, text: text}, true
		}
		f, err := strconv.ParseFloat(string(v), 64)
		return number{kind: fraction, f: f}, err == nil || math.IsInf(f, 0)
	}
	return number{}, false
}

// parseBig reads an integer of more than 64 bits.
func parseBig(text string) (json.Number, bool) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	return json.Number(text), true
}

func (n number) float() float64 {
	switch n.kind {
	case whole:
		return float64(n.i)
	case long:
		f, _ := strconv.ParseFloat(string(n.text), 64)
		return f
	}
	return n.f
}

func (n number) big() *big.Int {
	if n.kind == whole {
		return big.NewInt(n.i)
	}
	b, ok := new(big.Int).SetString(string(n.text), 10)
	if !ok {
		b = new(big.Int)
	}
	return b
}

// arithmetic computes. What cannot be computed is null: other values than numbers, and a division by zero.
func arithmetic(op string, left, right any) any {
	a, ok := numberOf(left)
	b, ok2 := numberOf(right)
	if !ok || !ok2 {
		return ""
	}
	if a.kind == fraction || b.kind == fraction {
		return fractions(op, a.float(), b.float())
	}
	if a.kind == whole && b.kind == whole {
		if v, ok := integers(op, a.i, b.i); ok {
			return v
		}
	}
	return longs(op, a.big(), b.big())
}

func fractions(op string, a, b float64) any {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	if b == 0 {
		return ""
	}
	if op == "%" {
		return math.Mod(a, b)
	}
	return a / b
}

// integers computes in 64 bits, and reports false if that is not enough.
func integers(op string, a, b int64) (any, bool) {
	switch op {
	case "+":
		sum := a + b
		return sum, (sum > a) == (b > 0)
	case "-":
		difference := a - b
		return difference, (difference < a) == (b > 0)
	case "*":
		hi, lo := bits.Mul64(magnitude(a), magnitude(b))
		return a * b, hi == 0 && lo <= math.MaxInt64
	}
	if b == 0 {
		return "", true
	}
	if op == "%" {
		return a % b, true
	}
	return a / b, a != math.MinInt64 || b != -1
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func longs(op string, a, b *big.Int) any {
	out := new(big.Int)
	switch {
	case op == "+":
		out.Add(a, b)
	case op == "-":
		out.Sub(a, b)
	case op == "*":
		out.Mul(a, b)
	case b.Sign() == 0:
		return ""
	case op == "%":
		out.Rem(a, b)
	default:
		out.Quo(a, b)
	}
	if out.IsInt64() {
		return out.Int64()
	}
	text := out.String()
	if len(text) > maxDigits {
		return ""
	}
	return json.Number(text)
}

// compareNumbers orders two numbers.
func compareNumbers(a, b number) int {
	switch {
	case a.kind == whole && b.kind == whole:
		switch {
		case a.i < b.i:
			return -1
		case a.i > b.i:
			return 1
		}
		return 0
	case a.kind == fraction || b.kind == fraction:
		x, y := a.float(), b.float()
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return a.big().Cmp(b.big())
}

// ordered compares two numbers. Other values have no order: it is false.
func ordered(op string, left, right any) bool {
	a, ok := numberOf(left)
	b, ok2 := numberOf(right)
	if !ok || !ok2 {
		return false
	}
	c := compareNumbers(a, b)
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// equal compares as == does: numbers by value, values of one kind by content, others by what they print.
func (s *state) equal(a, b any, depth int) (bool, error) {
	if err := s.meter.Spend(1); err != nil || depth > maxDeep {
		return false, ErrTooMuch
	}
	if a == nil {
		a = ""
	}
	if b == nil {
		b = ""
	}
	if x, ok := numberOf(a); ok {
		if y, ok := numberOf(b); ok {
			return compareNumbers(x, y) == 0, nil
		}
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x == y, s.meter.Spend(min(len(x), len(y)) / 64)
		}
	case *List:
		if y, ok := b.(*List); ok {
			return s.equalLists(x.Items, y.Items, depth)
		}
	case *Map:
		if y, ok := b.(*Map); ok {
			return s.equalMaps(x, y, depth)
		}
	case Object:
		if y, ok := b.(Object); ok {
			return x == y, nil
		}
	}
	x, err := s.string(a)
	if err != nil {
		return false, err
	}
	y, err := s.string(b)
	return x == y, err
}

func (s *state) equalLists(a, b []any, depth int) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	for i := range a {
		if same, err := s.equal(a[i], b[i], depth+1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (s *state) equalMaps(a, b *Map, depth int) (bool, error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	for _, e := range a.entries {
		i := b.find(e.key)
		if i < 0 {
			return false, nil
		}
		if same, err := s.equal(e.value, b.entries[i].value, depth+1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}
