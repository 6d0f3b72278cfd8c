package apigateway_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
)

func TestResponsePattern(t *testing.T) {
	for _, tt := range []struct{ name, key, matches, not string }{
		{"status", `/200/`, "200", "2000"},
		{"class_of_status", `/4\d\d/`, "404", "500"},
		{"DP-168 text", `/.*not found.*/`, "not found: x", "found"},
		{"whole_value", `/a|b/`, "b", "ab"},
		{"no_slashes", `5\d{2}`, "503", "5033"},
		{"dot_without_line_ends", `/a.b/`, "axb", "a\rb"},
		{"dot_without_unicode_line_ends", `/a.b/`, "aéb", "a\u2028b"},
		{"dot_all", `/(?s)a.b/`, "a\nb", "ab"},
		{"dot_all_of_a_group", `/(?s:a.)b./`, "a\nbx", "a\nb\n"},
		{"dot_all_ends_with_group", `/(?:(?s)a.)b./`, "a\nbx", "a\nb\n"},
		{"anything", `/[\s\S]*/`, "a\n\x0bb", "\xff"},
		{"space_has_vertical_tab", `/\s/`, "\x0b", "x"},
		{"no_space", `/\S/`, "x", "\x0b"},
		{"case", `/(?i)timeout/`, "TimeOut", "time"},
		{"case_of_a_group", `/(?i:t)ime/`, "Time", "TIME"},
		{"quoted", `/\Qa.b\E+/`, "a.bbb", "axb"},
		{"unicode", `/\u00e9\x{1F600}/`, "é😀", "e"},
		{"octal", `/\0101/`, "A", "0101"},
		{"control", `/\cA/`, "\x01", "A"},
		{"posix", `/\p{Alpha}+/`, "abc", "é"},
		{"property", `/\p{L}+/`, "aé", "1"},
		{"script", `/\p{IsGreek}+/`, "αβ", "a"},
		{"not_property", `/\P{Digit}/`, "a", "1"},
		{"nested_class", `/[a[bc]d]+/`, "abcd", "e"},
		{"posix_like_class_is_a_set", `/[[:alpha:]]/`, ":", "z"},
		{"bracket_in_class", `/[\]x]/`, "]", "y"},
		{"hyphen_in_class", `/[a-c-]+/`, "b-", "d"},
		{"named_group", `/(?<code>\d+):.*/`, "12:x", "x"},
		{"lazy", `/.*?x/`, "aax", "aa"},
		{"end_of_input", `/abc\Z/`, "abc", "abcd"},
		{"line_end", `/a\Rb/`, "a\r\nb", "ab"},
		{"anchors", `/^\[BadRequest\].*$/`, "[BadRequest] x", "x"},
		{"braces", `/\{"a":1\}/`, `{"a":1}`, "x"},
		{"empty", `//`, "", "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			re, err := apigateway.ResponsePattern(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			if !re.MatchString(tt.matches) {
				t.Errorf("%s (%s) does not match %q", tt.key, re, tt.matches)
			}
			if re.MatchString(tt.not) && tt.not != "\xff" {
				t.Errorf("%s (%s) matches %q", tt.key, re, tt.not)
			}
		})
	}
}

func TestResponsePatternRefuses(t *testing.T) {
	for _, tt := range []struct{ name, key, says string }{
		{"lookahead", `/(?!error).*/`, "looking ahead"},
		{"positive_lookahead", `/(?=x).*/`, "looking ahead"},
		{"lookbehind", `/(?<=x).*/`, "looking ahead"},
		{"negative_lookbehind", `/(?<!x).*/`, "looking ahead"},
		{"atomic", `/(?>x).*/`, "looking ahead"},
		{"back_reference", `/(a)\1/`, "back references"},
		{"named_back_reference", `/(?<a>a)\k<a>/`, "back references"},
		{"possessive", `/a*+/`, "possessive"},
		{"possessive_count", `/a{2}+/`, "possessive"},
		{"intersection", `/[a-z&&[^b]]/`, "intersections"},
		{"comments", `/(?x) a/`, "flags"},
		{"unclosed", `/(a/`, "not closed"},
		{"unopened", `/a)/`, "not opened"},
		{"unclosed_class", `/[a/`, "not closed"},
		{"dangling", `/*a/`, "no regular expression"},
		{"too_many", `/a{2000}/`, "no regular expression"},
		{"last_backslash", `/a\`, "backslash"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			re, err := apigateway.ResponsePattern(tt.key)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v, %v; want an error with %q", tt.key, re, err, tt.says)
			}
		})
	}
}

// FuzzResponsePattern asserts that what contains no signs of regular expressions matches itself and nothing else, and that all else
// compiles or is refused.
func FuzzResponsePattern(f *testing.F) {
	for _, s := range []string{`/4\d\d/`, `/(?s)a.[b&&c]{2}+/`, `\Q.\E`, `[[^a]-\x{41}\p{IsGreek}]`, `(?<n>a)(?i-s:b)`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		re, err := apigateway.ResponsePattern("/" + s + "/")
		if regexp.QuoteMeta(s) != s || strings.ContainsAny(s, "/-&") || strings.ToValidUTF8(s, "") != s {
			return
		}
		if err != nil || !re.MatchString(s) || re.MatchString(s+"x") {
			t.Errorf("%q: %v, %v", s, re, err)
		}
	})
}
