package template

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// call evaluates one function.
func (e *Evaluation) call(fn string, arg any) (any, error) {
	switch fn {
	case "Ref":
		return e.ref(arg)
	case "Fn::GetAtt":
		return e.getAtt(arg)
	case "Fn::Sub":
		return e.sub(arg)
	case "Fn::If":
		return e.branch(arg)
	case "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		return e.decide(map[string]any{fn: arg}, nil)
	case "Fn::FindInMap":
		return e.findInMap(arg)
	case "Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll":
		return []any{}, nil // they ask for attributes of EC2's things, which there are none of
	case "Fn::Transform":
		return nil, errorAt(Position{}, "Template error: Fn::Transform is only supported for AWS::Include")
	}
	v, err := e.resolve(arg)
	if err != nil || v == unknown {
		return v, err
	}
	switch fn {
	case "Fn::Join":
		return e.join(v)
	case "Fn::Select":
		return e.selectOne(v)
	case "Fn::Split":
		return e.split(v)
	case "Fn::Base64":
		s, ok := scalarText(v)
		if !ok {
			return nil, errorAt(Position{}, "%s", errBase64)
		}
		return base64.StdEncoding.EncodeToString([]byte(s)), nil
	case "Fn::ImportValue":
		return e.importValue(v)
	case "Fn::GetAZs":
		s, ok := scalarText(v)
		if !ok {
			return nil, errorAt(Position{}, "%s", errGetAZs)
		}
		if s == "" {
			s = e.env.Region
		}
		return []any{s + "a", s + "b", s + "c"}, nil
	case "Fn::Cidr":
		return e.cidr(v)
	case "Fn::ToJsonString":
		return toJSON(v)
	case "Fn::Length":
		list, ok := v.([]any)
		if !ok {
			return nil, errorAt(Position{}, "Template error: every Fn::Length object requires a list")
		}
		return json.Number(strconv.Itoa(len(list))), nil
	}
	return nil, errorAt(Position{}, "Template error: unknown function %s", fn)
}

func (e *Evaluation) ref(arg any) (any, error) {
	name, ok := arg.(string)
	if !ok {
		return nil, errorAt(Position{}, "%s", errRef)
	}
	if v, ok := e.env.Parameters[name]; ok {
		return v, nil
	}
	if v, ok := e.env.pseudo(name); ok {
		return v, nil
	}
	if e.Resources[name] == nil {
		return nil, errorAt(Position{}, "Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", name)
	}
	if e.env.Ref == nil {
		return unknown, nil
	}
	return e.env.Ref(name), nil
}

func (e *Evaluation) getAtt(arg any) (any, error) {
	id, a, ok := getAttArgs(arg)
	if !ok {
		return nil, errorAt(Position{}, "%s", errGetAtt)
	}
	a, err := e.resolve(a)
	if err != nil {
		return nil, err
	}
	attr, ok := scalarText(a)
	if !ok || attr == "" {
		return nil, errorAt(Position{}, "%s", errGetAtt)
	}
	if e.Resources[id] == nil {
		return nil, errorAt(Position{}, "Template error: instance of Fn::GetAtt references undefined resource %s", id)
	}
	if e.env.GetAtt == nil {
		return unknown, nil
	}
	return e.env.GetAtt(id, attr)
}

func (e *Evaluation) sub(arg any) (any, error) {
	s, vars, ok := subArgs(arg)
	if !ok {
		return nil, errorAt(Position{}, "%s", errSub)
	}
	var b strings.Builder
	isUnknown := false
	for _, p := range subParts(s) {
		if !p.variable {
			b.WriteString(p.text)
			continue
		}
		v, err := e.subVariable(p.text, vars)
		if err != nil {
			return nil, err
		}
		if v == unknown {
			isUnknown = true
			continue
		}
		t, ok := outputText(v)
		if !ok {
			return nil, errorAt(Position{}, "Template error: Fn::Sub: the value of ${%s} is not a string", p.text)
		}
		b.WriteString(t)
	}
	if isUnknown {
		return unknown, nil
	}
	return b.String(), nil
}

func (e *Evaluation) subVariable(name string, vars map[string]any) (any, error) {
	var v any
	var err error
	if def, own := vars[name]; own {
		v, err = e.resolve(def)
	} else if id, attr, dotted := strings.Cut(name, "."); dotted {
		v, err = e.getAtt([]any{id, attr})
	} else {
		v, err = e.ref(name)
	}
	if err == nil && isNoValue(v) {
		return "", nil
	}
	return v, err
}

func isNoValue(v any) bool {
	_, ok := v.(noValue)
	return ok
}

func (e *Evaluation) branch(arg any) (any, error) {
	list, _ := arg.([]any)
	if len(list) != 3 {
		return nil, errorAt(Position{}, "%s", errIf)
	}
	name, _ := list[0].(string)
	holds, known := e.conditions[name]
	if !known {
		return nil, errorAt(Position{}, "Template error: unresolved condition dependency %s in Fn::If", name)
	}
	if holds {
		return e.resolve(list[1])
	}
	return e.resolve(list[2])
}

