package item

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const allTypes = `{"b":{"B":"AAEC/w=="},"bool":{"BOOL":true},"bs":{"BS":["AQ==","Ag=="]},"l":{"L":[{"S":"x"},{"N":"1"},{"L":[]}]},` +
	`"m":{"M":{"a":{"S":"ä\"\\\n\u0001"},"z":{"M":{}}}},"n":{"N":"-12.5"},"no":{"BOOL":false},"ns":{"NS":["-1","0","2.5"]},` +
	`"null":{"NULL":true},"s":{"S":""},"ss":{"SS":["a","b"]}}`

func TestJSON_DY001(t *testing.T) {
	it, err := ParseItem([]byte(allTypes))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(AppendJSON(nil, it)); got != allTypes {
		t.Errorf("AppendJSON:\n got %s\nwant %s", got, allTypes)
	}
	enc := Encode(it)
	got, err := enc.JSON(nil)
	if err != nil || string(got) != allTypes {
		t.Errorf("Encoded.AppendJSON: %v\n got %s\nwant %s", err, got, allTypes)
	}
	back, err := enc.Decode()
	if err != nil || !EqualItems(it, back) {
		t.Errorf("Decode = %v, %v, want %v", back, err, it)
	}
	for _, a := range it {
		if v := enc.Get(a.Name); !Equal(v, a.Value) {
			t.Errorf("Get(%s) = %v, want %v", a.Name, v, a.Value)
		}
	}
	if v := enc.Get("missing"); v.Kind != None {
		t.Errorf("Get(missing) = %v", v)
	}
	if enc.Size() != Size(it) {
		t.Errorf("Size = %d, want %d", enc.Size(), Size(it))
	}
}

