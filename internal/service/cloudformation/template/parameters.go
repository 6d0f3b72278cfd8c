package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Parameter is one member of Parameters.
type Parameter struct {
	Name                  string
	Type                  string
	Default               *string
	AllowedValues         []string
	AllowedPattern        string
	MinLength, MaxLength  *float64
	MinValue, MaxValue    *float64
	NoEcho                bool
	Description           string
	ConstraintDescription string
}

var (
	parameterType  = regexp.MustCompile(`^(String|Number|CommaDelimitedList|List<(String|Number)>|AWS::SSM::Parameter::(Name|Value<(String|CommaDelimitedList|List<.+>|AWS::.+)>)|AWS::[A-Za-z0-9]+::.+|List<AWS::.+>)$`)
	parameterNames = []string{
		"Type", "Default", "AllowedValues", "AllowedPattern", "MinLength", "MaxLength", "MinValue", "MaxValue", "NoEcho", "Description", "ConstraintDescription",
	}
)

// SSM reports whether values of p name an SSM parameter, whose value is then p's.
func (p *Parameter) SSM() bool { return strings.HasPrefix(p.Type, "AWS::SSM::Parameter::Value<") }

// List reports whether a Ref to p is a list.
func (p *Parameter) List() bool {
	t := p.Type
	if p.SSM() {
		t = strings.TrimSuffix(strings.TrimPrefix(t, "AWS::SSM::Parameter::Value<"), ">")
	}
	return t == "CommaDelimitedList" || strings.HasPrefix(t, "List<")
}

// Value returns what a Ref to p is, when its text is s.
func (p *Parameter) Value(s string) any {
	if !p.List() {
		return s
	}
	if s == "" {
		return []any{}
	}
	parts := strings.Split(s, ",")
	list := make([]any, len(parts))
	for i := range parts {
		list[i] = strings.TrimSpace(parts[i])
	}
	return list
}

func (t *Template) readParameters() (err error) {
	t.Parameters, err = Parameters(t.Document)
	return err
}

// Parameters returns the declarations of a document's parameters, in the order of its text.
func Parameters(d *Document) ([]*Parameter, error) {
	v, ok := d.Root["Parameters"]
	if !ok {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errorAt(d.At("Parameters"), "Template format error: Parameters must be an object.")
	}
	if len(m) > MaxParameters {
		return nil, errorAt(d.At("Parameters"), "Template format error: Number of parameters, %d, is greater than maximum allowed, %d", len(m), MaxParameters)
	}
	var all []*Parameter
	for _, name := range d.Keys("Parameters") {
		if !alphanumeric.MatchString(name) {
			return nil, errorAt(d.At("Parameters", name), "Template format error: Parameter name %s is non alphanumeric.", name)
		}
		p, err := parameter(d, name, m[name])
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func parameter(d *Document, name string, v any) (*Parameter, error) {
	at := d.At("Parameters", name)
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errorAt(at, "Template format error: Any Parameters member must be an object.")
	}
	p := &Parameter{Name: name}
	for _, k := range d.Keys("Parameters", name) {
		if !slices.Contains(parameterNames, k) {
			return nil, errorAt(d.At("Parameters", name, k), "Invalid template parameter property '%s'", k)
		}
		if m[k] == nil {
			return nil, errorAt(d.At("Parameters", name, k), "[/Parameters/%s/%s] 'null' values are not allowed in templates", name, k)
		}
	}
	if p.Type, ok = m["Type"].(string); !ok {
		return nil, errorAt(at, "Template format error: Every Parameters object must contain a Type member.")
	}
	if !parameterType.MatchString(p.Type) {
		return nil, errorAt(d.At("Parameters", name, "Type"), "Template format error: Unrecognized parameter type: %s", p.Type)
	}
	if v, has := m["Default"]; has {
		s, ok := scalarText(v)
		if !ok {
			return nil, errorAt(d.At("Parameters", name, "Default"), "Template format error: Every Default member must be a string.")
		}
		p.Default = &s
	}
	if v, has := m["AllowedValues"]; has {
		list, ok := v.([]any)
		if !ok {
			return nil, errorAt(d.At("Parameters", name, "AllowedValues"), "Template format error: Every AllowedValues member must be a list.")
		}
		for _, e := range list {
			p.AllowedValues = append(p.AllowedValues, text(e))
		}
	}
	p.AllowedPattern, _ = m["AllowedPattern"].(string)
	p.Description, _ = m["Description"].(string)
	p.ConstraintDescription, _ = m["ConstraintDescription"].(string)
	s, _ := scalarText(m["NoEcho"])
	p.NoEcho = strings.EqualFold(s, "true")
	for k, into := range map[string]**float64{"MinLength": &p.MinLength, "MaxLength": &p.MaxLength, "MinValue": &p.MinValue, "MaxValue": &p.MaxValue} {
		v, has := m[k]
		if !has {
			continue
		}
		s, _ := scalarText(v)
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, errorAt(d.At("Parameters", name, k), "Template format error: Every %s member must be a number.", k)
		}
		*into = &f
	}
	return p, nil
}

