package wire

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestPatternsCompile reads all patterns of the generated shapes: each must compile, though they are written for Java.
func TestPatternsCompile(t *testing.T) {
	files, err := filepath.Glob("../shapes/*/shapes.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no shapes: ", err)
	}
	tag := regexp.MustCompile(`pattern:("(?:[^"\\]|\\.)*")`)
	checked := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range tag.FindAllSubmatch(src, -1) {
			text, err := strconv.Unquote(string(m[1]))
			if err != nil {
				t.Fatalf("%s: %s: %v", file, m[1], err)
			}
			func() {
				defer func() {
					if p := recover(); p != nil {
						t.Errorf("%s: pattern %s: %v", file, text, p)
					}
				}()
				new(pattern{text: text}).compile()
			}()
			checked++
		}
	}
	if checked < 50 {
		t.Errorf("only %d patterns found", checked)
	}
}

func TestLookarounds(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`, "live", true},
		{`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`, "12", false},
		{`(^\$LATEST$)|((?!^[0-9]+$)([a-zA-Z0-9-_]+))`, "$LATEST", true},
		{`^[0-9A-Za-z\.\-_]*(?<!\.)$`, "a.b", true},
		{`^[0-9A-Za-z\.\-_]*(?<!\.)$`, "a.", false},
		{`[\u0009\u000A\u000D\u0020-\u00FF]+`, "é\n", true},
		{`[\u0009\u000A\u000D\u0020-\u00FF]+`, "€", false},
		{`[a-z]+`, "abc\n", false},
	} {
		if got := new(pattern{text: tt.pattern}).matches(tt.s); got != tt.want {
			t.Errorf("%s matches %q: %v", tt.pattern, tt.s, got)
		}
	}
}
