package selection_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/selection"
)

// none stands for "the message has no key".
const none = "\x00none"

func TestAppend(t *testing.T) {
	vars := map[string]string{"integration.response.statuscode": "404", "integration.response.header.x-kind": "k"}
	for _, tt := range []struct {
		name, expr, message, want string
	}{
		{"DP-094 member", `$request.body.action`, `{"action":"join","room":"x"}`, "join"},
		{"braces", `${request.body.action}`, `{"action":"join"}`, "join"},
		{"DP-105 two_members", `${request.body.service}/${request.body.action}`, `{"service":"chat","action":"join"}`, "chat/join"},
		{"DP-106 missing_member", `${request.body.action}-${request.body.none}`, `{"action":"join"}`, "join-"},
		{"DP-107 nested", `$request.body.message.kind`, `{"message":{"kind":"a"}}`, "a"},
		{"DP-108 hyphen", `$request.body.detail-type`, `{"detail-type":"x"}`, "x"},
		{"DP-109 number", `$request.body.n`, `{"n":5}`, "5"},
		{"fraction", `$request.body.n`, `{"n":1.50}`, "1.50"},
		{"DP-110 boolean", `$request.body.b`, `{"b":true}`, "true"},
		{"DP-111 list", `$request.body.a`, `{"a":["x","y"]}`, "[x, y]"},
		{"object", `$request.body.a`, `{"a":{"k":"v","k2":[1,null]}}`, "{k=v, k2=[1, null]}"},
		{"DP-112 null", `$request.body.a`, `{"a":null}`, ""},
		{"DP-113 static", `fixed`, `{"a":1}`, "fixed"},
		{"static_not_json", `fixed`, `hi`, "fixed"},
		{"DP-114 escaped_default", `\$default`, `{"a":1}`, "$default"},
		{"unescaped_default", `$default`, `hi`, "$default"},
		{"DP-115 unquoted_name", `$request.body.action`, `{"action":"join", body:"hello"}`, "join"},
		{"DP-098 not_json", `$request.body.action`, `hi`, none},
		{"scalar_string", `$request.body.action`, `"join"`, none},
		{"scalar_null", `$request.body.action`, `null`, none},
		{"empty", `$request.body.action`, ``, none},
		{"DP-101 array", `$request.body.action`, `[1,2]`, ""},
		{"broken", `$request.body.action`, `{"action":"join"`, none},
		{"escapes", `$request.body.action`, `{"action":"jo\u0069n\n"}`, "join\n"},
		{"index", `$request.body.a[1].b`, `{"a":[{"b":"x"},{"b":"y"}]}`, "y"},
		{"index_from_end", `$request.body.a[-1]`, `{"a":["x","y"]}`, "y"},
		{"bracket_name", `$request.body['a b'].c`, `{"a b":{"c":"x"}}`, "x"},
		{"bracket_name_braces", `${request.body["a.b"]}`, `{"a.b":"x"}`, "x"},
		{"wildcard", `$request.body.a[*].b`, `{"a":[{"b":"x"},{"b":"y"}]}`, "[x, y]"},
		{"deep", `$request.body..b`, `{"a":{"b":1},"b":{"b":2}}`, "[{b=2}, 1, 2]"},
		{"member_wildcard", `$request.body.*`, `{"a":1,"b":2}`, "[1, 2]"},
		{"whole", `$request.body`, `{"a":1}`, "{a=1}"},
		{"unknown_variable", `x-${context.stage}-$stageVariables.v`, `{}`, "x--"},
		{"without_dollar", `request.body.action`, `{"action":"join"}`, "request.body.action"},
		{"unclosed_brace", `${request.body.action`, `{"action":"join"}`, "${request.body.action"},
		{"static_tail", `$request.body.a/b`, `{"a":"x"}`, "x/b"},
		{"dot_behind", `$request.body.a.`, `{"a":"x"}`, "x."},
		{"evaluated_once", `$request.body.a`, `{"a":"$request.body.b","b":"no"}`, "$request.body.b"},
		{"DP-170 status", `${integration.response.statuscode}`, `no json`, "404"},
		{"header", `$integration.response.header.x-kind`, ``, "k"},
		{"bare_value", `$request.body.a`, `{a: hello there }`, "hello there"},
		{"empty_expression", ``, `{}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := selection.Parse(tt.expr).Append([]byte("+"), []byte(tt.message), func(name string) string { return vars[name] })
			want, wantOK := "+"+tt.want, tt.want != none
			if !wantOK {
				want = "+"
			}
			if string(got) != want || ok != wantOK {
				t.Errorf("%q of %q = %q, %v, want %q, %v", tt.expr, tt.message, got, ok, want, wantOK)
			}
		})
	}
}

func TestManyVariables(t *testing.T) {
	e := selection.Parse(strings.Repeat("${request.body.a}", 100))
	got, ok := e.Append(nil, []byte(`{"a":"x"}`), nil)
	if string(got) != strings.Repeat("x", 100) || !ok {
		t.Errorf("hundred variables give %q, %v", got, ok)
	}
}

func TestStatic(t *testing.T) {
	for expr, want := range map[string]string{"": "", "200": "200", `\$default`: "$default", "$default": "$default"} {
		if got, ok := selection.Parse(expr).Static(); got != want || !ok {
			t.Errorf("Static of %q = %q, %v, want %q", expr, got, ok, want)
		}
	}
	if _, ok := selection.Parse("a$request.body.x").Static(); ok {
		t.Error("an expression with a variable is called static")
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	e, message, key := selection.Parse("${request.body.service}/${request.body.action}"), []byte(`{"service":"chat","action":"join"}`), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { key, _ = e.Append(key[:0], message, nil) }); n != 0 {
		t.Errorf("evaluating %q allocates %v times", key, n)
	}
}

// FuzzParse asserts that any expression and message give a result, that it only grows what was there, and that text without a
// dollar is itself.
func FuzzParse(f *testing.F) {
	f.Add(`${request.body.service}/$request.body.a-b['c'][0]..d.*`, `{"service":[1,{"d":2}],"a-b":{"c":[{"d":null}]}}`)
	f.Add(`\$default$`, `{a:1`)
	f.Add(`$request.body[`, `[]`)
	f.Fuzz(func(t *testing.T, expr, message string) {
		e := selection.Parse(expr)
		got, ok := e.Append([]byte("+"), []byte(message), func(string) string { return "v" })
		if !strings.HasPrefix(string(got), "+") || !ok && len(got) != 1 {
			t.Fatalf("%q of %q = %q, %v", expr, message, got, ok)
		}
		if !strings.ContainsAny(expr, `$\`) && string(got) != "+"+expr {
			t.Fatalf("static %q = %q", expr, got)
		}
		if utf8.ValidString(expr) && utf8.ValidString(message) && !utf8.Valid(got) {
			t.Fatalf("%q of %q = %q, no UTF-8", expr, message, got)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	e, message, key := selection.Parse("$request.body.action"), []byte(`{"action":"join","text":"`+strings.Repeat("x", 100)+`"}`), make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		key, _ = e.Append(key[:0], message, nil)
	}
}
