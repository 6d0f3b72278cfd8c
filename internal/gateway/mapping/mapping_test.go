package mapping

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/vtl"
)

const messageContext = `{"routeKey":"join","eventType":"MESSAGE","requestTimeEpoch":1700000000000,"messageId":"m1","stage":"prod","connectedAt":1699999999999,` +
	`"identity":{"userAgent":"a\"b","sourceIp":"1.2.3.4"},"authorizer":{"principalId":"ann","role":"admin","integrationLatency":12},"connectionId":"c1=","apiId":"q7","requestId":"r1"}`

func message() *Call {
	return &Call{Context: []byte(messageContext), Variables: map[string]string{"table": "T", "alias": "live"}}
}

func connect() *Call {
	c := message()
	c.Query = []Parameter{{"t", []string{"a", "z"}}, {"both", []string{"query"}}}
	c.Header = []Parameter{{"X-Mine", []string{"h"}}, {"both", []string{"header"}}}
	return c
}

func render(t *testing.T, template, body string, call *Call) string {
	t.Helper()
	tmpl, err := Parse(template)
	if err != nil {
		return "error"
	}
	out, err := tmpl.Render(nil, []byte(body), call)
	if err != nil {
		if _, ok := errors.AsType[*vtl.Error](err); !ok {
			t.Errorf("%v is no *vtl.Error", err)
		}
		return "error"
	}
	return string(out)
}

func TestStatements(t *testing.T) {
	for _, tt := range []struct{ name, template, body, want string }{
		{"DP-201 missing", "Hi $who", "", "Hi "},
		{"DP-202 missing_is_true", "#if($missing)yes#{else}no#end", "", "yes"},
		{"DP-203 missing_is_empty_and_null", `#set($r=$input.path('$.none'))#if($r == "")e#end#if($r == $null)n#end`, `{}`, "en"},
		{"DP-204 map", "$input.path('$.json')", `{"json":{"foo":"bar"}}`, "{foo=bar}"},
		{"DP-205 list", "$input.path('$.json')", `{"json":[{"foo":"bar"}]}`, `[{"foo":"bar"}]`},
		{"DP-206 list_in_map", "$input.path('$.json')", `{"json":{"foo":[{"n":"b"}]}}`, `{foo=[{"n":"b"}]}`},
		{"DP-207 empty_body", "$input.body", "", "{}"},
		{"DP-208 json", "$input.json('$.a')", `{"a":{"b":1}}`, `{"b":1}`},
		{"DP-209 bare_word", "$input.json('$')", "a=b", `"a=b"`},
		{"DP-210 urlEncode", "$util.urlEncode('a b c')", "", "a+b+c"},
		{"DP-211 escapeJavaScript", `$util.escapeJavaScript("it's").replaceAll("\\'","'")`, "", "it's"},
		{"DP-212 parseJson", `$util.parseJson('{"k":{"arr":[1,2]}}').k.arr[0]`, "", "1"},
		{"DP-213 base64", "$util.base64Decode($util.base64Encode('ü'))", "", "ü"},
		{"DP-214 foreach", "#foreach($i in [1..3])$foreach.count$foreach.index#if($foreach.hasNext),#end#end", "", "10,21,32"},
		{"DP-215 velocityCount", `#foreach($w in ["a","b"])$velocityCount,#end`, "", "1,2,"},
		{"DP-216 range_down", "#foreach($v in [3..-1])$v,#end", "", "3,2,1,0,-1,"},
		{"DP-217 macro", "#macro(m)x#end#m()", "", "#m()"},
		{"DP-218 evaluate", "#evaluate($x)", "", "#evaluate($x)"},
		{"DP-219 stop", "one #stop two", "", "one "},
		{"DP-220 define", "#define($f)$c#end#set($c='a')$f#set($c='b')$f", "", "ab"},
		{"DP-221 backslash", `#set($s = "a\nb")$s`, "", `a\nb`},
		{"DP-222 quotes", `#set($d = "{""k"": 7}")$d`, "", `{"k": 7}`},
		{"DP-223 escaped_quotes", `#set($n = "\"x\"")`, "", "error"},
		{"DP-224 dollar_at_end", "a$", "", "error"},
		{"DP-225 put", "#set($m={})#set($o=$m.put('k','v1'))#set($o=$m.put('k','v2'))$o-$m.k", "", "v1-v2"},
		{"DP-226 set_element", "#set($a=['x','y'])#set($a[1]='z')$a[1]", "", "z"},
		{"DP-227 doubles", "#set($a = 90.0 / 45)$a", "", "2.0"},
		{"DP-228 integers", "#set($a = 7 / 2)$a", "", "3"},
		{"DP-229 precedence", "#set($a = 3 > 1 + 4)$a", "", "false"},
		{"DP-230 context", "$context.connectionId,$context.routeKey,$context.eventType", "", "c1=,join,MESSAGE"},
		{"DP-231 time", "#set($t = $context.requestTimeEpoch + 86400)$t", "", "1700000086400"},
		{"DP-232 no_stage_variable", "[$stageVariables.x]", "", "[]"},
		{"DP-234 no_parameter", "[$input.params('t')]", "", "[]"},
		{"DP-236 lines", "#if(true)\nabc##\n#end", "", "abc"},
		{"DP-237 escapes", `#set($mail = "m")\$mail \\$mail`, "", `$mail \m`},
		{"DP-238 no_class", `#set($x = "s")[$x.getClass()$input.getClass()$context.class$util.class.name]`, "", "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(t, tt.template, tt.body, message()); got != tt.want {
				t.Errorf("rendered %q, want %q", got, tt.want)
			}
		})
	}
}

