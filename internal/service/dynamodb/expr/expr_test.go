package expr

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func mustItem(t testing.TB, s string) item.Item {
	t.Helper()
	it, err := item.ParseItem([]byte(s))
	if err != nil {
		t.Fatalf("ParseItem(%s): %v", s, err)
	}
	return it
}

func params(t testing.TB, names, values string) *Params {
	p := &Params{}
	for pair := range strings.FieldsSeq(names) {
		k, v, _ := strings.Cut(pair, "=")
		if p.Names == nil {
			p.Names = map[string]string{}
		}
		p.Names[k] = v
	}
	if values != "" {
		p.Values = map[string]item.Value{}
		for _, a := range mustItem(t, values) {
			p.Values[a.Name] = a.Value
		}
	}
	return p
}

const thing = `{"id":{"S":"i1"},"n":{"N":"5"},"s":{"S":"hällo"},"b":{"B":"AQI="},"ss":{"SS":["x","y"]},"ns":{"NS":["1","2"]},"bs":{"BS":["AQ=="]},
"l":{"L":[{"N":"1"},{"S":"two"},{"M":{"k":{"S":"v"}}}]},"m":{"M":{"a":{"M":{"b":{"L":[{"N":"7"}]}}}}},"t":{"BOOL":true},"nil":{"NULL":true},"name":{"S":"Ada"}}`

const values = `{":1":{"N":"1"},":5":{"N":"5"},":9":{"N":"9"},":s":{"S":"hällo"},":h":{"S":"h"},":x":{"S":"x"},":two":{"S":"two"},":b":{"B":"AQ=="},
":S":{"S":"S"},":T":{"S":"T"},":ns":{"NS":["2","1.0"]},":t":{"BOOL":true},":6":{"N":"6"},":3":{"N":"3"},":l":{"L":[]}}`

func TestCondition(t *testing.T) {
	it := mustItem(t, thing)
	for _, tt := range []struct {
		name, src string
		want      bool
	}{
		{"equal", "n = :5", true},
		{"less", "n < :9 AND n <= :5 AND n > :1 AND n >= :5", true},
		{"DY-057 other kind", "n = :s", false},
		{"DY-057 other kind not equal", "n <> :s", true},
		{"DY-057 order of other kinds", "n < :s OR n > :s", false},
		{"missing", "zz = :5", false},
		{"missing not equal", "zz <> :5", true},
		{"both missing", "zz = yy", false},
		{"between", "n BETWEEN :1 AND :9", true},
		{"between missing", "zz between :1 and :9", false},
		{"in", "n IN (:1, :5)", true},
		{"not in", "NOT n IN (:1)", true},
		{"exists", "attribute_exists(m.a.b[0])", true},
		{"not exists", "attribute_not_exists(m.a.b[1])", true},
		{"DY-055 type", "attribute_type(s, :S)", true},
		{"DY-055 other type", "attribute_type(n, :S)", false},
		{"DY-053 begins with", "begins_with(s, :h)", true},
		{"DY-053 begins with binary", "begins_with(b, :b)", true},
		{"DY-053 contains string", "contains(s, :h)", true},
		{"DY-053 contains in SS", "contains(ss, :x)", true},
		{"DY-053 contains in NS", "contains(ns, :1)", true},
		{"DY-053 contains in BS", "contains(bs, :b)", true},
		{"DY-053 contains in L", "contains(l, :two)", true},
		{"DY-053 contains not", "contains(ss, :1)", false},
		{"DY-054 size counts bytes", "size(s) = :6", true},
		{"DY-054 size counts elements", "size(l) = :3", true},
		{"size of a number", "size(n) = :1", false},
		{"DY-056 not binds tighter than and", "NOT n = :1 AND n = :5", true},
		{"DY-056 not", "NOT (n = :1 AND n = :5)", true},
		{"DY-056 and before or", "n = :5 OR n = :1 AND n = :9", true},
		{"DY-056 parentheses", "(n = :5 OR n = :1) AND n = :9", false},
		{"sets", "ns = :ns", true},
		{"DY-045 alias", "#n = :s", false},
		{"nested", "m.a.b[0] > :1", true},
		{"operand in parentheses", "(n) = (:5)", true},
		{"group and more", "((n = :5) AND (n = :5)) OR n = :1", true},
		{"path in parentheses", "(m.a).b[0] > :1", true},
		{"value first", ":5 = n", true},
		{"lower case", "n = :5 and not n = :1", true},
		{"bool", "t = :t", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := params(t, "#n=name", values).Condition("FilterExpression", tt.src)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Match(it); got != tt.want {
				t.Errorf("%s = %v, want %v", tt.src, got, tt.want)
			}
		})
	}
}

