package asl

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func env(input string, vars ...any) *Env {
	v, err := Decode([]byte(input))
	if err != nil {
		panic(err)
	}
	n := uint64(0)
	e := &Env{Input: v, Context: NewObject("Execution", NewObject("Id", "arn")), Vars: map[string]any{}, Now: time.Unix(1e9, 0), Random: func() uint64 { n++; return n * 0x9e3779b97f4a7c15 }}
	for i := 0; i+1 < len(vars); i += 2 {
		e.Vars[vars[i].(string)] = vars[i+1]
	}
	return e
}

func TestIntrinsics(t *testing.T) {
	for _, tt := range []struct{ name, call, want string }{
		{"SF-064 Format", `States.Format('{} \{\} \'{}\' {}', $.s, $.n, $.o)`, `"x {} '2' {a=1, b=[]}"`},
		{"SF-064 Array", `States.Array($.n, 'a', null, true, 1.5)`, `[2,"a",null,true,1.5]`},
		{"SF-064 ArrayPartition", `States.ArrayPartition($.l, 2)`, `[[1,2],[3]]`},
		{"SF-064 ArrayContains", `States.ArrayContains($.l, 3)`, `true`},
		{"SF-064 ArrayRange", `States.ArrayRange(9, 1, -4)`, `[9,5,1]`},
		{"SF-064 ArrayGetItem", `States.ArrayGetItem($.l, 1)`, `2`},
		{"SF-064 ArrayLength", `States.ArrayLength($.l)`, `3`},
		{"SF-064 ArrayUnique", `States.ArrayUnique(States.Array(1, 1.0, 'a', 'a', $.o, $.o))`, `[1,"a",{"a":1,"b":[]}]`},
		{"SF-065 Base64Encode", `States.Base64Encode('hello')`, `"aGVsbG8="`},
		{"SF-065 Base64Decode", `States.Base64Decode('aGVsbG8=')`, `"hello"`},
		{"SF-065 MD5", `States.Hash('x', 'MD5')`, `"9dd4e461268c8034f5c8564e155c67a6"`},
		{"SF-065 SHA-1", `States.Hash('x', 'SHA-1')`, `"11f6ad8ec52a2984abaafd7c3b516503785c2072"`},
		{"SF-065 SHA-256", `States.Hash('x', 'SHA-256')`, `"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"`},
		{"SF-065 JsonMerge", `States.JsonMerge($.o, States.StringToJson('{"a":2}'), false)`, `{"a":2,"b":[]}`},
		{"SF-065 JsonToString", `States.JsonToString($.o)`, `"{\"a\":1,\"b\":[]}"`},
		{"SF-065 MathAdd", `States.MathAdd(-1.5, 3.5)`, `3`},
		{"SF-065 StringSplit", `States.StringSplit('a,b;;c', ',;')`, `["a","b","c"]`},
		{"SF-066 wrong argument", `States.ArrayLength($.s)`, `States.IntrinsicFailure`},
		{"SF-066 no such item", `States.ArrayGetItem($.l, 3)`, `States.IntrinsicFailure`},
		{"SF-066 too few", `States.Format('{}')`, `States.IntrinsicFailure`},
		{"SF-027 no such path", `States.Format('{}', $.none)`, `States.Runtime`},
		{"SF-091 variable", `States.Format('{}', $v.a)`, `"7"`},
		{"SF-067 ten deep", strings.Repeat("States.Array(", 9) + "States.Array()" + strings.Repeat(")", 9), strings.Repeat("[", 10) + strings.Repeat("]", 10)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := ParseExpr(tt.call)
			if err != nil {
				t.Fatal(err)
			}
			v, failure := e.Eval(env(`{"s":"x","n":2,"l":[1,2,3],"o":{"a":1,"b":[]}}`, "v", NewObject("a", json.Number("7"))), "f.$")
			got := string(Encode(v))
			if failure != nil {
				got = failure.Error
			}
			if got != tt.want {
				t.Errorf("%s = %s (%v), want %s", tt.call, got, failure, tt.want)
			}
		})
	}
	for _, bad := range []string{"States.None()", "States.UUID(1)", `States.Format("x")`, `States.Format('\n')`, "States.Array(", "States.Array(1,)", "States.Array() x", "$.a[", "", "x", "$1"} {
		if _, err := ParseExpr(bad); err == nil {
			t.Errorf("%q is an expression", bad)
		}
	}
	e, _ := ParseExpr("States.MathRandom(1, 1000, 42)")
	a, _ := e.Eval(env("{}"), "")
	b, _ := e.Eval(env("{}"), "")
	if !Equal(a, b) {
		t.Errorf("SF-065: the same seed gives %s and %s", Encode(a), Encode(b))
	}
}

