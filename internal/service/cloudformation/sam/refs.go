package sam

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// isIntrinsic reports whether v is a function of CloudFormation.
func isIntrinsic(v any) bool {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return false
	}
	for k := range m {
		return k == "Ref" || k == "Condition" || strings.HasPrefix(k, "Fn::")
	}
	return false
}

// ifOf returns the arguments of a Fn::If.
func ifOf(v any) ([]any, bool) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return nil, false
	}
	list, isIf := m["Fn::If"]
	args, _ := list.([]any)
	return args, isIf
}

// isNoValue reports whether v is Ref AWS::NoValue.
func isNoValue(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 1 && m["Ref"] == "AWS::NoValue"
}

func ref(id string) map[string]any { return map[string]any{"Ref": id} }

func getAtt(id, attribute string) map[string]any {
	return map[string]any{"Fn::GetAtt": []any{id, attribute}}
}

func sub(text string, vars map[string]any) map[string]any {
	if vars == nil {
		return map[string]any{"Fn::Sub": text}
	}
	return map[string]any{"Fn::Sub": []any{text, vars}}
}

// parameterValues returns what Refs to parameters are: their values, or defaults.
func (t *transformer) parameterValues(root map[string]any) map[string]any {
	values := map[string]any{"AWS::Region": t.env.Region, "AWS::Partition": t.env.Partition}
	declared, _ := root["Parameters"].(map[string]any)
	for name, d := range declared {
		if m, ok := d.(map[string]any); ok {
			if def, has := m["Default"]; has {
				values[name] = def
			}
		}
	}
	for name, v := range t.env.Parameters {
		values[name] = v
	}
	return values
}

var subReference = regexp.MustCompile(`\$\{([A-Za-z0-9_.:]+)\}`)

// resolve returns v with Refs to parameters replaced by their values, and ${Parameter} in the texts of Fn::Sub.
func (t *transformer) resolve(v any) any {
	switch v := v.(type) {
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = t.resolve(e)
		}
		return l
	case map[string]any:
		if name, ok := v["Ref"].(string); ok && len(v) == 1 {
			if value, has := t.parameters[name]; has {
				return value
			}
			return v
		}
		if arg, ok := v["Fn::Sub"]; ok && len(v) == 1 {
			return map[string]any{"Fn::Sub": t.resolve(eachSub(arg, func(name string) string {
				if value, has := t.parameters[name]; has {
					return fmt.Sprint(value)
				}
				return "${" + name + "}"
			}))}
		}
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = t.resolve(e)
		}
		return m
	}
	return v
}

// resolveMaps returns v with Fn::FindInMap of known keys replaced by the value.
func (t *transformer) resolveMaps(v any) any {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return v
	}
	args, ok := m["Fn::FindInMap"].([]any)
	if !ok || len(args) != 3 {
		return v
	}
	var found any = t.doc.Root["Mappings"]
	for _, a := range args {
		key, _ := t.resolve(a).(string)
		level, _ := found.(map[string]any)
		if found = level[key]; found == nil {
			return v
		}
	}
	return found
}

// eachSub replaces the references in the text of a Fn::Sub's argument.
func eachSub(arg any, replace func(name string) string) any {
	change := func(s string) string {
		return subReference.ReplaceAllStringFunc(s, func(r string) string { return replace(r[2 : len(r)-1]) })
	}
	switch a := arg.(type) {
	case string:
		return change(a)
	case []any:
		if len(a) > 0 {
			if s, ok := a[0].(string); ok {
				return append([]any{change(s)}, a[1:]...)
			}
		}
	}
	return arg
}

// rewrite returns the template with references as they are after the transform: to resources that have got another logical id,
// and to what a resource of SAM calls its property (Function.Alias).
func (t *transformer) rewrite(v any) any {
	switch v := v.(type) {
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = t.rewrite(e)
		}
		return l
	case map[string]any:
		if len(v) == 1 {
			if name, ok := v["Ref"].(string); ok {
				return map[string]any{"Ref": t.rewriteName(name)}
			}
			if arg, ok := v["Fn::GetAtt"]; ok {
				return map[string]any{"Fn::GetAtt": t.rewriteGetAtt(arg)}
			}
			if arg, ok := v["Fn::Sub"]; ok {
				return map[string]any{"Fn::Sub": t.rewrite(eachSub(arg, func(name string) string { return "${" + t.rewriteName(name) + "}" }))}
			}
		}
		m := make(map[string]any, len(v))
		for k, e := range v {
			if k == "DependsOn" {
				e = t.rewriteDependsOn(e)
			}
			m[k] = t.rewrite(e)
		}
		return m
	}
	return v
}

// rewriteName rewrites "Id", "Id.Property" and "Id.Property.Attribute".
func (t *transformer) rewriteName(name string) string {
	parts := strings.SplitN(name, ".", 3)
	if len(parts) > 1 {
		if id := t.referable[parts[0]][parts[1]]; id != "" {
			return strings.Join(append([]string{id}, parts[2:]...), ".")
		}
	}
	if id := t.renamed[parts[0]]; id != "" {
		return id + strings.TrimPrefix(name, parts[0])
	}
	return name
}

func (t *transformer) rewriteGetAtt(arg any) any {
	list, ok := arg.([]any)
	if !ok {
		if s, isText := arg.(string); isText {
			return t.rewriteName(s)
		}
		return arg
	}
	names := make([]string, len(list))
	for i, e := range list {
		if names[i], ok = e.(string); !ok {
			return t.rewrite(list)
		}
	}
	whole := strings.Join(names, ".")
	now := t.rewriteName(whole)
	if now == whole {
		return list
	}
	id, attribute, _ := strings.Cut(now, ".")
	if attribute == "" {
		return []any{id}
	}
	return []any{id, attribute}
}

func (t *transformer) rewriteDependsOn(v any) any {
	switch v := v.(type) {
	case string:
		if id := t.renamed[v]; id != "" {
			return id
		}
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = t.rewriteDependsOn(e)
		}
		return l
	}
	return v
}

// hash is the suffix of logical ids that change with what they name: of the text itself, or of the value as compact sorted JSON.
func hash(v any) string {
	text, ok := v.(string)
	if !ok {
		text = sortedJSON(v)
	}
	if text == "" {
		return ""
	}
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])[:10]
}

// sortedJSON returns v as Python's json.dumps would: keys sorted, no spaces, only ASCII.
func sortedJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	return ascii(strings.TrimSuffix(b.String(), "\n"))
}

// ascii writes other characters as \u escapes.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// tagList returns a map of tags as CloudFormation's list, sorted by key.
func tagList(tags any) []any {
	m, _ := tags.(map[string]any)
	list := []any{}
	for _, k := range sortedKeys(m) {
		v := m[k]
		if v == nil {
			v = ""
		}
		list = append(list, map[string]any{"Key": k, "Value": v})
	}
	return list
}

// truthy reports whether Python would take v for true.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case json.Number:
		f, err := v.Float64()
		return err != nil || f != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}
