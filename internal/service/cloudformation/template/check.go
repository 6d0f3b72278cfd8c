package template

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A checker walks a whole template before anything is known about values: arguments of functions, and names.
type checker struct {
	t          *Template
	parameters map[string]bool
	missing    []string // names that a Ref, Fn::Sub or DependsOn has, and nobody else
	at         Position // of the first of them
}

// pseudo are the parameters that every template has.
var pseudo = []string{
	"AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix",
}

func newChecker(t *Template) *checker {
	c := &checker{t: t, parameters: map[string]bool{}}
	for _, p := range t.Parameters {
		c.parameters[p.Name] = true
	}
	return c
}

func (c *checker) template() error {
	if err := c.conditions(); err != nil {
		return err
	}
	for _, id := range c.t.Keys("Resources") {
		r := c.t.Resources[id]
		if r.Condition != "" {
			if _, ok := c.t.Conditions[r.Condition]; !ok {
				return errorAt(r.Position, "Template format error: Unresolved condition dependency %s in the Resources block of the template", r.Condition)
			}
		}
		for _, d := range r.DependsOn {
			if _, ok := c.t.Resources[d]; !ok {
				c.miss(d, c.t.At("Resources", id, "DependsOn"))
			}
		}
		if err := c.value(r.Properties, "Resources", id, "Properties"); err != nil {
			return err
		}
	}
	if len(c.missing) > 0 {
		return c.unresolved("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template")
	}
	for _, o := range c.t.Outputs {
		if o.Condition != "" {
			if _, ok := c.t.Conditions[o.Condition]; !ok {
				return errorAt(c.t.At("Outputs", o.Name), "Template format error: Unresolved condition dependency %s in the Outputs block of the template", o.Condition)
			}
		}
		if err := c.value(o.Value, "Outputs", o.Name, "Value"); err != nil {
			return err
		}
		if o.Export != nil {
			if err := c.value(o.Export, "Outputs", o.Name, "Export", "Name"); err != nil {
				return err
			}
		}
	}
	if len(c.missing) > 0 {
		return c.unresolved("Unresolved resource dependencies [%s] in the Outputs block of the template")
	}
	return nil
}

// conditions checks the section Conditions, in which no resource may be named.
func (c *checker) conditions() error {
	for _, name := range c.t.Keys("Conditions") {
		if err := c.value(c.t.Conditions[name], "Conditions", name); err != nil {
			return err
		}
	}
	var named []string
	visit(c.t.Conditions, func(fn string, arg any) {
		switch fn {
		case "Ref":
			if s, _ := arg.(string); c.t.Resources[s] != nil {
				named = append(named, s)
			}
		case "Fn::GetAtt":
			if list, ok := arg.([]any); ok && len(list) > 0 {
				named = append(named, text(list[0]))
			}
		}
	})
	named = append(named, c.missing...)
	if len(named) > 0 {
		slices.Sort(named)
		return errorAt(c.t.At("Conditions"), "Template format error: Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", strings.Join(slices.Compact(named), ", "))
	}
	for _, name := range c.t.Keys("Conditions") {
		if err := c.conditionNames(c.t.Conditions[name], name); err != nil {
			return err
		}
	}
	return nil
}

// conditionNames checks that conditions used by a condition exist.
func (c *checker) conditionNames(v any, inside string) error {
	var err error
	visit(v, func(fn string, arg any) {
		if s, ok := arg.(string); ok && fn == "Condition" && err == nil {
			if _, known := c.t.Conditions[s]; !known {
				err = errorAt(c.t.At("Conditions", inside), "Template format error: Unresolved condition dependency %s in the Conditions block of the template", s)
			}
		}
	})
	return err
}

// visit calls f for every function in v.
func visit(v any, f func(fn string, arg any)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			visit(e, f)
		}
	case map[string]any:
		if fn, arg, ok := function(v); ok {
			f(fn, arg)
		} else if arg, ok := v["Condition"]; ok && len(v) == 1 {
			f("Condition", arg)
		}
		for _, k := range sortedKeys(v) {
			visit(v[k], f)
		}
	}
}

