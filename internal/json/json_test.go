package json_test

import (
	stdjson "encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/json"
)

func name(names ...string) json.Path {
	var p json.Path
	for _, n := range names {
		p = append(p, json.Step{Name: n})
	}
	return p
}

func TestPick(t *testing.T) {
	at := func(p json.Path, i int) json.Path { return append(p, json.Step{Index: i, Array: true}) }
	for _, tt := range []struct {
		name, doc string
		path      json.Path
		want      string // "-" is missing, "!" is invalid
	}{
		{"string", `{"action":"join","room":"x"}`, name("action"), `"join"`},
		{"blanks", " {\t\"action\" : \n1.5e3 } \r\n", name("action"), `1.5e3`},
		{"nested", `{"a":{"b":{"c":[1,2]}},"b":3}`, name("a", "b", "c"), `[1,2]`},
		{"nested_elsewhere", `{"b":{"c":1},"a":{"c":2}}`, name("a", "c"), `2`},
		{"element", `{"a":[{"b":1},{"b":2}]}`, append(at(name("a"), 1), json.Step{Name: "b"}), `2`},
		{"element_missing", `{"a":[1]}`, at(name("a"), 1), `-`},
		{"root", ` {"a":1} `, nil, `{"a":1}`},
		{"missing", `{"a":1}`, name("b"), `-`},
		{"of_scalar", `{"a":1}`, name("a", "b"), `-`},
		{"scalar", `5`, name("a"), `-`},
		{"last_wins", `{"a":"x","a":"y"}`, name("a"), `"y"`},
		{"last_wins_without", `{"a":{"b":1},"a":2}`, name("a", "b"), `-`},
		{"escaped_name", `{"\u0061ction":"x"}`, name("action"), `"x"`},
		{"case", `{"Action":"x"}`, name("action"), `-`},
		{"empty", ``, name("a"), `!`},
		{"bare", `hi`, name("a"), `!`},
		{"trailing_comma", `{"a":1,}`, name("a"), `!`},
		{"trailing_text", `{"a":1} x`, name("a"), `!`},
		{"leading_zero", `{"a":01}`, name("a"), `!`},
		{"plus", `{"a":+1}`, name("a"), `!`},
		{"dot", `{"a":1.}`, name("a"), `!`},
		{"control", "{\"a\":\"12345678\n\"}", name("a"), `!`},
		{"bad_escape", `{"a":"\x"}`, name("a"), `!`},
		{"bad_unicode", `{"a":"\u12g4"}`, name("a"), `!`},
		{"unquoted", `{a:1}`, name("a"), `!`},
		{"deep", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), name("a"), `-`},
		{"too_deep", strings.Repeat("[", 10001) + strings.Repeat("]", 10001), name("a"), `!`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			values := make([]json.Span, 1)
			got := "!"
			if json.NewPicker(tt.path).Pick([]byte(tt.doc), values) {
				got = "-"
				if v := values[0].Of([]byte(tt.doc)); v != nil {
					got = string(v)
				}
			}
			if got != tt.want {
				t.Errorf("Pick(%.60q) = %s, want %s", tt.doc, got, tt.want)
			}
		})
	}
}

func TestParseLenient(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string // want as Java prints it, "!" for an error
	}{
		{"DP-115 unquoted_name", `{"action":"sendMessage", body:"hello"}`, `{action=sendMessage, body=hello}`},
		{"DP-142 unquoted_status", `{statusCode: 200}`, `{statusCode=200}`},
		{"trailing_comma", `{"statusCode": 200,}`, `{statusCode=200}`},
		{"commas", `[,1,,2,]`, `[1, 2]`},
		{"single_quotes", `{'a':'it is "x"'}`, `{a=it is "x"}`},
		{"bare_values", `{a: hello world , b:[x y, z]}`, `{a=hello world, b=[x y, z]}`},
		{"bare_word", `a=b`, `a=b`},
		{"bare_brace", `a{b`, `a{b`},
		{"bare_number_like", `5 apples`, `5 apples`},
		{"number_like_member", `{a:1.2.3,b:1e,c:-}`, `{a=1.2.3, b=1e, c=-}`},
		{"scalars", `[true,false,null,1.50,-3e+2,"x"]`, `[true, false, null, 1.50, -3e+2, x]`},
		{"empty", ``, ``},
		{"no_value", `{a:,b:1}`, `{a=, b=1}`},
		{"last_wins", `{"a":1,"b":2,"a":3}`, `{a=3, b=2}`},
		{"text_behind", `{"a":1} and more`, `{a=1}`},
		{"escapes", `{"a":"\u00e9\n\"\'\ud83d\ude00\q"}`, "{a=é\n\"'😀}"},
		{"unterminated_object", `{a`, `!`},
		{"unterminated_array", `[a`, `!`},
		{"unterminated_string", `{"a":"b}`, `!`},
		{"unterminated_member", `{"a":`, `!`},
		{"missing_comma", `{"a":"b" "c":1}`, `!`},
		{"stray_bracket", `{]`, `!`},
		{"stray_value", `{"a":}`, `!`},
		{"closing", `}`, `!`},
		{"too_deep", strings.Repeat("[", 401) + strings.Repeat("]", 401), `!`},
		{"deep", strings.Repeat("[", 400) + strings.Repeat("]", 400), strings.Repeat("[", 400) + strings.Repeat("]", 400)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := json.ParseLenient([]byte(tt.text))
			got := "!"
			if err == nil {
				got = string(json.AppendString(nil, v))
			}
			if got != tt.want {
				t.Errorf("ParseLenient(%.60q) prints %q, want %q (%v)", tt.text, got, tt.want, err)
			}
		})
	}
}

