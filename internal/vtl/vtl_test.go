package vtl_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/vtl"
)

// vars are the variables of a test.
type vars map[string]any

func (v vars) Variable(name string) any { return v[name] }

func fromJSON(t testing.TB, text string) any {
	t.Helper()
	v, err := json.ParseLenient([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return vtl.FromJSON(v)
}

func data(t testing.TB) vars {
	return vars{
		"name": "Ann", "no": false, "yes": true, "nothing": nil, "five": json.Number("5"), "half": json.Number("0.50"), "mail": "m", "escaped": `it\'s`,
		"doc":  fromJSON(t, `{"a":{"b":{"c":"deep"},"x-y":1},"list":[{"k":"v1"},{"k":"v2"}],"null":null,"n":1.50,"t":true,"e":[],"o":{}}`),
		"nums": fromJSON(t, `[3,1,2]`), "word": "Grüße 😀!",
		"big": fromJSON(t, `[`+strings.Repeat("1,", 1001)+`]`), "thousand": fromJSON(t, `[`+strings.Repeat("1,", 1000)+`]`),
	}
}

func TestRender(t *testing.T) {
	for _, tt := range []struct{ name, template, want string }{
		// References.
		{"plain", "Hi $name, ${name}s, $!name, $!{name}!", "Hi Ann, Anns, Ann, Ann!"},
		{"missing", "[$who|${who}|$!who|$doc.none.more|$doc.null]", "[||||]"},
		{"path", "$doc.a.b.c ${doc.a.b.c}s", "deep deeps"},
		{"hyphen", "$doc.a.x-y $name-$five", "1 Ann-5"},
		{"dot_behind", "$name. $name.1 $doc.a.b.c.", "Ann. Ann.1 deep."},
		{"index", "$doc.list[0].k $doc['list'][1]['k'] $nums[ 0 ]", "v1 v2 3"},
		{"index_by_reference", `#set($i = 1)#set($k = "k")$doc.list[$i][$k] $doc.list[$i]["$k"]`, "v2 v2"},
		{"index_outside", "[$nums[3]$nums[-1]$name[0]$doc.a[0]]", "[]"},
		{"braces_with_index", "${doc.list[0].k}x", "v1x"},
		{"call_is_text", "$name() $name (x)", "Ann() Ann (x)"},
		{"brace_behind", "$name}", "Ann}"},
		{"signs", "$ $5 $_x $$name 5$, ${} ${ name } $.a $[0]", "$ $5 $_x $Ann 5$, ${} ${ name } $.a $[0]"},
		{"escaped", `\$mail \\$mail \\\$mail \$5 \ \\`, `$mail \m \$mail \$5 \ \\`},
		{"escaped_braces", `\${mail.x} \$!mail`, `${mail.x} $!mail`},

		// How values print.
		{"map", "$doc.a", "{b={c=deep}, x-y=1}"},
		{"list_of_json", "$doc.list $doc.e $doc.o", `[{"k":"v1"},{"k":"v2"}] [] {}`},
		{"map_with_list", "$doc", `{a={b={c=deep}, x-y=1}, list=[{"k":"v1"},{"k":"v2"}], null=null, n=1.50, t=true, e=[], o={}}`},
		{"literals", `#set($l = [1, "a", 2.0, true, [], {'k': [1,2]}])$l`, "[1, a, 2.0, true, [], {k=[1, 2]}]"},
		{"map_literal", "#set($m = {\n \"a\" : 'b',\n'c':1 })$m", "{a=b, c=1}"},
		{"map_literal_by_reference", `#set($m = {$name: $five})$m`, "{Ann=5}"},
		{"key_missing", `#set($m = {})#set($m["$none"] = "v")$m`, "{=v}"},
		{"doubles", "#set($a = 90.0 / 45)#set($b = .5*.5)#set($c = 1e10*1)$a $b $c", "2.0 0.25 1.0E10"},

		// Strings.
		{"interpolated", `#set($s = "a $name ${doc.a.b.c} $none$ \$name #if x")$s`, "a Ann deep $ $name #if x"},
		{"single_quotes", `#set($s = 'a $name\n')$s`, `a $name\n`},
		{"doubled", `#set($s = "{""k"": ""$name""}")$s #set($s = 'it''s')$s`, `{"k": "Ann"}it's`},
		{"backslashes", `#set($s = "\\batman\nrobin")$s`, `\\batman\nrobin`},

		// Expressions.
		{"precedence", "#set($a = 1 + 2 * 3 - 4 / 2 % 3)$a #set($b = (1 + 2) * 3)$b", "59"},
		{"minus", "#set($a = 5 -1)$a #set($b = -$five)$b #set($c = 3 - -2)$c", "4-55"},
		{"integers", "#set($a = 7 / 2)$a #set($b = -7 / 2)$b #set($c = -7 % 3)$c", "3-3-1"},
		{"json_numbers", "#set($a = $five + 1)$a #set($b = $half * 2)$b", "61.0"},
		{"long", "#set($a = 9223372036854775807 + 1)$a #set($b = $a - 1)$b #set($c = 99999999999 * 99999999999)$c", "922337203685477580892233720368547758079999999999800000000001"},
		{"not_numbers", `#set($a = "a" * 2)[$a] #set($b = 1 / 0)[$b] #set($c = 1.5 / 0)[$c]`, "[] [] []"},
		{"concatenation", `#set($a = "n" + 1)$a #set($b = 1 + $none)[$b] #set($c = 1.0 + "x")$c`, "n1[1] 1.0x"},
		{"comparisons", "#if(1 < 2 && 2 <= 2 && 3 > 2 && 2 >= 2 && 1 != 2 && 2 == 2)y#end#if(1 lt 2 and 2 le 2 and 3 gt 2 and 2 ge 2 and 1 ne 2 and not (2 eq 3))y#end", "yy"},
		{"compared_as_text", `#if($five == "5")y#end#if($half == 0.5)y#end#if(1.0 == 1)y#end#if("a" < "b")n#end#if($none > 1)n#end`, "yyy"},
		{"compared_deep", `#if([1,{"a":2}] == [1,{"a":2}])y#end#if($doc.e == $null)n#end#if($doc.e == "")n#end#if({} == {"a":1})n#end`, "y"},
		{"null", `#if($none == $null)y#end#if($none == "")y#end#if($doc.null == $null)y#end#if($none == null)y#end`, "yyyy"},
		{"truth", `#if($none)y#end#if(0)y#end#if("")y#end#if("false")y#end#if([])y#end#if($no)n#end#if(!$none)n#end#if(!$no)y#end`, "yyyyyy"},
		{"no_second_operand", `#if($no && $none.charAt(9))n#end#if($yes || $none.charAt(9))y#end`, "y"},

		// Directives.
		{"if", "#if($no)a#elseif(false)b#elseif(1 == 1)c#{else}d#{end}e", "ce"},
		{"else", "#if($no)a#else b#end", " b"},
		{"set_parts", `#set($doc.a.new = 1)#set($doc["z"] = 2)#set($nums[0] = 9)$doc.a.new$doc.z$nums[0]`, "129"},
		{"set_nowhere", `#set($none.x = 1)#set($name.x = 1)#set($nums[9] = 1)#set($name.trim() = 1)[$none]$name$nums`, "[]Ann[3,1,2]"},
		{"foreach", "#foreach($n in $nums)$n#if($foreach.hasNext),#end#end", "3,1,2"},
		{"foreach_map", "#foreach($v in $doc.a)[$v]#end#foreach($e in $doc.a.entrySet())$e.key=$e.value $e;#end", "[{c=deep}][1]b={c=deep} b={c=deep};x-y=1 x-y=1;"},
		{"foreach_names", "#foreach($i in [5..7])$foreach.index$foreach.count$velocityCount$foreach.first$foreach.last$velocityHasNext #end", "011truefalsetrue 122falsefalsetrue 233falsetruefalse "},
		{"foreach_nested", "#foreach($i in [1,2])#foreach($j in [1,2])$foreach.parent.count$foreach.count #end$foreach.count|#end", "11 12 1|21 22 2|"},
		{"foreach_restores", "#set($i = 'x')#foreach($i in [1])#set($i = 2)$i#end$i#foreach($j in [1])#end[$j$foreach.count$velocityCount]", "2x[]"},
		{"foreach_nothing", "#foreach($v in $none)x#end#foreach($v in 'abc')x#end#foreach($v in [])x#end", ""},
		{"foreach_null", "#set($l = [])#set($x = $l.add($doc.null))#foreach($v in $l)[$v]#end", "[]"},
		{"foreach_thousand", "#foreach($v in $thousand)#if(!$foreach.hasNext)$foreach.count#end#end", "1000"},
		{"range_down", "#foreach($v in [3..-1])$v,#end", "3,2,1,0,-1,"},
		{"break", "#foreach($i in [1..9])#if($i == 3)#break#end$i#end!#break never", "12!"},
		{"foreach_stop", "#foreach($i in [1..9])$i$foreach.stop()#end!", "1!"},
		{"stop", "one #if(true)#stop#end two", "one "},
		{"define", "#define($f)<$c>#end#set($c = 1)$f#set($c = 2)$f ${f}() #set($s = \"$f\")$s", "<1><2> <2>() <2>"},
		{"define_length", "#define($f)abc#end$f.length()", "3"},
		{"macro", `#macro(m $a)x$a#if($a)y#end#end#m("$name") #m()`, `#m("$name") #m()`},
		{"unknown", `#evaluate($name) #return("a)b") #foo #foo(bar #13ff93 # #"`, `#evaluate($name) #return("a)b") #foo #foo(bar #13ff93 # #"`},
		{"unknown_longer", "#iffy #endless #setup #elseif1", "#iffy #endless #setup #elseif1"},
		{"set_without_parentheses", "#set $x = 1", "#set  = 1"},
		{"comments", "a## c $x #if\nb#* c\n #end *#d#** e *#\nf##", "abd\nf"},
		{"unparsed", "#[[ $name #if( ]]# $name", " $name #if(  Ann"},
		{"escaped_directives", `\#end \# end \#foo \\#if(true)y#end \\\#if \#{end} \#set( $mail = 1 )`, `#end \# end \#foo \y \#if #{end} #set( m = 1 )`},

		// White space.
		{"lines", "#set($a = true)\nx #if($a)y.\n#if($a)z\n#end.\n#end w", "x y.\nz\n.\n w"},
		{"line_ends", "#set($a = 1) \t\r\n#if(true) \na#else\n#end  \r\nb", "a" + "b"},
		{"set_indented", "#set($a = 1)\n   #set($b = 2)\n   x\n  #set($c = 3)\ny", "   x\n  y"},
		{"set_behind_directive", "#if(true) #set($a = 1) #set($a = 2)$a#end", "2"},
		{"end_behind_text", "#if(true)a#end.\n#if(true)b#end c", "a.\nb c"},
		{"foreach_lines", "#foreach($i in [1,2])\n- $i\n#end\nend", "- 1\n- 2\nend"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(t, tt.template); got != tt.want {
				t.Errorf("%s\nrendered %q\nwant     %q", tt.template, got, tt.want)
			}
		})
	}
}

func render(t *testing.T, template string) string {
	t.Helper()
	tmpl, err := vtl.Parse(template)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tmpl.Render([]byte("before "), data(t))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(out), "before ")
}