// function returns the function that a map of one member is.
func function(m map[string]any) (name string, arg any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for k, v := range m {
		if k == "Ref" || strings.HasPrefix(k, "Fn::") {
			return k, v, true
		}
	}
	return "", nil, false
}

func (c *checker) miss(name string, at Position) {
	if len(c.missing) == 0 {
		c.at = at
	}
	c.missing = append(c.missing, name)
}

func (c *checker) unresolved(format string) error {
	slices.Sort(c.missing)
	return errorAt(c.at, format, strings.Join(slices.Compact(c.missing), ", "))
}

func (c *checker) value(v any, path ...string) error {
	switch v := v.(type) {
	case nil:
		return errorAt(c.t.At(path...), "[/%s] 'null' values are not allowed in templates", strings.Join(path, "/"))
	case []any:
		for i, e := range v {
			if err := c.value(e, child(path, strconv.Itoa(i))...); err != nil {
				return err
			}
		}
	case map[string]any:
		if fn, arg, ok := function(v); ok {
			at := c.t.At(child(path, fn)...)
			if err := c.function(fn, arg, at); err != nil {
				return err
			}
			if fn == "Ref" || fn == "Fn::GetAtt" && isString(arg) {
				return nil
			}
		}
		for _, k := range sortedKeys(v) {
			if err := c.value(v[k], child(path, k)...); err != nil {
				return err
			}
		}
	}
	return nil
}

func child(path []string, key string) []string {
	return append(path[:len(path):len(path)], key)
}

func isString(v any) bool {
	_, ok := v.(string)
	return ok
}

// isText reports whether v is, or may become, a string.
func isText(v any) bool {
	if m, ok := v.(map[string]any); ok {
		_, _, isFunction := function(m)
		return isFunction
	}
	_, ok := scalarText(v)
	return ok
}

// isList reports whether v is, or may become, a list.
func isList(v any) bool {
	if m, ok := v.(map[string]any); ok {
		_, _, isFunction := function(m)
		return isFunction
	}
	_, ok := v.([]any)
	return ok
}

const (
	errRef         = "Template format error: Every Ref object must have a single String value."
	errGetAtt      = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
	errJoin        = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	errSelect      = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
	errSplit       = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
	errSub         = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
	errSubName     = "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
	errIf          = "Template error: Fn::If requires a list argument with three elements"
	errEquals      = "Template error: every Fn::Equals object requires a list of 2 string parameters."
	errNot         = "Template error: every Fn::Not object requires one boolean parameter."
	errAndOr       = "Template error: every %s object requires a list of at least 2 and at most 10 boolean parameters."
	errFindInMap   = "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
	errBase64      = "Template error: every Fn::Base64 object must have a String-typed value."
	errImportValue = "Template error: the attribute in Fn::ImportValue must be a string or a function that returns a string"
	errCidr        = "Template error: every Fn::Cidr object requires two or three parameters, (1) an IP address block, (2) the number of CIDRs and (3) the number of bits"
	errGetAZs      = "Template error: every Fn::GetAZs object must have a String-typed value."
)

var subName = regexp.MustCompile(`^[A-Za-z0-9_.:]+$`)

