package eventpattern

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMatch_EV035_EV036_EV037_EV038_EV039_EV040_EV041(t *testing.T) {
	for _, tt := range []struct {
		name, pattern string
		yes, no       []string
	}{
		{"EV-035 exact", `{"a":["x",true]}`, []string{`{"a":"x"}`, `{"a":true}`}, []string{`{"a":"y"}`, `{"a":"true"}`, `{}`, `{"a":{"x":"x"}}`}},
		{"EV-035 prefix", `{"a":[{"prefix":"ab"}]}`, []string{`{"a":"abc"}`, `{"a":"ab"}`}, []string{`{"a":"xab"}`, `{"a":5}`}},
		{"prefix ignoring case", `{"a":[{"prefix":{"equals-ignore-case":"AB"}}]}`, []string{`{"a":"abc"}`}, []string{`{"a":"a"}`, `{"a":"bc"}`}},
		{"EV-035 suffix", `{"a":[{"suffix":".png"}]}`, []string{`{"a":"x.png"}`}, []string{`{"a":"x.PNG"}`}},
		{"suffix ignoring case", `{"a":[{"suffix":{"equals-ignore-case":".png"}}]}`, []string{`{"a":"x.PNG"}`}, []string{`{"a":"png"}`}},
		{"EV-035 equals-ignore-case", `{"a":[{"equals-ignore-case":"AbC"}]}`, []string{`{"a":"aBc"}`}, []string{`{"a":"abcd"}`}},
		{"EV-035 wildcard", `{"a":[{"wildcard":"dir/*/f*.txt"}]}`, []string{`{"a":"dir/x/y/f1.txt"}`, `{"a":"dir//f.txt"}`}, []string{`{"a":"dir/x/g.txt"}`, `{"a":"dir/f.txt"}`}},
		{"wildcard with an escaped star", `{"a":[{"wildcard":"a\\*b*"}]}`, []string{`{"a":"a*bc"}`}, []string{`{"a":"axbc"}`}},
		{"wildcard must not use a character twice", `{"a":[{"wildcard":"ab*ba"}]}`, []string{`{"a":"abba"}`}, []string{`{"a":"aba"}`}},
		{"EV-035 numeric", `{"a":[{"numeric":[">",0,"<=",5]}]}`, []string{`{"a":5}`, `{"a":0.1}`}, []string{`{"a":0}`, `{"a":5.01}`, `{"a":"3"}`}},
		{"numeric from above", `{"a":[{"numeric":["<",5,">",0]}]}`, []string{`{"a":1}`}, []string{`{"a":5}`}},
		{"numeric =", `{"a":[{"numeric":["=",3]}]}`, []string{`{"a":3.0}`}, []string{`{"a":3.1}`}},
		{"EV-035 cidr", `{"a":[{"cidr":"10.0.0.0/24"},{"cidr":"2001:db8::/32"}]}`, []string{`{"a":"10.0.0.255"}`, `{"a":"2001:db8::1"}`}, []string{`{"a":"10.0.1.0"}`, `{"a":"x"}`}},
		{"EV-035 exists", `{"a":[{"exists":true}]}`, []string{`{"a":null}`, `{"a":[1]}`}, []string{`{}`, `{"a":{"b":1}}`, `{"a":[]}`}},
		{"EV-035 anything-but", `{"a":[{"anything-but":"x"}]}`, []string{`{"a":"y"}`, `{"a":5}`, `{"a":null}`}, []string{`{"a":"x"}`, `{}`}},
		{"EV-036 anything-but list", `{"a":[{"anything-but":[1,2]}]}`, []string{`{"a":3}`}, []string{`{"a":1.0}`}},
		{"EV-036 anything-but prefix", `{"a":[{"anything-but":{"prefix":["x","y"]}}]}`, []string{`{"a":"z"}`, `{"a":7}`}, []string{`{"a":"yes"}`}},
		{"EV-036 anything-but suffix", `{"a":[{"anything-but":{"suffix":".txt"}}]}`, []string{`{"a":"z"}`}, []string{`{"a":"a.txt"}`}},
		{"EV-036 anything-but wildcard", `{"a":[{"anything-but":{"wildcard":"*/x/*"}}]}`, []string{`{"a":"z"}`}, []string{`{"a":"1/x/2"}`}},
		{"anything-but equals-ignore-case", `{"a":[{"anything-but":{"equals-ignore-case":["A","b"]}}]}`, []string{`{"a":"c"}`}, []string{`{"a":"B"}`}},
		{"EV-037 or", `{"$or":[{"a":[1]},{"b":[2]}],"c":[3]}`, []string{`{"a":1,"c":3}`, `{"b":2,"c":3}`}, []string{`{"a":1}`, `{"c":3}`}},
		{"or within or", `{"x":{"$or":[{"a":[1]},{"$or":[{"b":[2]},{"c":[3]}]}]}}`, []string{`{"x":{"c":3}}`}, []string{`{"x":{"c":1}}`}},
		{"a key named $or", `{"$or":["x"]}`, []string{`{"$or":"x"}`}, []string{`{"x":"x"}`}},
		{"EV-038 arrays", `{"a":["x"]}`, []string{`{"a":["y","x"]}`, `{"a":[["x"]]}`}, []string{`{"a":["y"]}`, `{"a":[]}`}},
		{"one object of an array", `{"a":{"x":[1],"y":[2]}}`, []string{`{"a":[{"x":1,"y":2}]}`, `{"a":[{"x":0},{"x":1,"y":2}]}`}, []string{`{"a":[{"x":1},{"y":2}]}`}},
		{"EV-039 exists false", `{"a":{"b":[{"exists":false}]},"c":[1]}`, []string{`{"c":1}`, `{"c":1,"a":{"b":{"x":1}}}`}, []string{`{"c":1,"a":{"b":null}}`}},
		{"EV-040 numbers", `{"a":[300]}`, []string{`{"a":300.0}`, `{"a":3.0e2}`, `{"a":30000e-2}`}, []string{`{"a":"300"}`, `{"a":300.000001}`}},
		{"zero", `{"a":[0]}`, []string{`{"a":-0.00}`}, []string{`{"a":0.1}`}},
		{"EV-041 null", `{"a":[null]}`, []string{`{"a":null}`}, []string{`{"a":"null"}`, `{}`}},
		{"dots join", `{"a":{"b.c":["x"]}}`, []string{`{"a.b":{"c":"x"}}`, `{"a":{"b":{"c":"x"}}}`}, []string{`{"a":{"b":"x"}}`}},
		{"the last of two keys", `{"a":["x"],"a":["y"]}`, []string{`{"a":"y"}`}, []string{`{"a":"x"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			for want, events := range map[bool][]string{true: tt.yes, false: tt.no} {
				for _, text := range events {
					e, err := ParseEvent([]byte(text))
					if err != nil {
						t.Fatal(err)
					}
					if got := p.Match(e); got != want {
						t.Errorf("%s matches %s: %t, want %t", tt.pattern, text, got, want)
					}
				}
			}
		})
	}
}

func TestParse_EV042_EV043_EV044_EV045_EV046(t *testing.T) {
	for _, tt := range []struct{ name, pattern, want string }{
		{"EV-042", `{"detail":{"a":"x"}}`, `"a" must be an object or an array`},
		{"EV-043", `{"a":[]}`, "Empty arrays are not allowed"},
		{"EV-044", `{"a":[{"prefix":5}]}`, "prefix match pattern must be a string"},
		{"EV-045", `{"a":[{"wildcard":"a**b"}]}`, "Consecutive wildcard characters at pos 2"},
		{"EV-046", `{"a":[{"numeric":[">"]}]}`, "Value of > must be numeric"},
		{"empty object", `{}`, "Empty objects are not allowed"},
		{"empty text", ``, "Unexpected end-of-input"},
		{"open", `{"a":[1`, "Unexpected end-of-input"},
		{"two terms of one kind", `{"a":[{"numeric":["<",5,"<=",7]}]}`, "Bad numeric range operator: <="},
		{"nothing between", `{"a":[{"numeric":[">",5,"<",5]}]}`, "Bottom must be less than top"},
		{"too many terms", `{"a":[{"numeric":[">",0,"<",5,"=",3]}]}`, "Too many terms in numeric range expression"},
		{"unknown within anything-but", `{"a":[{"anything-but":{"cidr":"x"}}]}`, "Unsupported anything-but pattern: cidr"},
		{"two keys", `{"a":[{"prefix":"a","suffix":"b"}]}`, "Only one key allowed in match expression"},
		{"array in array", `{"a":[["x"]]}`, "Match value must be String, number, true, false, or null"},
		{"exists", `{"a":[{"exists":"yes"}]}`, "exists match pattern must be either true or false."},
		{"word", `{"a":[yes]}`, "Unrecognized token 'yes': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.pattern)
			var e *SyntaxError
			if !errors.As(err, &e) || e.Reason != tt.want {
				t.Errorf("Parse(%s) = %v, want %q", tt.pattern, err, tt.want)
			}
		})
	}
}

// corpus reads recorded cases, or skips the test where they are not at hand.
func corpus(t *testing.T, file string, into any) {
	t.Helper()
	dir := os.Getenv("SALLYPORT_CORPORA")
	for up := "../.."; dir == "" && len(up) < 40; up += "/.." {
		if _, err := os.Stat(filepath.Join(up, "shared", "corpora")); err == nil {
			dir = filepath.Join(up, "shared", "corpora")
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, file))
	if dir == "" || err != nil {
		t.Skip("recorded cases are not here: ", file)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestRecorded(t *testing.T) {
	var cases []struct {
		ID, EventText, EventPatternText, Expect string
		Error                                   struct{ Code, Message string }
	}
	corpus(t, "event-patterns/cases.dev.json", &cases)
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.ID, "/", "_"), func(t *testing.T) {
			if c.Error.Code == "ValidationException" {
				return // of the envelope, which is the service's to check
			}
			p, err := Parse(c.EventPatternText)
			if c.Expect == "error" {
				var e *SyntaxError
				if !errors.As(err, &e) || "Event pattern is not valid. Reason: "+e.Reason != c.Error.Message {
					t.Errorf("error = %v, want %q", err, c.Error.Message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			e, err := ParseEvent([]byte(c.EventText))
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Match(e); got != (c.Expect == "match") {
				t.Errorf("match = %t, want %s", got, c.Expect)
			}
		})
	}
}

// FuzzPattern: whatever text is a pattern, it answers for any event, and the same each time; {"x":[{"exists":true}]} and its
// opposite never agree.
func FuzzPattern(f *testing.F) {
	f.Add(`{"a":[{"prefix":"x"},{"numeric":[">",1,"<",5]}],"$or":[{"b":[null]},{"c":{"d":[1.5e3]}}]}`, `{"a":["xy",3],"c":[{"d":1500}]}`)
	f.Add(`{"a":[{"anything-but":{"wildcard":"a*\\*b"}},{"cidr":"::/0"}]}`, `{"a":"::1"}`)
	f.Fuzz(func(t *testing.T, pattern, event string) {
		p, err := Parse(pattern)
		if err != nil {
			if _, ok := err.(*SyntaxError); !ok {
				t.Fatalf("Parse(%q) = %T", pattern, err)
			}
			return
		}
		if !json.Valid([]byte(pattern)) && json.Valid([]byte(strings.ToValidUTF8(pattern, "x"))) {
			t.Fatalf("Parse takes %q, which is no JSON", pattern)
		}
		e, err := ParseEvent([]byte(event))
		if err != nil {
			return
		}
		if p.Match(e) != p.Match(e) {
			t.Fatal("two answers")
		}
		there, _ := Parse(`{"x":[{"exists":true}]}`)
		gone, _ := Parse(`{"x":[{"exists":false}]}`)
		if there.Match(e) == gone.Match(e) {
			t.Fatalf("x of %s is neither there nor gone", event)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	p, err := Parse(`{"source":[{"prefix":"app."}],"detail":{"state":["ready"],"count":[{"numeric":[">",3]}]}}`)
	if err != nil {
		b.Fatal(err)
	}
	event := []byte(`{"version":"0","id":"1","source":"app.orders","detail":{"state":"ready","count":4,"items":[{"id":1},{"id":2}]}}`)
	for b.Loop() {
		e, err := ParseEvent(event)
		if err != nil || !p.Match(e) {
			b.Fatal(err)
		}
	}
}