func TestObjectWithManyMembers(t *testing.T) {
	doc := []byte(`{`)
	for i := range 100 {
		doc = fmt.Appendf(doc, `"k%d":%d,`, i%50, i/50)
	}
	v, err := json.ParseLenient(append(doc, '}'))
	if err != nil {
		t.Fatal(err)
	}
	o := v.(*json.Object)
	if len(o.Members) != 50 {
		t.Errorf("object has %d members, want 50", len(o.Members))
	}
	if got, _ := o.Get("k49"); got != json.Number("1") {
		t.Errorf("member k49 = %v, want the last value 1", got)
	}
}

func TestAppendQuoted(t *testing.T) {
	for _, s := range []string{"", "plain", "q\"b\\n\n\r\t\x00\x1f", "é😀\u2028", "\xff\xfe broken", "half \xe2\x82"} {
		got := json.AppendQuoted(nil, s)
		var back string
		if err := stdjson.Unmarshal(got, &back); err != nil {
			t.Errorf("AppendQuoted(%q) = %s: %v", s, got, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && back != want {
			t.Errorf("AppendQuoted(%q) reads back as %q", s, back)
		}
	}
}

func TestMarshal(t *testing.T) {
	type part struct {
		Name string         `json:"name"`
		Tags []string       `json:"tags,omitempty"`
		N    *int           `json:"n,omitempty"`
		M    map[string]int `json:"m,omitempty"`
	}
	in := part{Name: "x", M: map[string]int{"b": 2, "a": 1}}
	data, err := json.Marshal(in)
	if err != nil || string(data) != `{"name":"x","m":{"a":1,"b":2}}` {
		t.Fatalf("Marshal = %s, %v", data, err)
	}
	var out part
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Error(diff)
	}
	if err := json.UnmarshalStrict([]byte(`{"nome":"x"}`), &out); err == nil {
		t.Error("UnmarshalStrict took an unknown member")
	}
}

// FuzzScan holds the scanner against the standard library, and the lenient parser against the scanner.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,"x\n"]},"a":null}`, `[1,2`, `{a:1,}`, `"\ud800"`, `{"a":{"b":"1234567890\\"}}`, "1e5 ", `-`} {
		f.Add(s)
	}
	paths := []json.Path{name("a"), name("a", "b"), {{Index: 1, Array: true}}, nil}
	picker := json.NewPicker(paths...)
	f.Fuzz(func(t *testing.T, doc string) {
		values := make([]json.Span, len(paths))
		ok := picker.Pick([]byte(doc), values)
		if want := stdjson.Valid([]byte(doc)); ok != want || ok != json.Valid([]byte(doc)) {
			t.Fatalf("Pick(%q) = %v, Valid = %v, the standard library says %v", doc, ok, json.Valid([]byte(doc)), want)
		}
		tree, err := json.ParseLenient([]byte(doc))
		if !ok || !utf8.ValidString(doc) {
			return
		}
		if err != nil {
			if strings.Count(doc, "[")+strings.Count(doc, "{") > 400 {
				return // nested deeper than the lenient parser goes
			}
			t.Fatalf("ParseLenient(%q): %v", doc, err)
		}
		for i, path := range paths {
			want, found := walk(tree, path)
			text := values[i].Of([]byte(doc))
			if found != (text != nil) {
				t.Fatalf("path %v of %q: scanned %q, parsed %v", path, doc, text, want)
			}
			if !found {
				continue
			}
			part, err := json.ParseLenient(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, part); diff != "" {
				t.Fatalf("path %v of %q: %s", path, doc, diff)
			}
		}
	})
}

func walk(v any, path json.Path) (any, bool) {
	for _, step := range path {
		switch c := v.(type) {
		case *json.Object:
			var ok bool
			if v, ok = c.Get(step.Name); !ok || step.Array {
				return nil, false
			}
		case []any:
			if !step.Array || step.Index >= len(c) {
				return nil, false
			}
			v = c[step.Index]
		default:
			return nil, false
		}
	}
	return v, true
}

// FuzzQuoted asserts that any bytes become a JSON string, and that text reads back as it was.
func FuzzQuoted(f *testing.F) {
	f.Add("a\"\\\u00e9\x80\x1f")
	f.Add("000000000000\x8d000000")
	f.Fuzz(func(t *testing.T, s string) {
		quoted := json.AppendQuoted(nil, s)
		if !json.Valid(quoted) || !utf8.Valid(quoted) {
			t.Fatalf("AppendQuoted(%q) = %s is no JSON", s, quoted)
		}
		if utf8.ValidString(s) {
			if back := json.AppendUnquoted(nil, quoted[1:len(quoted)-1]); string(back) != s {
				t.Fatalf("%q reads back as %q", s, back)
			}
		}
	})
}

func BenchmarkPick(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 16 << 10} {
		doc := []byte(`{"action":"join","text":"` + strings.Repeat("x", size-30) + `"}`)
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			p, values := json.NewPicker(name("action")), make([]json.Span, 1)
			b.ReportAllocs()
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if !p.Pick(doc, values) {
					b.Fatal("invalid")
				}
			}
		})
	}
}