func TestParseValueErrors(t *testing.T) {
	deep := strings.Repeat(`{"L":[`, 33) + strings.Repeat(`]}`, 33)
	for _, tt := range []struct{ name, in, want string }{
		{"DY-008 string set", `{"SS":[]}`, "One or more parameter values were invalid: An string set  may not be empty"},
		{"DY-008 number set", `{"NS":[]}`, "One or more parameter values were invalid: An number set  may not be empty"},
		{"DY-008 binary set", `{"BS":[]}`, "One or more parameter values were invalid: Binary sets should not be empty"},
		{"DY-009 strings", `{"SS":["a","a"]}`, "One or more parameter values were invalid: Input collection [a, a] contains duplicates."},
		{"DY-009 numbers", `{"NS":["1","1.0"]}`, "Input collection contains duplicates"},
		{"DY-010", `{"NULL":false}`, "One or more parameter values were invalid: Null attribute value types must have the value of true"},
		{"DY-011 two", `{"S":"a","N":"1"}`, string(errManyTypes)},
		{"DY-011 none", `{}`, string(errEmptyValue)},
		{"DY-012", `{"N":"123456789012345678901234567890123456789"}`, "Attempting to store more than 38 significant digits in a Number"},
		{"DY-014 overflow", `{"N":"1E126"}`, string(errOverflow)},
		{"DY-014 underflow", `{"N":"1E-131"}`, string(errUnderflow)},
		{"no number", `{"N":"abc"}`, "The parameter cannot be converted to a numeric value: abc"},
		{"empty number", `{"N":""}`, "The parameter cannot be converted to a numeric value"},
		{"deep", deep, "Nesting Levels have exceeded supported limits"},
		{"inner", `{"M":{"a":{"L":[{"N":"x"}]}}}`, "The parameter cannot be converted to a numeric value: x"},
		{"type number", `{"S":1}`, "NUMBER_VALUE cannot be converted to String"},
		{"type decimal", `{"N":1.5}`, "DECIMAL_VALUE cannot be converted to String"},
		{"type bool", `{"S":true}`, "TRUE_VALUE cannot be converted to String"},
		{"type list", `{"L":"x"}`, "Unexpected field type"},
		{"type value", `"x"`, "Unexpected value type in payload"},
		{"base64 length", `{"B":"abc"}`, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"},
		{"type beats value", `{"L":[{"N":"x"},{"S":1}]}`, "NUMBER_VALUE cannot be converted to String"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseValue([]byte(tt.in))
			if err == nil || err.Error() != tt.want {
				t.Errorf("ParseValue(%s) = %v, want %s", tt.in, err, tt.want)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"DY-012", "12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
		{"DY-013 exponent", "1e3", "1000"},
		{"DY-013 zeros", "01.50", "1.5"},
		{"DY-013 minus zero", "-0", "0"},
		{"zero exponent", "0e5", "0"},
		{"plus", "+7", "7"},
		{"point first", ".5", "0.5"},
		{"small", "1E-130", "0." + strings.Repeat("0", 129) + "1"},
		{"large", "9.9999999999999999999999999999999999999E+125", strings.Repeat("9", 38) + strings.Repeat("0", 88)},
		{"negative", "-120.0300", "-120.03"},
		{"trailing zeros do not count", "1" + strings.Repeat("0", 60), "1" + strings.Repeat("0", 60)},
		{"leading zeros do not count", strings.Repeat("0", 60) + "1", "1"},
		{"one tenth", "100e-3", "0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseNumber(tt.in)
			if err != nil || got != tt.want {
				t.Errorf("ParseNumber(%s) = %s, %v, want %s", tt.in, got, err, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "-", ".", "1e", "1e+", "e5", "0x10", "1 ", " 1", "NaN", "Infinity", "1_000", "--1", "1..2", "1e1.5"} {
		if got, err := ParseNumber(bad); err == nil {
			t.Errorf("ParseNumber(%q) = %s, want an error", bad, got)
		}
	}
}

func TestArithmetic(t *testing.T) {
	for _, tt := range []struct{ a, b, sum, diff string }{
		{"1", "2", "3", "-1"},
		{"0.1", "0.2", "0.3", "-0.1"},
		{"5", "5", "10", "0"},
		{"99999999999999999999999999999999999998", "1", "99999999999999999999999999999999999999", "99999999999999999999999999999999999997"},
		{"-1.5", "1.5", "0", "-3"},
	} {
		if got, err := Add(tt.a, tt.b); err != nil || got != tt.sum {
			t.Errorf("%s + %s = %s, %v, want %s", tt.a, tt.b, got, err, tt.sum)
		}
		if got, err := Subtract(tt.a, tt.b); err != nil || got != tt.diff {
			t.Errorf("%s - %s = %s, %v, want %s", tt.a, tt.b, got, err, tt.diff)
		}
	}
	if got, err := Add("1"+strings.Repeat("0", 60), "1"); !errors.Is(err, errDigits) {
		t.Errorf("sum of 61 digits = %s, %v", got, err)
	}
}

func numbers() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{1,18})?(e-?[0-9]{1,2})?`).Draw(t, "number")
		n, err := ParseNumber(s)
		if err != nil {
			t.Skip(err)
		}
		return n
	})
}

// TestNumberOrder_DY059 holds the three ways of ordering numbers against each other.
func TestNumberOrder_DY059(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers().Draw(t, "a"), numbers().Draw(t, "b")
		want := 0
		diff, err := Subtract(a, b)
		if err == nil && diff != "0" {
			want = 1
			if diff[0] == '-' {
				want = -1
			}
		} else if err != nil {
			want = CompareNumbers(a, b)
		}
		if got := CompareNumbers(a, b); got != want {
			t.Fatalf("CompareNumbers(%s, %s) = %d, want %d", a, b, got, want)
		}
		ka, kb := AppendSortable(nil, a), AppendSortable(nil, b)
		if got := slices.Compare(ka, kb); got != want {
			t.Fatalf("AppendSortable(%s, %s) order %d, want %d", a, b, got, want)
		}
		if back, rest, ok := readSortable(append(ka, 9)); !ok || back != a || len(rest) != 1 {
			t.Fatalf("readSortable of %s = %s, %v", a, back, ok)
		}
	})
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     int
	}{
		{"string", `{"a":{"S":"äb"}}`, 4},
		{"number", `{"a":{"N":"12"}}`, 3},
		{"negative", `{"a":{"N":"-1"}}`, 4},
		{"null", `{"a":{"NULL":true}}`, 2},
		{"list", `{"a":{"L":[{"S":"xy"},{"BOOL":true}]}}`, 9},
		{"map", `{"a":{"M":{"bc":{"S":"d"}}}}`, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it, err := ParseItem([]byte(tt.in))
			if err != nil || Size(it) != tt.want {
				t.Errorf("Size(%s) = %d, %v, want %d", tt.in, Size(it), err, tt.want)
			}
		})
	}
}

func TestItemWith(t *testing.T) {
	it := FromAttrs([]Attr{{"b", String("1")}, {"a", String("2")}, {"b", String("3")}})
	want := Item{{"a", String("2")}, {"b", String("3")}}
	if diff := cmp.Diff(want, it); diff != "" {
		t.Error(diff)
	}
	more := it.With("aa", String("x")).With("b", String("y")).Without("a").Without("zz")
	want = Item{{"aa", String("x")}, {"b", String("y")}}
	if diff := cmp.Diff(want, more); diff != "" {
		t.Error(diff)
	}
	if len(it) != 2 || it.Get("b").Str != "3" {
		t.Errorf("With changed the item: %v", it)
	}
}

// FuzzParseItem: what is read is written and read the same, in all three forms, and as encoding/json sees it.
func FuzzParseItem(f *testing.F) {
	f.Add([]byte(allTypes))
	f.Add([]byte(`{"a":{"S":"\ud83d\ude00\ud83dx"},"a":{"N":"1e10"}}`))
	f.Add([]byte(`{"a":{"x":[{"y":[1,{}]}],"S":"\/"}}`))
	f.Add([]byte(`{"a":{"NS":["1","2","-0.5e-3"]}} `))
	f.Fuzz(func(t *testing.T, data []byte) {
		it, err := ParseItem(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Skip("numbers in skipped members are not checked")
		}
		out := AppendJSON(nil, it)
		if !json.Valid(out) {
			t.Fatalf("AppendJSON wrote no JSON: %s", out)
		}
		if it == nil {
			return
		}
		again, err := ParseItem(out)
		if err != nil || !EqualItems(it, again) {
			t.Fatalf("%s was read again as %v, %v", out, again, err)
		}
		back, err := Encode(it).Decode()
		if err != nil || !EqualItems(it, back) {
			t.Fatalf("Decode = %v, %v, want %v", back, err, it)
		}
		direct, err := Encode(it).JSON(nil)
		if err != nil || string(direct) != string(out) {
			t.Fatalf("from binary %s, %v, want %s", direct, err, out)
		}
	})
}

// FuzzDecode: no bytes make the reader panic, and both ways of reading agree on what is damaged.
func FuzzDecode(f *testing.F) {
	it, _ := ParseItem([]byte(allTypes))
	f.Add([]byte(Encode(it)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Encoded(data).Decode()
		if _, errJSON := Encoded(data).JSON(nil); (err == nil) != (errJSON == nil) || Encoded(data).Valid() != (err == nil) {
			t.Fatalf("Decode: %v, JSON: %v, valid: %v", err, errJSON, Encoded(data).Valid())
		}
		Encoded(data).Get("a")
	})
}

func BenchmarkParseEncode(b *testing.B) {
	data := []byte(`{"connectionId":{"S":"L0SM9cOFvHcCIhw="},"room":{"S":"general"},"at":{"N":"1795143927614"},"user":{"M":{"name":{"S":"Ada"},"roles":{"SS":["a","b"]}}}}`)
	b.ReportAllocs()
	for b.Loop() {
		it, err := ParseItem(data)
		if err != nil {
			b.Fatal(err)
		}
		Encode(it)
	}
}

func BenchmarkEncodedJSON(b *testing.B) {
	it, _ := ParseItem([]byte(`{"connectionId":{"S":"L0SM9cOFvHcCIhw="},"room":{"S":"general"},"at":{"N":"1795143927614"},"user":{"M":{"name":{"S":"Ada"},"roles":{"SS":["a","b"]}}}}`))
	enc := Encode(it)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = enc.AppendJSON(buf[:0])
	}
}

// TestParseNumberAgrees holds our reading of numbers against a library's.
func TestParseNumberAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[+-]?[0-9]{0,45}(\.[0-9]{0,45})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")
		got, err := ParseNumber(s)
		want, _, errWant := apd.NewFromString(s)
		if errWant != nil {
			if err == nil {
				t.Fatalf("ParseNumber(%q) = %s, want an error", s, got)
			}
			return
		}
		var reduced apd.Decimal
		reduced.Reduce(want)
		magnitude := int(reduced.NumDigits()) + int(reduced.Exponent) - 1
		fits := reduced.IsZero() || reduced.NumDigits() <= maxDigits && magnitude >= minExponent && magnitude <= maxExponent
		if (err == nil) != fits {
			t.Fatalf("ParseNumber(%q): %v, want fits %v", s, err, fits)
		}
		if err != nil {
			return
		}
		back, _, errBack := apd.NewFromString(got)
		if errBack != nil || back.Cmp(want) != 0 {
			t.Fatalf("ParseNumber(%q) = %s, want %s", s, got, want)
		}
		if again, err := ParseNumber(got); err != nil || again != got {
			t.Fatalf("ParseNumber(%s) = %s, %v: not normal", got, again, err)
		}
	})
}
