package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// idForm is what connections, messages and requests are called like.
const idForm = `[A-Za-z0-9_-]{15}=`

// matchText holds got against a text in which <any> stands for anything and <id> for an identifier.
func matchText(want, got string) error {
	if !strings.Contains(want, "<any>") && !strings.Contains(want, "<id>") {
		if want == got {
			return nil
		}
		return fmt.Errorf("got %s, want %s", brief(got), brief(want))
	}
	expr := regexp.QuoteMeta(want)
	expr = strings.ReplaceAll(expr, "<any>", ".*")
	expr = strings.ReplaceAll(expr, "<id>", idForm)
	re, err := regexp.Compile(`(?s)\A` + expr + `\z`)
	if err != nil {
		return err
	}
	if !re.MatchString(got) {
		return fmt.Errorf("got %s, want %s", brief(got), brief(want))
	}
	return nil
}

// matchBody holds got against JSON if want is JSON, else against text.
func matchBody(want, got string) error {
	if strings.HasPrefix(want, "~") {
		return matchLeaf("the answer", want, got)
	}
	if strings.HasPrefix(want, "{") || strings.HasPrefix(want, "[") {
		return matchJSON(want, got)
	}
	return matchText(want, got)
}

// matchJSON holds the JSON text got against a pattern: objects may have members that the pattern does not name, unless it has the
// member "<only>". A text in the pattern may be <any>, <absent>, <string>, <number>, <id>, or ~ and a regular expression.
func matchJSON(want, got string) error {
	pattern, err := parseJSON(want)
	if err != nil {
		return fmt.Errorf("the case's pattern is no JSON: %w: %s", err, brief(want))
	}
	value, err := parseJSON(got)
	if err != nil {
		return fmt.Errorf("got no JSON but %s", brief(got))
	}
	if err := matchValue("", pattern, value); err != nil {
		return fmt.Errorf("%w in %s", err, brief(got))
	}
	return nil
}

func parseJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

func matchValue(at string, want, got any) error {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %v, want an object", at, got)
		}
		return matchObject(at, w, g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s is %v, want %v", at, got, want)
		}
		for i := range w {
			if err := matchValue(at+"["+strconv.Itoa(i)+"]", w[i], g[i]); err != nil {
				return err
			}
		}
		return nil
	case string:
		return matchLeaf(at, w, got)
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Errorf("%s is %v, want %v", at, got, want)
	}
	return nil
}

func matchObject(at string, want, got map[string]any) error {
	if _, only := want["<only>"]; only {
		for name := range got {
			if _, ok := want[name]; !ok {
				return fmt.Errorf("%s.%s is there", at, name)
			}
		}
	}
	for name, w := range want {
		g, ok := got[name]
		switch {
		case name == "<only>":
		case w == "<absent>" && ok:
			return fmt.Errorf("%s.%s is there", at, name)
		case w == "<absent>":
		case !ok:
			return fmt.Errorf("%s.%s is missing", at, name)
		default:
			if err := matchValue(at+"."+name, w, g); err != nil {
				return err
			}
		}
	}
	return nil
}

func matchLeaf(at, want string, got any) error {
	text, isText := got.(string)
	_, isNumber := got.(json.Number)
	ok := false
	switch {
	case want == "<any>":
		ok = true
	case want == "<string>":
		ok = isText
	case want == "<number>":
		ok = isNumber
	case want == "<id>":
		ok = isText && regexp.MustCompile(`\A`+idForm+`\z`).MatchString(text)
	case strings.HasPrefix(want, "~"):
		re, err := regexp.Compile(want[1:])
		if err != nil {
			return err
		}
		ok = isText && re.MatchString(text)
	default:
		ok = isText && text == want
	}
	if !ok {
		return fmt.Errorf("%s is %s, want %s", at, brief(fmt.Sprint(got)), brief(want))
	}
	return nil
}

// brief shortens a text for a message.
func brief(text string) string {
	if text == "" {
		return "nothing"
	}
	if len(text) > 600 {
		text = text[:600] + "… (" + strconv.Itoa(len(text)) + " bytes)"
	}
	return "«" + text + "»"
}

// variables are what %{name} stands for.
type variables map[string]string

// expand puts values in for %{name}, and a repeated text for %{x*1000}.
func (v variables) expand(text string) (string, error) {
	var missing []string
	out := variable.ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-1]
		if value, ok := v[name]; ok {
			return value
		}
		if what, times, ok := strings.Cut(name, "*"); ok {
			if n, err := strconv.Atoi(times); err == nil && n >= 0 {
				return strings.Repeat(what, n)
			}
		}
		missing = append(missing, name)
		return m
	})
	if len(missing) > 0 {
		slices.Sort(missing)
		return "", fmt.Errorf("nothing is known as %v", slices.Compact(missing))
	}
	return out, nil
}

var variable = regexp.MustCompile(`%\{[^{}]+\}`)
