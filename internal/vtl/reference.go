package vtl

// A reference is $name with what follows it: ${name}, $!name, $name.property, $name.method(…), $name[index].
type reference struct {
	pos   int
	slot  int
	parts []part
	names []string // of the parts, if all are properties and there is one
}

// A part leads from a value to another: a property, a method if it has a call, or an index.
type part struct {
	name  string
	call  bool
	args  []expr
	index expr
}

// atReference reports whether a reference begins at i. AWS: names begin with a letter.
func (p *parser) atReference(i int) bool {
	if p.byteAt(i) != '$' {
		return false
	}
	if p.byteAt(i+1) == '!' {
		i++
	}
	if p.byteAt(i+1) == '{' {
		i++
	}
	return isLetter(p.byteAt(i + 1))
}

// identifier reads a name. A hyphen belongs to it, but not at its end.
func (p *parser) identifier() string {
	start := p.pos
	for c := p.peek(); isLetter(c) || isDigit(c) || c == '_' || c == '-'; c = p.peek() {
		p.pos++
	}
	for p.s[p.pos-1] == '-' {
		p.pos--
	}
	return p.s[start:p.pos]
}

// reference reads the reference that begins here.
func (p *parser) reference() (*reference, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	r := &reference{pos: p.offset + p.pos}
	start := p.pos
	p.pos++
	if p.peek() == '!' {
		p.pos++
	}
	curly := p.peek() == '{'
	if curly {
		p.pos++
	}
	r.slot = p.slot(p.identifier())
	properties := true
	for {
		part, ok, err := p.part()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		properties = properties && part.index == nil && !part.call
		r.parts = append(r.parts, part)
	}
	if curly {
		if p.peek() != '}' {
			return nil, p.errorf(start, "${ without }")
		}
		p.pos++
	}
	if properties {
		for _, part := range r.parts {
			r.names = append(r.names, part.name)
		}
	}
	return r, nil
}

// part reads .name, .name(…) or [index], if one of them is next.
func (p *parser) part() (part, bool, error) {
	switch {
	case p.peek() == '[':
		p.pos++
		index, err := p.expression()
		if err != nil {
			return part{}, false, err
		}
		p.space()
		if p.peek() != ']' {
			return part{}, false, p.errorf(p.pos, "] expected")
		}
		p.pos++
		return part{index: index}, true, nil
	case p.peek() == '.' && isLetter(p.byteAt(p.pos+1)):
		p.pos++
		it := part{name: p.identifier()}
		if p.peek() != '(' {
			return it, true, nil
		}
		p.pos++
		it.call = true
		var err error
		it.args, err = p.list(')')
		return it, true, err
	}
	return part{}, false, nil
}

// list reads expressions with commas between them, up to the closing sign.
func (p *parser) list(closing byte) ([]expr, error) {
	var out []expr
	p.space()
	if p.peek() == closing {
		p.pos++
		return nil, nil
	}
	for {
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		out = append(out, e)
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case closing:
			p.pos++
			return out, nil
		default:
			return nil, p.errorf(p.pos, "%c or , expected", closing)
		}
	}
}