func TestPaths(t *testing.T) {
	const doc = `{"a":{"b":[{"c":1,"d":"x"},{"c":2},{"c":3,"d":"y"}],"e f":null},"n":5}`
	for _, tt := range []struct{ path, want string }{
		{"$", doc},
		{"$.a.b[1].c", "2"},
		{"$.a.b[-1].c", "3"},
		{"$['a']['e f']", "null"},
		{"$.a.b[*].c", "[1,2,3]"},
		{"$.a.b[0:2].c", "[1,2]"},
		{"$.a.b[0,2].c", "[1,3]"},
		{"$..c", "[1,2,3]"},
		{"$.a.b[?(@.c > 1 && @.d == 'y')].c", "[3]"},
		{"$.a.b[?(@.d)].c", "[1,3]"},
		{"$.a.b[?(!(@.c == 2))].c", "[1,3]"},
		{"$.x[*]", "[]"},
		{"$.a.b.length()", "3"},
		{"$.a.b[1]['c','d']", `{"c":2}`},
		{"$.x", "No results for path: $['x']"},
		{"$.x.y", "Missing property in path $['x']"},
		{"$.a.b[7]", "No results for path: $['a']['b'][7]"},
	} {
		p, err := ParsePath(tt.path)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		v, _ := Decode([]byte(doc))
		got := ""
		if v, err = p.Get(v); err != nil {
			got = err.Error()
		} else {
			got = string(Encode(v))
		}
		if got != tt.want {
			t.Errorf("%s leads to %s, want %s", tt.path, got, tt.want)
		}
	}
	for _, tt := range []struct{ path, doc, want string }{
		{"$.a", `{"b":1}`, `{"b":1,"a":0}`},
		{"$.a.b", `{"a":{"c":1}}`, `{"a":{"c":1,"b":0}}`},
		{"$.a[1]", `{"a":[1,2]}`, `{"a":[1,0]}`},
		{"$", `1`, `0`},
		{"$.a", `1`, "invalid path"},
	} {
		p, _ := ParsePath(tt.path)
		v, _ := Decode([]byte(tt.doc))
		before := string(Encode(v))
		out, err := p.Set(v, json.Number("0"))
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = string(Encode(out))
		}
		if got != tt.want || string(Encode(v)) != before {
			t.Errorf("%s set in %s gives %s, want %s", tt.path, tt.doc, got, tt.want)
		}
	}
}