func TestMethods(t *testing.T) {
	for _, tt := range []struct{ name, expression, want string }{
		{"length", `$name.length() $word.length() $none.length()`, "3 9 0"},
		{"isEmpty", `$name.isEmpty() $none.isEmpty() $doc.e.isEmpty() $doc.o.isEmpty() $doc.e.empty`, "false true true true true"},
		{"equals", `$name.equals("Ann") $five.equals(5) $five.equals("5") $nums.equals([3,1,2]) $yes.equals(true) $name.equals($none)`, "true true false true true false"},
		{"equalsIgnoreCase", `$name.equalsIgnoreCase("aNN") [$name.equalsIgnoreCase(1)]`, "true []"},
		{"compareTo", `$name.compareTo("Bob") $name.compareTo("An") $five.compareTo(7)`, "-1 1 -1"},
		{"contains", `$name.contains("nn") $name.contains("x") $nums.contains(2) $nums.contains("2")`, "true false true false"},
		{"startsWith", `$name.startsWith("An") $name.startsWith("n", 1) $name.startsWith("n", 9) $name.endsWith("n")`, "true true false true"},
		{"indexOf", `$name.indexOf("n") $name.indexOf("n", 2) $name.lastIndexOf("n") $name.indexOf("z") $word.indexOf("!") $nums.indexOf(1) $nums.indexOf(9)`, "1 2 2 -1 8 1 -1"},
		{"substring", `$name.substring(1) $name.substring(0, 2) $name.charAt(1) $word.substring(2, 4) $word.substring(8)`, "nn An n üß !"},
		{"replace", `$name.replace("n", "$") $name.replaceAll("n(.)", "<$1\$>") $name.replaceFirst("n", "m") $name.replaceAll('(?<a>A)', '${a}-')`, "A$$ A<n$> Amn A-nn"},
		{"replace_group_10", `$name.replaceAll("(A)", "$10")`, "A0nn"},
		{"replace_quotes", `$escaped.replaceAll("\\'", "'")`, "it's"},
		{"classes", `$name.replaceAll("\p{Lower}", "x") $name.replaceAll("[\p{Upper}n]", "y")`, "Axx yyy"},
		{"matches", `$name.matches("A.*") $name.matches("n") $name.matches("A|Ann")`, "true false true"},
		{"case", `$name.toLowerCase() $name.toUpperCase()`, "ann ANN"},
		{"trim", `#set($s = "  a b ")[$s.trim()]`, "[a b]"},
		{"concat", `$name.concat("ie") $name.hashCode() $name.toString()`, "Annie 65985 Ann"},
		{"numbers", `$five.toString() $half.intValue() $five.doubleValue() $five.longValue() $five.parseInt("12") $five.parseDouble("1.5")`, "5 0 5.0 5 12 1.5"},
		{"list_size", `$nums.size() $nums.count() $nums.length`, "3 3 "},
		{"list_get", `$nums.get(0) [$nums.get(9)] $nums.set(1, 8) $nums`, `3 [] 1 [3,8,2]`},
		{"list_add", `$nums.add(4) [$nums.add(0, 7)] $nums.addAll([5, 6]) $nums`, "true [] true [7,3,1,2,4,5,6]"},
		{"list_remove", `$nums.remove(0) $nums.remove("x") $nums`, "3 false [1,2]"},
		{"list_sub", `$nums.subList(1, 3) [$nums.subList(2, 9)]`, "[1, 2] []"},
		{"list_all", `$nums.containsAll([1, 2]) $nums.containsAll([9]) [$nums.containsAll(1)]`, "true false []"},
		{"list_json", `$nums.toJSONString() $nums.toString()`, "[3,1,2] [3,1,2]"},
		{"list_iterator", `#set($i = $doc.a.keySet().iterator())$i.next()#foreach($k in $i)[$k]#end$i.hasNext()`, "b[x-y]false"},
		{"list_array", `#set($a = $nums.toArray())$a.length $a[1]`, "3 1"},
		{"list_clear", `[$nums.clear()] $nums`, "[] []"},
		{"map_get", `$doc.a.get("x-y") [$doc.get("none")] $doc.getOrDefault("none", 7)`, "1 [] 7"},
		{"map_put", `[$doc.o.put("k", 1)] $doc.o.put("k", 2) $doc.o [$doc.o.putAll({"l": 3})] $doc.o $doc.o.putIfAbsent("l", 9)`, "[] 1 {k=2} [] {k=2, l=3} 3"},
		{"map_remove", `$doc.a.remove("x-y") [$doc.a.remove("x-y")] $doc.a`, "1 [] {b={c=deep}}"},
		{"map_contains", `$doc.containsKey("null") $doc.containsKey("z") $doc.containsValue(1.50) $doc.containsValue(9)`, "true false true false"},
		{"map_sets", `$doc.a.keySet() $doc.a.values() $doc.a.entrySet() $doc.a.size()`, "[b, x-y] [{c=deep}, 1] [b={c=deep}, x-y=1] 2"},
		{"join", `$name.join("-", $nums)`, "3-1-2"},
		{"no_class", `[$name.getClass()$name.class$name.class.forName("x")$nums.getClass()$five.class$doc.a.getClass().name$yes.getClass()]`, "[]"},
		{"wrong_arguments", `[$name.contains(1)$name.length(1)$name.substring("a")$nums.get("a")$doc.get()$name.nosuch()]`, "[]"},
		{"nested_calls", `$doc.list.get($nums.indexOf(1)).get("k").replaceAll($name.toLowerCase().substring(0, 1), "b").concat($name.concat("!"))`, "v2Ann!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(t, tt.expression); got != tt.want {
				t.Errorf("%s\nrendered %q\nwant     %q", tt.expression, got, tt.want)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	for _, tt := range []struct{ name, call, want string }{
		{"plain", `"a,b,,c,,".split(",")`, "4:a|b||c"},
		{"limit", `"a,b,c".split(",", 2)`, "2:a|b,c"},
		{"keep", `"a,,".split(",", -1)`, "3:a||"},
		{"characters", `"abc".split("")`, "3:a|b|c"},
		{"none", `"abc".split("x")`, "1:abc"},
		{"leading", `",a".split(",")`, "2:|a"},
		{"only_separators", `",,".split(",")`, "0:"},
		{"pattern", `"a1b22c".split("\d+")`, "3:a|b|c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, call, _ := strings.Cut(tt.call[1:], `"`)
			template := `#set($t = "` + text + `")#set($p = $t` + call + `)$p.length:#foreach($x in $p)$x#if($foreach.hasNext)|#end#end`
			if got := render(t, template); got != tt.want {
				t.Errorf("%s gives %s, want %s", tt.call, got, tt.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name, template string
		line, column   int
	}{
		{"DP-224 dollar_at_end", "a\nb $", 2, 3},
		{"quiet_dollar_at_end", "$!", 1, 1},
		{"hash_alone", "#", 1, 1},
		{"DP-223 escaped_quote", `#set($n = "\"x\"")`, 1, 14},
		{"no_end", "a\n #if(true) b", 2, 2},
		{"no_end_of_else", "#if(true)#else x", 1, 1},
		{"end_alone", "ab #end", 1, 4},
		{"else_in_foreach", "#foreach($x in $y)#else#end", 1, 1},
		{"else_twice", "#if(true)#else#else#end", 1, 1},
		{"if_without_test", "#if true", 1, 5},
		{"if_empty", "#if()x#end", 1, 5},
		{"set_without_value", "#set($x =)", 1, 10},
		{"set_without_variable", "#set(x = 1)", 1, 6},
		{"set_unclosed", "#set($x = 1\n", 2, 1},
		{"foreach_without_in", "#foreach($x of $y)#end", 1, 13},
		{"foreach_of_part", "#foreach($x.y in $y)#end", 1, 10},
		{"braces", "a ${name", 1, 3},
		{"braces_dot", "${name.", 1, 1},
		{"alternate", "${name|'x'}", 1, 1},
		{"index", "$name[", 1, 7},
		{"call", "$name.concat(hello world)", 1, 14},
		{"string", "#set($x = 'a)", 1, 11},
		{"range_of_references", "#foreach($x in [1..$n])#end", 1, 16},
		{"map", "#set($x = {'a' 1})", 1, 16},
		{"comment", "#* a", 1, 1},
		{"unparsed", "#[[ a", 1, 1},
		{"parse", "a #parse('x')", 1, 3},
		{"include", "#include('x')", 1, 1},
		{"foreach_too_long", "a\n#foreach($x in $big)#end", 2, 1},
		{"substring", "$name.substring(9)", 1, 1},
		{"pattern", `$name.matches("(")`, 1, 1},
		{"look_ahead", `$name.matches("(?=x)")`, 1, 1},
		{"replacement", `$name.replaceAll("n", "$1")`, 1, 1},
		{"parseInt", `$five.parseInt("x")`, 1, 1},
		{"iterator", "#set($i = $doc.e.iterator())$i.next()", 1, 29},
		{"nested", strings.Repeat("#if(true)", 300), 1, 1787},
		{"parentheses", "#set($x = " + strings.Repeat("(", 300), 1, 110},
		{"too_long", strings.Repeat("a", vtl.MaxSource+1), 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tmpl, err := vtl.Parse(tt.template)
			if err == nil {
				_, err = tmpl.Render(nil, data(t))
			}
			e, ok := errors.AsType[*vtl.Error](err)
			if !ok {
				t.Fatalf("got %v, want a *vtl.Error", err)
			}
			if e.Line != tt.line || e.Column != tt.column || e.Message == "" {
				t.Errorf("got %v, want line %d, column %d", e, tt.line, tt.column)
			}
		})
	}
}

// TestBounds holds that no template takes much time or memory, whatever it does.
func TestBounds(t *testing.T) {
	const rounds = "#foreach($i in [1..1000])"
	for name, template := range map[string]string{
		"steps":            strings.Repeat(rounds, 4) + "#set($x = 1)" + strings.Repeat("#end", 4),
		"output":           strings.Repeat(rounds, 2) + strings.Repeat("x", 100) + "#end#end",
		"string_doubled":   `#set($s = "0123456789")` + rounds + `#set($s = "$s$s")#end`,
		"string_added":     `#set($s = "0123456789")` + rounds + `#set($s = $s + $s)#end`,
		"string_concat":    `#set($s = "0123456789")` + rounds + `#set($s = $s.concat($s))#end`,
		"string_replaced":  `#set($s = "aaaaaaaaaaaa")` + rounds + `#set($s = $s.replace("a", "aaaa"))#end`,
		"string_by_regexp": `#set($s = "aaaaaaaaaaaa")` + rounds + `#set($s = $s.replaceAll("a", "aaaa"))#end`,
		"list_doubled":     `#set($l = [1, 2])` + rounds + `#set($x = $l.addAll($l))#end`,
		"list_in_itself":   `#set($l = [1])#set($x = $l.add($l))$l`,
		"map_in_itself":    `#set($m = {})#set($m.m = $m)$m`,
		"list_as_tree":     `#set($l = [1])` + rounds + `#set($l = [$l, $l])#end$l`,
		"json_as_tree":     rounds + `#set($x = $nums.add($nums))#end$nums`,
		"tree_compared":    `#set($l = [1])#set($m = [1])#foreach($i in [1..60])#set($l = [$l, $l])#set($m = [$m, $m])#end#if($l == $m)#end`,
		"tree_searched":    `#set($l = [1])#set($m = [1])#foreach($i in [1..60])#set($l = [$l, $l])#set($m = [$m, $m])#end#set($k = [$l])$k.contains($m)`,
		"define_itself":    `#define($f)$f#end$f`,
		"define_doubled":   `#define($a)0123456789#end` + doubled(40) + `$z39`,
		"numbers":          `#set($n = 99999999999)` + rounds + `#set($n = $n * $n)#end#foreach($i in [1..2000000000])#end`,
		"ranges":           strings.Repeat(rounds, 2) + `#set($x = [1..999999])#end#end`,
		"patterns":         `#set($s = "aaaaaaaaaaaaaaaaaaaa")#set($p = "(a?){50}")` + strings.Repeat(rounds, 2) + `#set($p = "$p$i")$s.matches($p)#end#end`,
		"sets":             `#foreach($i in [1..12])#set($s = $doc.keySet())#set($doc["a$i"] = $doc.values())#end$doc`,
	} {
		t.Run(name, func(t *testing.T) {
			tmpl, err := vtl.Parse(template)
			if err != nil {
				t.Fatal(err)
			}
			out, err := tmpl.Render(nil, data(t))
			if name == "sets" && err == nil && len(out) < 1<<20 {
				return
			}
			if err == nil || !errors.Is(err, vtl.ErrTooMuch) && !strings.Contains(err.Error(), "longer than") {
				t.Errorf("rendered %d bytes with %v, want ErrTooMuch", len(out), err)
			}
		})
	}
}

// doubled defines z0 to z<n-1>, each twice the one before; the first is $a twice.
func doubled(n int) string {
	var b strings.Builder
	last := "a"
	for i := range n {
		name := "z" + string(rune('0'+i/10)) + string(rune('0'+i%10))
		b.WriteString("#define($" + name + ")$" + last + "$" + last + "#end")
		last = name
	}
	return b.String()
}

func TestLiteral(t *testing.T) {
	for template, want := range map[string]string{"": "", "plain $ text": "plain $ text", "a##\nb": "ab", "$x": "-", "#set($x = 1)": "-"} {
		tmpl, err := vtl.Parse(template)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := tmpl.Literal()
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("Literal of %q is %q, want %q", template, got, want)
		}
	}
}

// TestParseIsLinear holds that no template takes long to read, whatever it repeats.
func TestParseIsLinear(t *testing.T) {
	for name, piece := range map[string]string{
		"unknown": "#a(", "unknown_quoted": `#a("`, "escapes": `\$a\#b`, "slashes": `\`, "dollars": "$ $", "hashes": "# #", "braces": "${", "blanks": "\t #", "strings": `#set($x="$a`, "references": "$a.b[0].c('')", "comments": "#**#", "ends": "#if(1)#end",
	} {
		// What reads again what it has read takes minutes for the largest template; what does not, milliseconds.
		source := strings.Repeat(piece, vtl.MaxSource/len(piece)-1) + " "
		start := time.Now()
		if tmpl, err := vtl.Parse(source); err == nil {
			_, _ = tmpl.Render(nil, data(t))
		}
		if took := time.Since(start); took > pace {
			t.Errorf("%s: %d bytes took %v", name, len(source), took)
		}
	}
}