func TestInput(t *testing.T) {
	for _, tt := range []struct{ name, template, body, want string }{
		{"body", "$input.body|${input.body}", `{"a": 1.0}`, `{"a": 1.0}|{"a": 1.0}`},
		{"body_set", "#set($b = $input.body)$b.length()", "", "2"},
		{"body_has_no_members", "[$input.body.a]#set($x = $input.body.a)[$x]", `{"a":1}`, "[][]"},
		{"json_root_of_nothing", "$input.json('$')", "", "{}"},
		{"json_missing", "$input.json('$.a')", "", `""`},
		{"json_compact", "$input.json('$')", ` { "a" : [ 1.50 , "x" ] , b : null } `, `{"a":[1.50,"x"],"b":null}`},
		{"json_scalars", "$input.json('$.s') $input.json('$.n') $input.json('$.t') $input.json('$.z')", `{"s":"a\"b","n":-1.0,"t":true,"z":null}`, `"a\"b" -1.0 true null`},
		{"json_list", "$input.json('$..a')", `{"a":1,"b":{"a":2}}`, `[1,2]`},
		{"json_without_dollar", "$input.json('a.b')", `{"a":{"b":1}}`, `1`},
		{"path_walked", "$input.path('$').a.b[0].c $input.path('$.a.b').size()", `{"a":{"b":[{"c":"d"}]}}`, "d 1"},
		{"path_loop", "#foreach($e in $input.path('$.l'))$e.k;#end", `{"l":[{"k":1},{"k":2}]}`, "1;2;"},
		{"path_changed", "#set($p = $input.path('$'))#set($p.a = 2)$p.a$input.path('$.a')", `{"a":1}`, "21"},
		{"path_filter", "$input.path(\"$.l[?(@.k > 1)].k\")", `{"l":[{"k":1},{"k":2}]}`, "[2]"},
		{"path_bad", "$input.path('$[')", `{}`, "error"},
		{"body_bad", "$input.json('$')", `{a`, "error"},
		{"body_bad_but_raw", "$input.body", `{a`, "{a"},
		{"params_empty", "$input.params()", "", "{path={}, querystring={}, header={}}"},
		{"itself", "[$input][$util][$input.params][$input.nosuch('x')]", "", "[][][][]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(t, tt.template, tt.body, message()); got != tt.want {
				t.Errorf("rendered %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParams(t *testing.T) {
	for _, tt := range []struct{ name, template, want string }{
		{"DP-233 query", "$input.params('t')", "z"},
		{"header_any_case", "$input.params('x-mine')", "h"},
		{"query_before_header", "$input.params('both')", "query"},
		{"missing", "[$input.params('none')]", "[]"},
		{"all", "$input.params()", "{path={}, querystring={t=z, both=query}, header={X-Mine=h, both=header}}"},
		{"as_maps", "$input.params().querystring.t $input.params().get('header').get('X-Mine') $input.params().querystring.keySet()", "z h [t, both]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(t, tt.template, "", connect()); got != tt.want {
				t.Errorf("rendered %q, want %q", got, tt.want)
			}
		})
	}
}

func TestContext(t *testing.T) {
	for _, tt := range []struct{ name, template, want string }{
		{"nested", "$context.identity.sourceIp $context.identity.userAgent $context.authorizer.principalId", `1.2.3.4 a"b ann`},
		{"in_strings", `#set($s = "$context.stage/${context.identity.sourceIp}")$s`, "prod/1.2.3.4"},
		{"by_key", "$context['stage'] $context.get('stage') $context.authorizer.get('role') $context.identity['sourceIp']", "prod prod admin 1.2.3.4"},
		{"missing", "[$context.none$context.none.x$context.identity.none$context.error.messageString]", "[]"},
		{"sets", "$context.authorizer.keySet() $context.identity.keySet() $context.nothing.keySet()", "[principalId, role, integrationLatency] [userAgent, sourceIp] "},
		{"whole", "[$context][$context.identity][$context.requestOverride][$context.get('identity')]", "[][][][]"},
		{"entries", "#foreach($k in $context.authorizer.keySet())$k=$context.authorizer.get($k);#end", "principalId=ann;role=admin;integrationLatency=12;"},
		{"changed", "#set($context.authorizer.role = 'x')$context.authorizer.role $context.authorizer.principalId", "x ann"},
		{"number", "#if($context.connectedAt < $context.requestTimeEpoch)before#end", "before"},
		{"stage_variables", "$stageVariables.table ${stageVariables['alias']} $stageVariables.get('table') $stageVariables.keySet()", "T live T [alias, table]"},
		{"status", "[$context.status]", "[]"},
		{"others", "[$method.x$integration.y$util.toJson('x')$util.error('x')$util.autoId()]", "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(t, tt.template, "", message()); got != tt.want {
				t.Errorf("rendered %q, want %q", got, tt.want)
			}
		})
	}
	call := message()
	call.Status = 404
	if got := render(t, "$context.status", "", call); got != "404" {
		t.Errorf("status is %q, want 404", got)
	}
}

