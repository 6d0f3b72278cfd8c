package eventpattern

// maxSteps bounds the search for objects in arrays that please a whole pattern.
const maxSteps = 100_000

// Match tells whether the event is wanted.
func (p *Pattern) Match(e *Event) bool {
	for _, a := range p.alternatives {
		if matchAll(a, e) {
			return true
		}
	}
	return false
}

// matchAll tells whether each leaf is pleased by some field, such that fields in one array are in the same item of it.
func matchAll(leaves []leaf, e *Event) bool {
	var open [][][]place // for each leaf whose fields are all in arrays: where they are
	for _, l := range leaves {
		fields := e.fields[l.path]
		if l.absent && len(fields) == 0 {
			continue
		}
		candidates, free := l.candidates(fields)
		if free {
			continue
		}
		if len(candidates) == 0 {
			return false
		}
		open = append(open, candidates)
	}
	steps := 0
	return choose(open, map[int]int{}, &steps)
}

// candidates returns the places of the fields that please l; free says that one is in no array, so that any choice goes with it.
func (l leaf) candidates(fields []field) (at [][]place, free bool) {
	for _, f := range fields {
		for _, m := range l.matchers {
			if m(f.scalar) {
				if len(f.in) == 0 {
					return nil, true
				}
				at = append(at, f.in)
				break
			}
		}
	}
	return at, false
}

// choose picks one candidate of each leaf so that they agree with chosen: the item of each array.
func choose(open [][][]place, chosen map[int]int, steps *int) bool {
	if len(open) == 0 {
		return true
	}
next:
	for _, at := range open[0] {
		if *steps++; *steps > maxSteps {
			return false
		}
		var added []int
		for _, p := range at {
			if item, ok := chosen[p.array]; !ok {
				chosen[p.array] = p.item
				added = append(added, p.array)
			} else if item != p.item {
				for _, a := range added {
					delete(chosen, a)
				}
				continue next
			}
		}
		if choose(open[1:], chosen, steps) {
			return true
		}
		for _, a := range added {
			delete(chosen, a)
		}
	}
	return false
}
