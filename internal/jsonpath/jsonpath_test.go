package jsonpath_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/jsonpath"
)

const store = `{"store":{"book":[
	{"category":"reference","author":"Nigel Rees","title":"Sayings","price":8.95},
	{"category":"fiction","author":"Evelyn Waugh","title":"Sword","price":12.99},
	{"category":"fiction","author":"Herman Melville","title":"Moby Dick","isbn":"0-553","price":8.99},
	{"category":"fiction","author":"J. R. R. Tolkien","title":"The Lord","isbn":"0-395","price":22.99}],
	"bicycle":{"color":"red","price":19.95}},"expensive":10,"numbers":[1,2,3,4,10],"words":["a","b"],"my key":{"x.y":1},"nil":null,"tags":[["a","b"],["c"]],"empty":[],"z":1.50}`

func parse(t testing.TB, text string) any {
	t.Helper()
	v, err := json.ParseLenient([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGet(t *testing.T) {
	doc := parse(t, store)
	for _, tt := range []struct{ name, path, want string }{ // want is JSON, "-" is missing
		{"root", `$.words`, `["a","b"]`},
		{"root_list", `$.store.bicycle`, `{"color":"red","price":19.95}`},
		{"no_dollar", `store.bicycle.color`, `"red"`},
		{"blanks_around", ` $.expensive `, `10`},
		{"number_text", `$.z`, `1.50`},
		{"null", `$.nil`, `null`},
		{"missing", `$.nosuch`, `-`},
		{"missing_below", `$.nosuch.a`, `-`},
		{"of_scalar", `$.expensive.a`, `-`},
		{"of_null", `$.nil.a`, `-`},
		{"name_of_list", `$.words.a`, `-`},
		{"bracket", `$['store']["bicycle"]['color']`, `"red"`},
		{"bracket_blanks", `$['my key'][ 'x.y' ]`, `1`},
		{"mixed", `$.store['book'][0].title`, `"Sayings"`},
		{"names", `$.store.bicycle['price','color','none']`, `{"price":19.95,"color":"red"}`},
		{"names_within", `$['store','words']['bicycle']`, `[{"color":"red","price":19.95}]`},
		{"index", `$.numbers[1]`, `2`},
		{"index_negative", `$.numbers[-1]`, `10`},
		{"index_out", `$.numbers[5]`, `-`},
		{"index_out_negative", `$.numbers[-6]`, `-`},
		{"index_of_object", `$.store[0]`, `-`},
		{"indexes", `$.numbers[0, 2,9]`, `[1,3]`},
		{"from", `$.numbers[2:]`, `[3,4,10]`},
		{"from_negative", `$.numbers[-2:]`, `[4,10]`},
		{"to", `$.numbers[:2]`, `[1,2]`},
		{"to_negative", `$.numbers[:-3]`, `[1,2]`},
		{"between", `$.numbers[1:3]`, `[2,3]`},
		{"between_negative", `$.numbers[-3:-1]`, `[3,4]`},
		{"between_around", `$.numbers[-1:1]`, `[10,1]`},
		{"wildcard_object", `$.store.bicycle.*`, `["red",19.95]`},
		{"wildcard_list", `$.words[*]`, `["a","b"]`},
		{"wildcard_scalar", `$.expensive[*]`, `[]`},
		{"wildcard_missing", `$.nosuch[*]`, `-`},
		{"below_wildcard", `$.store.book[*].isbn`, `["0-553","0-395"]`},
		{"scan", `$..isbn`, `["0-553","0-395"]`},
		{"scan_order", `$.store..price`, `[8.95,12.99,8.99,22.99,19.95]`},
		{"scan_index", `$..book[2].title`, `["Moby Dick"]`},
		{"scan_list", `$.tags..[0]`, `[["a","b"],"a","c"]`},
		{"scan_list_below", `$..[-1].title`, `["The Lord"]`},
		{"scan_all", `$.tags..*`, `[["a","b"],["c"],"a","b","c"]`},
		{"scan_filter", `$..[?(@.color)].price`, `[19.95]`},
		{"scan_missing", `$..nosuch`, `[]`},
		{"function_length", `$.numbers.length()`, `5`},
		{"function_length_object", `$.store.length()`, `2`},
		{"function_length_string", `$.store.bicycle.color.length()`, `null`},
		{"function_size", `$.words.size()`, `2`},
		{"function_length_each", `$.tags[*].length()`, `[2,1]`},
		{"function_length_path", `$.length($.store.book)`, `4`},
		{"function_length_scan", `$..book.length()`, `4`},
		{"function_sum", `$.numbers.sum()`, `20.0`},
		{"function_min", `$.numbers.min()`, `1.0`},
		{"function_max", `$.numbers.max()`, `10.0`},
		{"function_avg", `$.numbers.avg()`, `4.0`},
		{"function_stddev", `$.numbers.stddev()`, `3.1622776601683795`},
		{"function_sum_params", `$.sum($.expensive, 5, $.numbers)`, `35.0`},
		{"function_sum_scan", `$..price.sum()`, `73.87`},
		{"function_sum_none", `$.words.sum()`, `-`},
		{"function_concat", `$.concat($.store.bicycle.color, "-", $.words, 1)`, `"red-ab1"`},
		{"function_concat_list", `$.words.concat("c")`, `"abc"`},
		{"function_append", `$.words.append("c", 1)`, `["a","b","c",1]`},
		{"function_keys", `$.store.keys()`, `["book","bicycle"]`},
		{"function_first", `$.numbers.first()`, `1`},
		{"function_last", `$.numbers.last()`, `10`},
		{"function_index", `$.numbers.index(-2)`, `4`},
		{"function_index_out", `$.numbers.index(9)`, `-`},
		{"filter_less", `$.store.book[?(@.price < 9)].title`, `["Sayings","Moby Dick"]`},
		{"filter_less_equal", `$.numbers[?(@ <= 2)]`, `[1,2]`},
		{"filter_greater", `$.store.book[?(@.price>$.expensive)].title`, `["Sword","The Lord"]`},
		{"filter_greater_equal", `$.numbers[?(@ >= 4)]`, `[4,10]`},
		{"filter_not_equal", `$.numbers[?(@ != 1)]`, `[2,3,4,10]`},
		{"filter_strict", `$.numbers[?(@ === '2')]`, `[]`},
		{"filter_string", `$.store.book[?(@.category == "reference")].price`, `[8.95]`},
		{"filter_number_string", `$.numbers[?(@ == '2')]`, `[2]`},
		{"filter_strings_ordered", `$.words[?(@ > 'a')]`, `["b"]`},
		{"filter_exists", `$.store.book[?(@.isbn)].title`, `["Moby Dick","The Lord"]`},
		{"filter_not_exists", `$.store.book[?(!@.isbn)].title`, `["Sayings","Sword"]`},
		{"filter_not", `$.store.book[?(!(@.price < 9))].price`, `[12.99,22.99]`},
		{"filter_and_or", `$.store.book[?(@.price < 9 && @.isbn || @.author == 'Evelyn Waugh')].title`, `["Sword","Moby Dick"]`},
		{"filter_parentheses", `$.store.book[?((@.price < 9 || @.price > 20) && @.isbn)].title`, `["Moby Dick","The Lord"]`},
		{"filter_pattern", `$.store.book[?(@.author =~ /.*rees/i)].title`, `["Sayings"]`},
		{"filter_pattern_whole", `$.store.book[?(@.author =~ /Rees/)].title`, `[]`},
		{"filter_pattern_list", `$.tags[?(@ =~ /c/)]`, `[["c"]]`},
		{"filter_in", `$.store.book[?(@.category in ['reference', 'x'])].price`, `[8.95]`},
		{"filter_in_path", `$.tags[0][?(@ in $.words)]`, `["a","b"]`},
		{"filter_nin", `$.store.book[?(@.category nin ['reference'])].price`, `[12.99,8.99,22.99]`},
		{"filter_subsetof", `$.tags[?(@ subsetof ['a','b','x'])]`, `[["a","b"]]`},
		{"filter_anyof", `$.tags[?(@ anyof ['c','x'])]`, `[["c"]]`},
		{"filter_noneof", `$.tags[?(@ noneof ['c','x'])]`, `[["a","b"]]`},
		{"filter_all", `$.tags[?(@ all ['b'])]`, `[["a","b"]]`},
		{"filter_contains", `$.store.book[?(@.title contains 'or')].title`, `["Sword","The Lord"]`},
		{"filter_size", `$.tags[?(@ size 1)]`, `[["c"]]`},
		{"filter_size_string", `$.words[?(@ size 1)]`, `["a","b"]`},
		{"filter_empty", `$[?(@.empty empty true)].expensive`, `[10]`},
		{"filter_not_empty", `$.tags[?(@ empty false)]`, `[["a","b"],["c"]]`},
		{"filter_null", `$[?(@.nil == null)].expensive`, `[10]`},
		{"filter_null_missing", `$[?(@.nosuch == null)].expensive`, `[]`},
		{"filter_list", `$.tags[?(@ == ['a','b'])]`, `[["a","b"]]`},
		{"filter_object", `$.store[?(@.color == 'red')].price`, `[]`},
		{"filter_of_object", `$.store.bicycle[?(@.color == 'red')].price`, `[19.95]`},
		{"filter_bracket", `$[?(@['my key']['x.y'] == 1)].z`, `[1.50]`},
		{"filter_function", `$.tags[?(@.length() > 1)]`, `[["a","b"]]`},
		{"filter_nested", `$[?(@.store.book[?(@.price > 20)])].z`, `[1.50]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := jsonpath.Compile(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			v, found, err := p.Get(doc)
			got := "-"
			if err != nil {
				got = err.Error()
			} else if found {
				got = string(json.AppendValue(nil, v))
			}
			if got != tt.want {
				t.Errorf("%s = %s, want %s", tt.path, got, tt.want)
			}
		})
	}
	if got := string(json.AppendValue(nil, doc)); got != string(json.AppendValue(nil, parse(t, store))) {
		t.Error("a path changed the document")
	}
}

func TestDefinite(t *testing.T) {
	for path, want := range map[string]bool{
		"$": true, "$.a.b[0]": true, "$['a','b']": true, "$['a','b'].c": false, "$[0,1]": false, "$[1:]": false, "$.*": false, "$..a": false,
		"$[?(@.a)]": false, "$.a.length()": true, "$..a.length()": true, "$.a[*].length()": false,
	} {
		p, err := jsonpath.Compile(path)
		if err != nil {
			t.Fatalf("Compile(%q): %v", path, err)
		}
		if p.Definite() != want {
			t.Errorf("%s is definite: %v, want %v", path, p.Definite(), want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, path := range []string{
		"", " ", "$.", "$..", "$...a", "$a", "$[", "$[]", "$['a'", "$['a]", "$[a]", "$[:]", "$.a b", "$.nosuch()", "$.sum(", "$[?]", "$[?(]", "$[?(@.a", "$[?(1)]",
		"$[?(@.a == )]", "$[?(@.a =~ 'x')]", "$[?(@.a =~ /(/)]", "$[?(@.a == x)]", "$[1.5]", "$.sum(1,,2)",
		strings.Repeat("$[?(", 100), "$.a" + strings.Repeat("[0]", 9000),
	} {
		if p, err := jsonpath.Compile(path); !errors.Is(err, jsonpath.ErrSyntax) {
			t.Errorf("Compile(%.40q) = %v, %v; want ErrSyntax", path, p, err)
		}
	}
}

func TestGetIsBounded(t *testing.T) {
	doc := parse(t, strings.Repeat(`[[],[],[],[],[],`, 100)+strings.Repeat(`]`, 100))
	p, err := jsonpath.Compile("$" + strings.Repeat("..*", 10))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Get(doc); !errors.Is(err, jsonpath.ErrTooMuch) {
		t.Errorf("Get: %v, want ErrTooMuch", err)
	}
}

func TestCache(t *testing.T) {
	var c jsonpath.Cache
	a, err := c.Compile("$.a")
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := c.Compile("$.a"); a != b {
		t.Error("the path was compiled again")
	}
	for i := range 200 {
		if _, err := c.Compile("$.a" + strings.Repeat("b", i)); err != nil {
			t.Fatal(err)
		}
	}
	if b, _ := c.Compile("$.a"); a != b {
		t.Error("the path was forgotten")
	}
}

// FuzzPath asserts that any path either is refused or leads to something that can be printed, in bounded time, and leaves the document alone.
func FuzzPath(f *testing.F) {
	for _, p := range []string{`$.store.book[?(@.price < 10 && @.isbn =~ /x/i)].title`, `$..*`, `$['a','b'][1:-1]`, `$.concat("a", $.b)`, `$..x.sum()`, `$..sum()`, `$[?(@.a in ['x'] || !(@ size 1))]`, `@.x`} {
		f.Add(p, `{"a":[1,{"b":"c"}],"x":null}`)
	}
	f.Add(`$.book[*]`, store)
	f.Fuzz(func(t *testing.T, path, text string) {
		p, err := jsonpath.Compile(path)
		if err != nil {
			if !errors.Is(err, jsonpath.ErrSyntax) {
				t.Fatalf("Compile(%q): %v is no ErrSyntax", path, err)
			}
			return
		}
		doc, err := json.ParseLenient([]byte(text))
		if err != nil {
			return
		}
		before := string(json.AppendValue(nil, doc))
		v, found, err := p.Get(doc)
		if err != nil && !errors.Is(err, jsonpath.ErrTooMuch) {
			t.Fatalf("%q of %q: %v", path, text, err)
		}
		if _, isList := v.([]any); found && !p.Definite() && !isList {
			t.Fatalf("%q of %q: %v is no list", path, text, v)
		}
		json.AppendValue(nil, v)
		if after := string(json.AppendValue(nil, doc)); after != before {
			t.Fatalf("%q changed %q to %q", path, before, after)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	doc := parse(b, store)
	for name, path := range map[string]string{"definite": "$.store.bicycle.color", "filter": "$.store.book[?(@.price < 9)].title"} {
		b.Run(name, func(b *testing.B) {
			p, err := jsonpath.Compile(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, found, _ := p.Get(doc); !found {
					b.Fatal("not found")
				}
			}
		})
	}
}