func TestUtil(t *testing.T) {
	for _, tt := range []struct{ name, template, body, want string }{
		{"javascript", "$util.escapeJavaScript($input.body)", "a\"b'c\\d/e\n\r\t\b\f\x01ü😀", `a\"b\'c\\d\/e\n\r\t\b\f\u0001\u00FC\uD83D\uDE00`},
		{"javascript_map", `$util.escapeJavaScript($input.path('$'))`, `{"a":"b"}`, "{a=b}"},
		{"javascript_json", `$util.escapeJavaScript($input.json('$'))`, `{"a":"b"}`, `{\"a\":\"b\"}`},
		{"javascript_missing", "[$util.escapeJavaScript($none)]", "", "[]"},
		{"url", "$util.urlEncode($input.body)", "aZ09-_.*~ /?=&+é", "aZ09-_.*%7E+%2F%3F%3D%26%2B%C3%A9"},
		{"url_back", "$util.urlDecode('a+b%20%C3%A9')", "", "a b é"},
		{"url_bad", "$util.urlDecode('%zz')", "", "error"},
		{"base64", "$util.base64Encode($input.body)", "\xf0\x9f\x98\x80?", "8J+YgD8="},
		{"base64_back", "$util.base64Decode('8J-YgD8=') $util.base64Decode('8J+Y\ngD8') [$util.base64Decode('!')]", "", "😀? 😀? []"},
		{"base64_of_number", "$util.base64Encode(12)", "", "MTI="},
		{"parse_lenient", "$util.parseJson(\"{a:'b',}\").a", "", "b"},
		{"parse_text", "$util.parseJson('plain')", "", "plain"},
		{"parse_bad", "$util.parseJson('{a')", "", "error"},
		{"parse_body", "$util.parseJson($input.body).a[0].b", `{"a":[{"b":1}]}`, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(t, tt.template, tt.body, message()); got != tt.want {
				t.Errorf("rendered %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOverrides_DP235(t *testing.T) {
	call := message()
	request := `#set($context.requestOverride.header.X-Foo = "1")#set($context.requestOverride.header["X-Amz-Target"] = 'T')` +
		`#set($context["requestOverride"].querystring["k"] = ["a", 2])#set($x = $context.requestOverride.path.put("id", $input.path('$.id')))` +
		`#set($context.requestOverride.header.X-Foo = "2")$x{}`
	if got := render(t, request, `{"id":7}`, call); got != "{}" {
		t.Fatalf("rendered %q", got)
	}
	want := Overrides{
		Header: map[string][]string{"X-Foo": {"2"}, "X-Amz-Target": {"T"}}, Query: map[string][]string{"k": {"a", "2"}}, Path: map[string][]string{"id": {"7"}},
	}
	if diff := cmp.Diff(want, call.Overrides()); diff != "" {
		t.Error(diff)
	}
	if got := render(t, "$context.requestOverride.path.id $context.requestOverride.querystring.k", "", call); got != "7 [a, 2]" {
		t.Errorf("the response template sees %q", got)
	}
	if diff := cmp.Diff(Overrides{}, message().Overrides()); diff != "" {
		t.Error(diff)
	}
}

func TestStatusOverride(t *testing.T) {
	for value, want := range map[string]int{"403": 403, `"404"`: 404, "99": 0, "600": 0, "200.5": 0, `"x"`: 0, "$none": 0, "[]": 0} {
		call := message()
		render(t, "#set($context.responseOverride.status = "+value+")", "", call)
		if got, ok := call.StatusOverride(); got*btoi(ok) != want {
			t.Errorf("%s gives %d, %v; want %d", value, got, ok, want)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTemplateKnows(t *testing.T) {
	for source, want := range map[string][2]bool{"x": {}, "$context.stage": {true, false}, "#foreach($i in $x)#end": {false, true}} {
		tmpl, err := Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{tmpl.UsesContext(), tmpl.Loops()}; got != want {
			t.Errorf("%q uses $context, loops: %v, want %v", source, got, want)
		}
	}
}

// TestBounds holds that paths in loops count as what they cost.
func TestBounds(t *testing.T) {
	body := `{"a":` + strings.Repeat(`[[],[],[],`, 300) + strings.Repeat(`]`, 300) + `}`
	const rounds = "#foreach($i in [1..1000])#foreach($j in [1..1000])"
	for _, call := range []string{"$input.path('$..*')", "$input.json('$')", "$input.json('$..*..*')", "$util.parseJson($input.body)", "$util.base64Encode($input.body)", "$input.params()"} {
		start := time.Now()
		if got := render(t, rounds+"#set($x = "+call+")#end#end", body, message()); got != "error" {
			t.Errorf("%s renders %.100q, want an error", call, got)
		}
		if took := time.Since(start); took > 2*time.Minute { // without bounds it would be hours
			t.Errorf("%s took %v", call, took)
		}
	}
}

// FuzzRender asserts that any template and any body give text or an error, in bounded time.
func FuzzRender(f *testing.F) {
	for _, s := range []string{
		`{"id":"$context.connectionId","text":$input.json('$.text')}`, "#foreach($p in $input.params().entrySet())$p.key#end", "$util.escapeJavaScript($input.body)",
		"#set($context.requestOverride.header.X = $input.path('$..a'))$context.requestOverride.header", "$util.parseJson($input.body).a.b[0]", "$context.identity.keySet()$stageVariables.table",
		"$util.base64Decode($util.urlDecode($input.path('$')))", "#set($context.responseOverride.status = 403)",
	} {
		f.Add(s, `{"text":"x","a":{"b":[1.5,null]}}`)
	}
	f.Fuzz(func(t *testing.T, template, body string) {
		tmpl, err := Parse(template)
		if err != nil {
			return
		}
		start, call := time.Now(), connect()
		if _, err := tmpl.Render(nil, []byte(body), call); err != nil {
			if _, ok := errors.AsType[*vtl.Error](err); !ok {
				t.Fatalf("%q with %q: %v is no *vtl.Error", template, body, err)
			}
		}
		call.Overrides()
		if status, ok := call.StatusOverride(); ok && (status < 100 || status > 599) {
			t.Fatalf("%q sets status %d", template, status)
		}
		if string(call.Context) != messageContext {
			t.Fatalf("%q changed the context", template)
		}
		if took := time.Since(start); took > 8*time.Second {
			t.Fatalf("%q with %q took %v", template, body, took)
		}
	})
}

func BenchmarkRender(b *testing.B) {
	for name, template := range map[string]string{
		"literal": `{"statusCode":200}`,
		"five":    `{"connectionId":"$context.connectionId","route":"$context.routeKey","ip":"$context.identity.sourceIp","at":$context.requestTimeEpoch,"body":"$input.body"}`,
		"json":    `{"id":"$context.connectionId","text":$input.json('$.text'),"room":"$input.path('$.room')"}`,
		"set":     `#set($in = $input.path('$'))#set($ttl = $context.requestTimeEpoch + 86400)#if($in.room != ""){"room":"$in.room","ttl":$ttl}#end`,
		"loop":    `#foreach($t in $input.path('$.tags'))"$t"#if($foreach.hasNext),#end#end`,
	} {
		b.Run(name, func(b *testing.B) {
			tmpl, err := Parse(template)
			if err != nil {
				b.Fatal(err)
			}
			body := []byte(`{"action":"join","room":"lobby","text":"hello, world","tags":["a","b","c"]}`)
			call := message()
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				if out, err = tmpl.Render(out[:0], body, call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