// function checks one function's arguments as far as they can be known.
func (c *checker) function(fn string, arg any, at Position) error {
	list, _ := arg.([]any)
	require := func(ok bool, message string) error {
		if ok {
			return nil
		}
		return errorAt(at, "%s", message)
	}
	switch fn {
	case "Ref":
		return c.ref(arg, at)
	case "Fn::GetAtt":
		return c.getAtt(arg, at)
	case "Fn::Sub":
		return c.sub(arg, at)
	case "Fn::Join":
		return require(len(list) == 2 && isString(list[0]) && isList(list[1]), errJoin)
	case "Fn::Select":
		return c.selectArgs(list, at)
	case "Fn::Split":
		return require(len(list) == 2 && isString(list[0]) && isText(list[1]), errSplit)
	case "Fn::If":
		if err := require(len(list) == 3 && isString(list[0]), errIf); err != nil {
			return err
		}
		_, known := c.t.Conditions[list[0].(string)]
		return require(known, "Template error: unresolved condition dependency "+list[0].(string)+" in Fn::If")
	case "Fn::Equals":
		return require(len(list) == 2, errEquals)
	case "Fn::Not":
		return require(len(list) == 1, errNot)
	case "Fn::And", "Fn::Or":
		return require(len(list) >= 2 && len(list) <= 10, strings.Replace(errAndOr, "%s", fn, 1))
	case "Fn::FindInMap":
		return require((len(list) == 3 || len(list) == 4) && isText(list[0]) && isText(list[1]) && isText(list[2]), errFindInMap)
	case "Fn::Base64":
		return require(isText(arg), errBase64)
	case "Fn::ImportValue":
		return require(isText(arg), errImportValue)
	case "Fn::GetAZs":
		return require(isText(arg), errGetAZs)
	case "Fn::Cidr":
		return require(len(list) == 2 || len(list) == 3, errCidr)
	case "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn", "Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll", "Fn::Transform":
		return nil
	case "Fn::ToJsonString", "Fn::Length":
		return require(c.t.has(LanguageExtensions), "Template format error: "+fn+" is only supported with the transform "+LanguageExtensions)
	}
	return errorAt(at, "Template error: unknown function %s", fn)
}

func (t *Template) has(transform string) bool { return slices.Contains(t.Transforms, transform) }

func (c *checker) ref(arg any, at Position) error {
	name, ok := arg.(string)
	if !ok {
		return errorAt(at, "%s", errRef)
	}
	if !c.knows(name) {
		c.miss(name, at)
	}
	return nil
}

func (c *checker) knows(name string) bool {
	return c.t.Resources[name] != nil || c.parameters[name] || slices.Contains(pseudo, name)
}

func (c *checker) getAtt(arg any, at Position) error {
	id, attr, ok := getAttArgs(arg)
	if !ok {
		return errorAt(at, "%s", errGetAtt)
	}
	if _, isName := attr.(string); isName && attr == "" || id == "" {
		return errorAt(at, "%s", errGetAtt)
	}
	if c.t.Resources[id] == nil {
		return errorAt(at, "Template error: instance of Fn::GetAtt references undefined resource %s", id)
	}
	return nil
}

// getAttArgs returns the resource and the attribute of a Fn::GetAtt; the attribute is a string or a function.
func getAttArgs(arg any) (id string, attr any, ok bool) {
	switch a := arg.(type) {
	case string:
		id, attr, ok := strings.Cut(a, ".")
		return id, attr, ok
	case []any:
		if len(a) < 2 {
			return "", nil, false
		}
		id, ok := a[0].(string)
		if !ok {
			return "", nil, false
		}
		if len(a) == 2 {
			m, isMap := a[1].(map[string]any)
			if isMap {
				_, _, isMap = function(m)
			}
			if s, isText := scalarText(a[1]); isText {
				return id, s, true
			}
			return id, a[1], isMap
		}
		parts := make([]string, 0, len(a)-1)
		for _, e := range a[1:] {
			s, ok := e.(string)
			if !ok {
				return "", nil, false
			}
			parts = append(parts, s)
		}
		return id, strings.Join(parts, "."), true
	}
	return "", nil, false
}

func (c *checker) selectArgs(list []any, at Position) error {
	if len(list) == 2 && isList(list[1]) {
		switch i := list[0].(type) {
		case map[string]any:
			if _, _, ok := function(i); ok {
				return nil
			}
		case json.Number, string:
			s, _ := scalarText(i)
			if _, err := strconv.Atoi(s); err == nil {
				return nil
			}
		}
	}
	return errorAt(at, "%s", errSelect)
}

func (c *checker) sub(arg any, at Position) error {
	s, vars, ok := subArgs(arg)
	if !ok {
		return errorAt(at, "%s", errSub)
	}
	for _, part := range subParts(s) {
		if !part.variable {
			continue
		}
		if !subName.MatchString(part.text) {
			return errorAt(at, "%s", errSubName)
		}
		if _, own := vars[part.text]; own {
			continue
		}
		name, _, dotted := strings.Cut(part.text, ".")
		if dotted && c.t.Resources[name] != nil || !dotted && c.knows(name) {
			continue
		}
		c.miss(name, at)
	}
	return nil
}