// Values completes the given texts with defaults, and checks them against the declarations.
func Values(declared []*Parameter, given map[string]string) (map[string]string, error) {
	var missing, unknown []string
	values := map[string]string{}
	for _, p := range declared {
		if v, ok := given[p.Name]; ok {
			values[p.Name] = v
		} else if p.Default != nil {
			values[p.Name] = *p.Default
		} else {
			missing = append(missing, p.Name)
		}
	}
	for _, name := range sortedKeys(given) {
		if !slices.ContainsFunc(declared, func(p *Parameter) bool { return p.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	switch {
	case len(unknown) > 0:
		return nil, errorAt(Position{}, "Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	case len(missing) > 0:
		return nil, errorAt(Position{}, "Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	for _, p := range declared {
		if p.SSM() {
			continue // its value is known only when it has been read
		}
		if err := p.Check(values[p.Name]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Check reports whether the text s may be the value of p.
func (p *Parameter) Check(s string) error {
	constraint := func(format string, args ...any) error {
		if p.ConstraintDescription != "" {
			return errorAt(Position{}, "Parameter %s failed to satisfy constraint: %s", p.Name, p.ConstraintDescription)
		}
		return errorAt(Position{}, format, args...)
	}
	if p.Type == "Number" || p.Type == "List<Number>" {
		items := []string{s}
		if p.List() {
			items = strings.Split(s, ",")
		}
		for _, item := range items {
			if err := p.checkNumber(strings.TrimSpace(item), constraint); err != nil {
				return err
			}
		}
	}
	if p.AllowedValues != nil {
		items := []any{s}
		if p.List() {
			items = p.Value(s).([]any)
		}
		for _, item := range items {
			if !slices.Contains(p.AllowedValues, item.(string)) {
				return constraint("Parameter '%s' must be one of AllowedValues", p.Name)
			}
		}
	}
	if n := float64(len([]rune(s))); p.MinLength != nil && n < *p.MinLength {
		return constraint("Parameter '%s' must contain at least %v characters", p.Name, *p.MinLength)
	} else if p.MaxLength != nil && n > *p.MaxLength {
		return constraint("Parameter '%s' must contain at most %v characters", p.Name, *p.MaxLength)
	}
	if p.AllowedPattern != "" {
		re, err := regexp.Compile(`^(?:` + p.AllowedPattern + `)$`)
		if err != nil {
			return nil // AWS: patterns are Java's; what Go cannot read (look-ahead, ...) is not checked
		}
		if !re.MatchString(s) {
			return constraint("Parameter '%s' must match pattern %s", p.Name, p.AllowedPattern)
		}
	}
	return nil
}

func (p *Parameter) checkNumber(s string, constraint func(string, ...any) error) error {
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil:
		return errorAt(Position{}, "Parameter '%s' must be a number.", p.Name)
	case p.MinValue != nil && f < *p.MinValue:
		return constraint("Parameter '%s' must be a number not less than %v", p.Name, *p.MinValue)
	case p.MaxValue != nil && f > *p.MaxValue:
		return constraint("Parameter '%s' must be a number not greater than %v", p.Name, *p.MaxValue)
	}
	return nil
}