func TestChoices_SF029_SF030_SF091(t *testing.T) {
	for _, tt := range []struct {
		rule string
		want bool
	}{
		{`"Variable":"$.s","StringEquals":"abc"`, true},
		{`"Variable":"$.s","StringMatches":"a*c"`, true},
		{`"Variable":"$.f","StringMatches":"log-*.txt"`, true},
		{`"Variable":"$.star","StringMatches":"a\\*b"`, true},
		{`"Variable":"$.s","StringMatches":"a\\*c"`, false},
		{`"Variable":"$.n","NumericGreaterThanPath":"$.m"`, true},
		{`"Variable":"$.b","BooleanEquals":true`, true},
		{`"Variable":"$.t","TimestampLessThan":"2020-01-01T00:00:00Z"`, true},
		{`"Variable":"$.none","IsPresent":true`, false},
		{`"Variable":"$v","NumericEquals":7`, true},
		{`"And":[{"Variable":"$.n","NumericGreaterThan":1},{"Not":{"Variable":"$.s","StringEquals":"x"}}]`, true},
		{`"Or":[{"Variable":"$.n","NumericGreaterThan":100},{"Variable":"$.s","IsNull":true}]`, false},
		{`"Variable":"$.t","IsTimestamp":true`, true},
	} {
		def := `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{` + tt.rule + `,"Next":"P"}],"Default":"P"},"P":{"Type":"Pass","End":true}}}`
		d, diagnostics := Parse([]byte(def), Options{})
		if d == nil {
			t.Errorf("%s: %v", tt.rule, diagnostics)
			continue
		}
		e := env(`{"s":"abc","f":"log-1.txt","star":"a*b","n":5,"m":4,"b":true,"t":"2019-05-05T05:05:05.5+02:00"}`, "v", json.Number("7"))
		if got, failure := d.States["C"].Choices[0].Holds(e); got != tt.want || failure != nil {
			t.Errorf("%s holds: %v (%v), want %v", tt.rule, got, failure, tt.want)
		}
	}
}

func TestRetryMatches(t *testing.T) {
	for _, tt := range []struct {
		names, err string
		want       bool
	}{
		{"States.ALL", "X", true},
		{"States.ALL", ErrDataLimit, false},
		{"States.ALL", ErrRuntime, false},
		{ErrRuntime, ErrRuntime, false},
		{ErrDataLimit, ErrDataLimit, true},
		{ErrTaskFailed, "X", true},
		{ErrTaskFailed, ErrTimeout, false},
		{ErrTimeout, ErrHeartbeatTimeout, true},
		{"A B", "B", true},
		{"A", "B", false},
	} {
		if got := Matches(strings.Fields(tt.names), tt.err); got != tt.want {
			t.Errorf("[%s] takes %s: %v, want %v", tt.names, tt.err, got, tt.want)
		}
	}
}

// FuzzParse holds that no definition makes the parser panic, and that one without diagnostics is complete.
func FuzzParse(f *testing.F) {
	f.Add(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"a.$":"States.Format('{}',$$.x)"},"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["X"],"Next":"A"}],"End":true}}}`)
	f.Add(`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Map","Items":"{% $states.input[x>1] %}","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":"{% 1 %}","End":true}}},"End":true}}}`)
	f.Add(`{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.a","StringMatches":"*"}],"Next":"A"}]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, diagnostics := Parse([]byte(text), Options{})
		if d == nil && len(diagnostics) == 0 {
			t.Error("neither a definition nor a diagnostic")
		}
		if d != nil && d.States[d.StartAt] == nil {
			t.Error("the first state does not exist")
		}
	})
}

// FuzzExpr holds that no expression panics, and that its value is JSON.
func FuzzExpr(f *testing.F) {
	for _, seed := range []string{"$.a[?(@.b==1)]", "States.Format('{}', $.a)", "$$.x", "$v..c", "States.ArrayRange(0,10,3)", "$['a',\"b\"][1:-1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpr(text)
		if err != nil {
			return
		}
		v, failure := e.Eval(env(`{"a":[{"b":1},2],"c":{"d":"x"}}`, "v", []any{nil}), "f")
		if failure == nil && !json.Valid(Encode(v)) {
			t.Errorf("%q gives %s", text, Encode(v))
		}
	})
}

// FuzzDecode holds that what is read and written again stays the same.
func FuzzDecode(f *testing.F) {
	f.Add(`{"a":[1.50,1e400,"\u0000\ud800é",null,{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Decode([]byte(text))
		if (err == nil) != json.Valid([]byte(text)) && err != errTooDeep { //nolint:errorlint // our own
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		again, err := Decode(Encode(v))
		if err != nil || string(Encode(again)) != string(Encode(v)) {
			t.Errorf("%q becomes %s, then %s (%v)", text, Encode(v), Encode(again), err)
		}
	})
}