func (e *Evaluation) findInMap(arg any) (any, error) {
	list, _ := arg.([]any)
	if len(list) != 3 && len(list) != 4 {
		return nil, errorAt(Position{}, "%s", errFindInMap)
	}
	keys := make([]string, 3)
	for i := range keys {
		v, err := e.resolve(list[i])
		if err != nil || v == unknown {
			return v, err
		}
		var ok bool
		if keys[i], ok = scalarText(v); !ok {
			return nil, errorAt(Position{}, "%s", errFindInMap)
		}
	}
	var v any = e.Mappings
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	if v != nil {
		return v, nil
	}
	if len(list) == 4 {
		if options, ok := list[3].(map[string]any); ok {
			if d, has := options["DefaultValue"]; has {
				return e.resolve(d)
			}
		}
	}
	if _, ok := e.Mappings[keys[0]]; !ok {
		return nil, errorAt(Position{}, "Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", keys[0])
	}
	return nil, errorAt(Position{}, "Template error: Unable to get mapping for %s", strings.Join(keys, "::"))
}

func (e *Evaluation) join(v any) (any, error) {
	args, _ := v.([]any)
	if len(args) != 2 {
		return nil, errorAt(Position{}, "%s", errJoin)
	}
	if args[1] == unknown {
		return unknown, nil
	}
	delimiter, okD := scalarText(args[0])
	list, okL := args[1].([]any)
	if !okD || !okL {
		return nil, errorAt(Position{}, "%s", errJoin)
	}
	parts := make([]string, len(list))
	isUnknown := false
	for i, x := range list {
		if x == unknown {
			isUnknown = true
			continue
		}
		s, ok := outputText(x)
		if !ok {
			return nil, errorAt(Position{}, "%s", errJoin)
		}
		parts[i] = s
	}
	if isUnknown {
		return unknown, nil
	}
	return strings.Join(parts, delimiter), nil
}

func (e *Evaluation) selectOne(v any) (any, error) {
	args, _ := v.([]any)
	if len(args) != 2 {
		return nil, errorAt(Position{}, "%s", errSelect)
	}
	if args[0] == unknown || args[1] == unknown {
		return unknown, nil
	}
	index, okI := scalarText(args[0])
	list, okL := args[1].([]any)
	i, err := strconv.Atoi(index)
	if !okI || !okL || err != nil {
		return nil, errorAt(Position{}, "%s", errSelect)
	}
	if i < 0 || i >= len(list) {
		return nil, errorAt(Position{}, "Template error: Fn::Select cannot select nonexistent value at index %d", i)
	}
	return list[i], nil
}

func (e *Evaluation) split(v any) (any, error) {
	args, _ := v.([]any)
	if len(args) != 2 {
		return nil, errorAt(Position{}, "%s", errSplit)
	}
	if args[1] == unknown {
		return unknown, nil
	}
	delimiter, okD := scalarText(args[0])
	s, okS := scalarText(args[1])
	if !okD || !okS || delimiter == "" {
		return nil, errorAt(Position{}, "%s", errSplit)
	}
	parts := strings.Split(s, delimiter)
	list := make([]any, len(parts))
	for i := range parts {
		list[i] = parts[i]
	}
	return list, nil
}

func (e *Evaluation) importValue(v any) (any, error) {
	name, ok := scalarText(v)
	if !ok {
		return nil, errorAt(Position{}, "%s", errImportValue)
	}
	if e.env.Import == nil {
		return unknown, nil
	}
	return e.env.Import(name)
}

// cidr cuts an address block into count blocks, each with bits bits for hosts.
func (e *Evaluation) cidr(v any) (any, error) {
	args, _ := v.([]any)
	bad := errorAt(Position{}, "%s", errCidr)
	if len(args) != 2 && len(args) != 3 {
		return nil, bad
	}
	for _, a := range args {
		if a == unknown {
			return unknown, nil
		}
	}
	block, _ := scalarText(args[0])
	prefix, err := netip.ParsePrefix(block)
	countText, _ := scalarText(args[1])
	count, errCount := strconv.Atoi(countText)
	if err != nil || errCount != nil || count < 1 || count > 256 {
		return nil, bad
	}
	size := prefix.Addr().BitLen()
	bits := 8
	if size == 128 {
		bits = 64
	}
	if len(args) == 3 {
		t, _ := scalarText(args[2])
		if bits, err = strconv.Atoi(t); err != nil || bits < 1 || bits > size {
			return nil, bad
		}
	}
	length := size - bits
	if length < prefix.Bits() || length-prefix.Bits() < 30 && count > 1<<(length-prefix.Bits()) {
		return nil, errorAt(Position{}, "Template error: Fn::Cidr: %s does not hold %d blocks of %d bits", block, count, bits)
	}
	start := new(big.Int).SetBytes(prefix.Masked().Addr().AsSlice())
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	list := make([]any, count)
	for i := range list {
		b := start.FillBytes(make([]byte, size/8))
		addr, _ := netip.AddrFromSlice(b)
		list[i] = netip.PrefixFrom(addr, length).String()
		start = new(big.Int).Add(start, step)
	}
	return list, nil
}

// toJSON returns v as compact JSON.
func toJSON(v any) (any, error) {
	if holdsUnknown(v) {
		return unknown, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, errorAt(Position{}, "Template error: Fn::ToJsonString: %v", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func holdsUnknown(v any) bool {
	if v == unknown {
		return true
	}
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if holdsUnknown(x) {
				return true
			}
		}
	case map[string]any:
		for _, x := range v {
			if holdsUnknown(x) {
				return true
			}
		}
	}
	return false
}
