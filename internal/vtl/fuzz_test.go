package vtl_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/vtl"
)

// FuzzRender asserts that any template is refused or rendered in bounded time, always to the same text, and that text without signs of the
// language stands for itself.
func FuzzRender(f *testing.F) {
	for _, s := range []string{
		"Hi $name ${doc.a.b.c} $!{x}", `#set($x = {"a": [1..3], 'b': $doc.list[0].k})$x`, "#if($a == 1 && !$b || 2 > 1)x#elseif(3 % 2)y#else z#end",
		"#foreach($i in [3..-1])$foreach.count#if($foreach.hasNext),#end#break#end", `#define($f)$c#end#set($c='a')$f`, "#macro(m)x#end#m()", "## c\n#* d *##[[ e ]]#",
		`\$mail \\$mail \#end`, `#set($s = "a ""$name"" ${doc.n}b")$s.replaceAll("(a)", "$1\$").split(",")[0].substring(0, 1)`, "#set($m = {})$m.put('a', $m).keySet()",
		"#set($n = 9223372036854775807 * 3 / 2.5 - -1)$n", "$nums.add(1)$nums.remove(0)$nums.subList(0, 1)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, template string) {
		start := time.Now()
		tmpl, err := vtl.Parse(template)
		if err != nil {
			wantError(t, template, err)
			return
		}
		out, err := tmpl.Render(nil, data(t))
		if err != nil {
			wantError(t, template, err)
		}
		if !strings.ContainsAny(template, `$#\`) && string(out) != template {
			t.Fatalf("%q renders %q", template, out)
		}
		again, err2 := tmpl.Render(nil, data(t))
		if string(again) != string(out) || (err == nil) != (err2 == nil) {
			t.Fatalf("%q renders %q, then %q (%v, %v)", template, out, again, err, err2)
		}
		if took := time.Since(start); took > 8*time.Second {
			t.Fatalf("%q took %v", template, took)
		}
	})
}

func wantError(t *testing.T, template string, err error) {
	t.Helper()
	if e, ok := errors.AsType[*vtl.Error](err); !ok || e.Line < 1 || e.Column < 1 {
		t.Fatalf("%q: %v is no *vtl.Error", template, err)
	}
}
