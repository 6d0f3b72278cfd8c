package pattern

import (
	"errors"
	"testing"
)

func TestMatch(t *testing.T) {
	const logLine = `127.0.0.1 - frank [10/Oct/2025:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
	for _, tt := range []struct {
		name, pattern, line string
		want                bool
	}{
		{"EV-074 empty matches all", "", "x", true},
		{"EV-073 one term", "ERROR", "an ERROR here", true},
		{"case counts", "ERROR", "an error here", false},
		{"EV-074 two terms and", "ERROR timeout", "ERROR: a timeout", true},
		{"EV-074 one of two terms", "ERROR timeout", "ERROR: other", false},
		{"EV-074 either first", "?a1 ?b1", "x a1", true},
		{"EV-074 either none", "?a1 ?b1", "x c1", false},
		{"EV-074 exclude", "ERROR -Exiting", "ERROR Exiting", false},
		{"EV-074 exclude absent", "ERROR -Exiting", "ERROR", true},
		{"EV-074 only exclude", "-x", "y", true},
		{"EV-074 phrase", `"no such file"`, "open: no such file", true},
		{"EV-074 phrase apart", `"no such file"`, "no file such", false},
		{"escaped quote", `"a \"b\" c"`, `x a "b" c y`, true},
		{"EV-076 regex", `%4\d\d%`, "status 404", true},
		{"EV-076 regex no", `%^4\d\d%`, "status 404", false},
		{"EV-075 and", `{ $.level = "error" && $.code >= 500 }`, `{"level":"error","code":503}`, true},
		{"EV-075 and fails", `{ $.level = "error" && $.code >= 500 }`, `{"level":"error","code":404}`, false},
		{"or in parentheses", `{ $.a = 1 && ($.b = 2 || $.c IS TRUE) }`, `{"a":1,"c":true}`, true},
		{"wildcard", `{ $.u = "us-*" }`, `{"u":"us-east-1"}`, true},
		{"not equal", `{ $.u != "x" }`, `{"u":"y"}`, true},
		{"not equal of nothing", `{ $.u != "x" }`, `{}`, false},
		{"not exists", `{ $.u NOT EXISTS }`, `{}`, true},
		{"is null", `{ $.u IS NULL }`, `{"u":null}`, true},
		{"is null of nothing", `{ $.u IS NULL }`, `{}`, false},
		{"array", `{ $.a[1].b = 2 }`, `{"a":[0,{"b":2}]}`, true},
		{"quoted name", `{ $.a["b c"] = 2 }`, `{"a":{"b c":2}}`, true},
		{"regex in JSON", `{ $.m = %^Exec% }`, `{"m":"Execution"}`, true},
		{"number as exponent", `{ $.n = 1e3 }`, `{"n":1000}`, true},
		{"no JSON", `{ $.n = 1 }`, `n=1`, false},
		{"fields", `[ip, id, user, time, request, status=404, bytes]`, logLine, true},
		{"fields wildcard", `[ip, id, user, time, request, status=4*, bytes > 1000]`, logLine, true},
		{"fields number fails", `[ip, id, user, time, request, status, bytes > 2000]`, logLine, false},
		{"fields count", `[ip, id]`, logLine, false},
		{"fields rest", `[ip, ..., bytes]`, logLine, true},
		{"fields or", `[..., status=500 || status=404, bytes]`, logLine, true},
		{"fields in quotes", `[..., request="GET *", status, bytes]`, logLine, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse(tt.pattern)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.pattern, err)
			}
			if got := p.Match(tt.line); got != tt.want {
				t.Errorf("%q on %q = %t, want %t", tt.pattern, tt.line, got, tt.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, in := range []string{
		`"open`, `%open`, `%(%`, `{ $.a = }`, `{ $.a `, `{ a = 1 }`, `{ $.a = 1 } x`, `{ $.a IS BIG }`, `{ $.a NOT }`, `{ $.a > "x" }`,
		`{ ($.a = 1 }`, `[a, b`, `[, b]`, `[..., a, ...]`, `? x`, `-`, `{ $.a[x] = 1 }`, `{ $. = 1 }`,
	} {
		_, err := Parse(in)
		if syntax := (*SyntaxError)(nil); !errors.As(err, &syntax) {
			t.Errorf("Parse(%q) = %v, want a SyntaxError", in, err)
		}
	}
}

// FuzzParse holds that any pattern is either refused with a reason or decides about any line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a -b ?c", `{ $.a = "x" && ($.b > 1 || $.c IS NULL) }`, `[a, b=1*, ...]`, `%x%`, `"q`} {
		f.Add(s, `{"a":"x","b":2}`)
	}
	f.Fuzz(func(t *testing.T, pattern, line string) {
		p, err := Parse(pattern)
		if err != nil {
			if syntax := (*SyntaxError)(nil); !errors.As(err, &syntax) || syntax.Reason == "" {
				t.Fatalf("Parse(%q) = %v, want a reason", pattern, err)
			}
			return
		}
		if p.Match(line) != p.Match(line) {
			t.Fatalf("%q on %q decides twice differently", pattern, line)
		}
	})
}