func TestConditionErrors(t *testing.T) {
	in := func(n int) string { return "n IN (" + strings.TrimSuffix(strings.Repeat(":1,", n), ",") + ")" }
	for _, tt := range []struct{ name, src, want string }{
		{"DY-045", "name = :s", "Attribute name is a reserved keyword; reserved keyword: name"},
		{"DY-046 ttl", "ttl = :5", "Attribute name is a reserved keyword; reserved keyword: ttl"},
		{"DY-046 connection", "a = :5 AND connection = :5", "Attribute name is a reserved keyword; reserved keyword: connection"},
		{"DY-046 connectionId", "connectionId = :5", ""},
		{"DY-047 value", "a = :v", "An expression attribute value used in expression is not defined; attribute value: :v"},
		{"DY-047 name", "#x = :5", "An expression attribute name used in the document path is not defined; attribute name: #x"},
		{"DY-048", "a = = b", `Syntax error; token: "=", near: "= = b"`},
		{"DY-048 end", "a =", `Syntax error; token: "<EOF>", near: "="`},
		{"DY-048 minus", "connection-id = :5", `Syntax error; token: "-", near: "connection-id"`},
		{"DY-048 first", "INVALID SYNTAX HERE", `Syntax error; token: "SYNTAX", near: "INVALID SYNTAX HERE"`},
		{"DY-048 character", "a = $b", `Syntax error; token: "$", near: "= $b"`},
		{"operand alone", "a", `Syntax error; token: "<EOF>", near: "a"`},
		{"operand and", "a AND b = :5", `Syntax error; token: "AND", near: "a AND b"`},
		{"unclosed", "(a = :5", `Syntax error; token: "<EOF>", near: ":5"`},
		{"DY-049", "", "The expression can not be empty;"},
		{"DY-050", "foo(a) = :5", "Invalid function name; function: foo"},
		{"DY-051 101", in(101), "Incorrect number of operands for operator or function; operator or function: IN, number of operands: 101"},
		{"DY-051 100", in(100), ""},
		{"DY-052", "n BETWEEN :9 AND :1", "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; " +
			"lower bound operand: AttributeValue: {N:9}, upper bound operand: AttributeValue: {N:1}"},
		{"between kinds", "n BETWEEN :9 AND :s", "The BETWEEN operator requires same data type for lower and upper bounds; " +
			"lower bound operand: AttributeValue: {N:9}, upper bound operand: AttributeValue: {S:hällo}"},
		{"DY-055", "attribute_type(a, :T)", "Invalid attribute type name found; type: T, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"},
		{"count", "begins_with(a)", "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1"},
		{"operand type", "begins_with(a, :1)", "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{"needs path", "attribute_exists(:1)", "Operator or function requires a document path; operator or function: attribute_exists"},
		{"parentheses", "((a = :5))", "The expression has redundant parentheses;"},
		{"operand parentheses", "((a)) = :5", "The expression has redundant parentheses;"},
		{"misused size", "size(a)", "The function is not allowed to be used this way in an expression; function: size"},
		{"misused function", "attribute_exists(a) = :5", "The function is not allowed to be used this way in an expression; function: attribute_exists"},
		{"distinct", "a.b = a.b", "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a, b]"},
		{"order of a list", "a < :l", "Incorrect operand type for operator or function; operator or function: <, operand type: L"},
		{"long", "a = :5" + strings.Repeat(" ", 4100), "Expression size has exceeded the maximum allowed size;"},
		{"operators", "a = :5" + strings.Repeat(" OR a = :5", 200), "The expression contains too many operators; operator count: 401"},
		{"nested operand", "( ( ( size ( a )) < b ) AND ( c > :5 ) )", ""},
		{"deep", strings.Repeat("(", 2000), `Syntax error; token: "<EOF>", near: "("`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := params(t, "", values).Condition("FilterExpression", tt.src)
			got := ""
			if err != nil {
				got = strings.TrimPrefix(err.Error(), "Invalid FilterExpression: ")
			}
			if got != tt.want {
				t.Errorf("%s:\n got %s\nwant %s", tt.src, got, tt.want)
			}
		})
	}
}

func TestUnused_DY047(t *testing.T) {
	for _, tt := range []struct{ name, names, values, want string }{
		{"values", "", `{":5":{"N":"5"},":x":{"N":"1"}}`, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"},
		{"names", "#a=a #b=b", `{":5":{"N":"5"}}`, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}"},
		{"none", "", `{":5":{"N":"5"}}`, "<nil>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := params(t, tt.names, tt.values)
			if _, err := p.Condition("ConditionExpression", "a = :5"); err != nil {
				t.Fatal(err)
			}
			err := p.Unused()
			if got := errText(err); got != tt.want {
				t.Errorf("Unused = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCheckKeys(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    *Params
		want string
	}{
		{"value", &Params{Values: map[string]item.Value{"x": {}}}, `ExpressionAttributeValues contains invalid key: Syntax error; key: "x"`},
		{"name", &Params{Names: map[string]string{"#a-b": "x"}}, `ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"`},
		{"empty names", &Params{Names: map[string]string{}}, "ExpressionAttributeNames must not be empty"},
		{"good", &Params{Names: map[string]string{"#a": "x", "#0": "y"}}, "<nil>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := errText(tt.p.CheckKeys()); got != tt.want {
				t.Errorf("CheckKeys = %s, want %s", got, tt.want)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return "<nil>"
	}
	return err.Error()
}

func TestKeyCondition(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"hash", "pk = :x", "pk ="},
		{"both", "pk = :x AND sk > :1", "pk = sk >"},
		{"turned", ":1 < sk AND :x = pk", "sk > pk ="},
		{"begins with", "pk = :x and begins_with(sk, :h)", "pk = sk begins_with"},
		{"between", "(pk = :x) and (sk BETWEEN :1 AND :9)", "pk = sk BETWEEN"},
		{"DY-061", "pk = :x OR sk = :1", "Invalid operator used in KeyConditionExpression: OR"},
		{"not", "NOT pk = :x", "Invalid operator used in KeyConditionExpression: NOT"},
		{"not equal", "pk <> :x", "Invalid operator used in KeyConditionExpression: <>"},
		{"contains", "contains(pk, :x)", "Invalid operator used in KeyConditionExpression: contains"},
		{"twice", "pk = :x AND pk = :h", "KeyConditionExpressions must only contain one condition per key"},
		{"nested", "pk.a = :x", "KeyConditionExpressions cannot have conditions on nested attributes"},
		{"size", "size(pk) = :1", "KeyConditionExpressions cannot contain nested operations"},
		{"no key", ":x = :h", "Invalid condition in KeyConditionExpression: No key attribute specified"},
		{"two keys", "pk = sk", "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			terms, err := params(t, "", values).KeyCondition(tt.src)
			got := errText(err)
			if err == nil {
				var parts []string
				for _, term := range terms {
					parts = append(parts, term.Name, term.Op)
				}
				got = strings.Join(parts, " ")
			}
			if got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.src, got, tt.want)
			}
		})
	}
}

func TestProjection(t *testing.T) {
	it := mustItem(t, thing)
	for _, tt := range []struct{ name, src, want string }{
		{"DY-075", "m.a.b[0], n", `{"m":{"M":{"a":{"M":{"b":{"L":[{"N":"7"}]}}}}},"n":{"N":"5"}}`},
		{"elements in order", "l[2].k, l[0], l[9]", `{"l":{"L":[{"N":"1"},{"M":{"k":{"S":"v"}}}]}}`},
		{"missing", "zz, m.zz, n.a, l.x", `{}`},
		{"alias", "#n", `{"name":{"S":"Ada"}}`},
		{"overlap", "m, m.a", "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m, a]"},
		{"conflict", "m.a, m[0]", "Invalid ProjectionExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [m, a], path two: [m, [0]]"},
		{"reserved", "name", "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: name"},
		{"syntax", "a,,b", `Invalid ProjectionExpression: Syntax error; token: ",", near: ",,b"`},
		{"empty", "", "Invalid ProjectionExpression: The expression can not be empty;"},
		{"undefined", "#zz", "Invalid ProjectionExpression: An expression attribute name used in the document path is not defined; attribute name: #zz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pr, err := params(t, "#n=name", "").Projection(tt.src)
			got := errText(err)
			if err == nil {
				got = string(item.AppendJSON(nil, pr.Of(it)))
			}
			if got != tt.want {
				t.Errorf("%s:\n got %s\nwant %s", tt.src, got, tt.want)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	const old = `{"a":{"N":"1"},"b":{"S":"x"},"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"}]},"m":{"M":{"k":{"N":"1"}}},"ss":{"SS":["x","y"]}}`
	const vals = `{":n":{"N":"2"},":z":{"N":"0"},":v":{"S":"new"},":l":{"L":[{"S":"e"}]},":xs":{"SS":["x"]},":xyz":{"SS":["x","y","z"]},":m":{"M":{}}}`
	for _, tt := range []struct{ name, src, touched, want string }{
		{"set", "SET c = :v", `{"c":{"S":"new"}}`, ""},
		{"plus", "SET a = a + :n", `{"a":{"N":"3"}}`, ""},
		{"minus", "SET a = a - :n", `{"a":{"N":"-1"}}`, ""},
		{"DY-034", "SET c = c + :n", "", string(errMissing)},
		{"DY-035", "SET c = if_not_exists(c, :z) + :n", `{"c":{"N":"2"}}`, ""},
		{"if it exists", "SET a = if_not_exists(a, :z)", `{"a":{"N":"1"}}`, ""},
		{"DY-036 creates", "ADD c :n", `{"c":{"N":"2"}}`, ""},
		{"DY-036 adds", "ADD a :n", `{"a":{"N":"3"}}`, ""},
		{"DY-036 wrong type", "ADD b :n", "", string(errIncorrect)},
		{"arithmetic with a string", "SET a = b + :n", "", string(errIncorrect)},
		{"DY-037 union", "ADD ss :xyz", `{"ss":{"SS":["x","y","z"]}}`, ""},
		{"DY-037 minus", "DELETE ss :xs", `{"ss":{"SS":["y"]}}`, ""},
		{"DY-037 last", "DELETE ss :xyz", `{}`, ""},
		{"DY-038 append", "SET l = list_append(l, :l)", `{"l":{"L":[{"N":"0"},{"N":"1"},{"N":"2"},{"S":"e"}]}}`, ""},
		{"DY-038 prepend", "SET l = list_append(:l, l)", `{"l":{"L":[{"S":"e"},{"N":"0"},{"N":"1"},{"N":"2"}]}}`, ""},
		{"DY-038 beyond", "SET l[99] = :v", `{}`, ""},
		{"DY-039", "REMOVE l[0]", `{"l":{"L":[{"N":"1"}]}}`, ""},
		{"two of a list", "REMOVE l[0], l[1] SET l[2] = :v", `{"l":{"L":[{"S":"new"}]}}`, ""},
		{"DY-040", "SET zz.b = :v", "", string(errPath)},
		{"not a map", "SET a.b = :v", "", string(errPath)},
		{"nested", "SET m.j = :v REMOVE m.k", `{"m":{"M":{"j":{"S":"new"}}}}`, ""},
		{"DY-042", "SET a = b, b = a", `{"a":{"S":"x"},"b":{"N":"1"}}`, ""},
		{"DY-043", "SET a = :n SET b = :n", "", `Invalid UpdateExpression: The "SET" section can only be used once in an update expression;`},
		{"DY-044", "SET a = :v, a.b = :n", "", "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"},
		{"DY-045", "SET status = :v", "", "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: status"},
		{"DY-047", "SET q = :q", "", "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :q"},
		{"DY-048", "ADD hits : incr", "", `Invalid UpdateExpression: Syntax error; token: ":", near: "hits : incr"`},
		{"DY-048 comma", "SET a = list_append(a, #as, #x)", "", "Invalid UpdateExpression: An expression attribute name used in the document path is not defined; attribute name: #as"},
		{"DY-048 word", "INVALID SYNTAX HERE", "", `Invalid UpdateExpression: Syntax error; token: "INVALID", near: "INVALID SYNTAX"`},
		{"empty", " ", "", "Invalid UpdateExpression: The expression can not be empty;"},
		{"function", "SET a = foo(b)", "", "Invalid UpdateExpression: Invalid function name; function: foo"},
		{"operand of add", "ADD a :v", "", "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING"},
		{"operand of plus", "SET a = a + :v", "", "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand type: S"},
		{"operand of list_append", "SET l = list_append(l, :v)", "", "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: list_append, operand type: S"},
		{"operands", "SET l = list_append(l)", "", "Invalid UpdateExpression: Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1"},
		{"parentheses", "SET a = (a + :n)", `{"a":{"N":"3"}}`, ""},
		{"lower case", "set a = :n remove b add c :n delete ss :xs", `{"a":{"N":"2"},"c":{"N":"2"},"ss":{"SS":["y"]}}`, ""},
		{"remove missing", "REMOVE zz, l[9]", `{}`, ""},
		{"remove in missing", "REMOVE zz.a", "", string(errPath)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			it := mustItem(t, old)
			u, err := params(t, "", vals).Update(tt.src)
			var updated item.Item
			if err == nil {
				updated, err = u.Apply(it)
			}
			if err != nil || tt.want != "" {
				if got := errText(err); got != tt.want {
					t.Errorf("%s:\n got %s\nwant %s", tt.src, got, tt.want)
				}
				return
			}
			if got := string(item.AppendJSON(nil, u.Touched(updated))); got != tt.touched {
				t.Errorf("%s touched:\n got %s\nwant %s", tt.src, got, tt.touched)
			}
			if got := string(item.AppendJSON(nil, it)); got != old {
				t.Errorf("%s changed the old item: %s", tt.src, got)
			}
		})
	}
	t.Run("DY-038 whole list", func(t *testing.T) {
		u, err := params(t, "", vals).Update("SET l[99] = :v, l[50] = :n REMOVE l[1]")
		if err != nil {
			t.Fatal(err)
		}
		got, err := u.Apply(mustItem(t, old))
		want := `{"L":[{"N":"0"},{"N":"2"},{"N":"2"},{"S":"new"}]}`
		if v := string(item.AppendValueJSON(nil, got.Get("l"))); err != nil || v != want {
			t.Errorf("l = %s, %v, want %s", v, err, want)
		}
	})
}

func TestCacheForgets(t *testing.T) {
	var c Cache
	for i := range 3 * cached {
		src := "a = :v" + strings.Repeat(" ", i)
		c.condition(src)
		if got := len(c.conditions.parsed); got > cached {
			t.Fatalf("%d expressions kept, want at most %d", got, cached)
		}
	}
	a, b := c.condition("x = :v"), c.condition("x = :v")
	if a != b {
		t.Error("the same expression was parsed twice")
	}
}

// FuzzExpressions: nothing panics, errors are AWS's, and the cached form gives the same answer.
func FuzzExpressions(f *testing.F) {
	for _, s := range []string{
		"a = :5 AND (NOT begins_with(#n, :h) OR size(l[0].k) IN (:1, :9))", "((a)) BETWEEN :1 AND :9",
		"SET a.b[3] = if_not_exists(c, :1) + :5, l = list_append(l, :l) REMOVE m.a ADD n :1 DELETE ss :x", "a.b[0], #n, l[1].x", "(a.b).c = :1",
	} {
		f.Add(s)
	}
	it := mustItem(f, thing)
	var cache Cache
	f.Fuzz(func(t *testing.T, src string) {
		p := params(t, "#n=name", values)
		cachedParams := *p
		cachedParams.Cache = &cache
		c, err := p.Condition("FilterExpression", src)
		c2, err2 := cachedParams.Condition("FilterExpression", src)
		if errText(err) != errText(err2) || err == nil && c.Match(it) != c2.Match(it) {
			t.Fatalf("cache: %v, %v", err, err2)
		}
		if err == nil {
			c.Refs()
			_, _ = p.KeyCondition(src)
		}
		if pr, err := p.Projection(src); err == nil {
			all, part := item.Size(it), item.Size(pr.Of(it))
			if part > all {
				t.Fatalf("the projection has %d bytes of %d", part, all)
			}
		}
		if u, err := p.Update(src); err == nil {
			if updated, err := u.Apply(it); err == nil {
				u.Touched(updated)
			}
		}
	})
}

func BenchmarkConditionCached(b *testing.B) {
	it := mustItem(b, thing)
	vals := params(b, "", values).Values
	var cache Cache
	b.ReportAllocs()
	for b.Loop() {
		p := Params{Values: vals, Cache: &cache}
		c, err := p.Condition("ConditionExpression", "attribute_exists(id) AND n > :1")
		if err != nil || !c.Match(it) {
			b.Fatal(err)
		}
	}
}
