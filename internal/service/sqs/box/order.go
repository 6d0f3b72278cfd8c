package box

import (
	"container/heap"
	"slices"
)

// The order says which message comes next. Its heaps may hold what has changed since; whoever takes something from them looks again.
type order struct {
	fifo   bool
	ready  byRev  // entries that can be received; of a FIFO queue one per group
	hidden byTime // entries that come back
	groups map[string]*group
}

// A group is the messages of a FIFO queue that must come one after the other, oldest first.
type group struct{ entries []*entry }

func (o *order) add(en *entry) {
	if !o.fifo {
		return
	}
	g := o.groups[en.group]
	if g == nil {
		g = &group{}
		o.groups[en.group] = g
	}
	at := len(g.entries)
	for at > 0 && g.entries[at-1].rev > en.rev {
		at--
	}
	g.entries = slices.Insert(g.entries, at, en)
}

// remove takes out an entry and returns the one that has become the first of its group.
func (o *order) remove(en *entry) *entry {
	g := o.groups[en.group]
	if !o.fifo || g == nil {
		return nil
	}
	i := slices.Index(g.entries, en)
	if i < 0 {
		return nil
	}
	g.entries = slices.Delete(g.entries, i, i+1)
	if len(g.entries) == 0 {
		delete(o.groups, en.group)
		return nil
	}
	if i == 0 {
		return g.entries[0]
	}
	return nil
}

// place puts an entry into the heap where it will be looked for, and tells whether it can be received now.
func (o *order) place(en *entry, now int64) bool {
	switch {
	case en.gone || en.busy:
		return false
	case en.visible > now:
		heap.Push(&o.hidden, timed{en, en.visible})
		return false
	case o.fifo && o.groups[en.group].entries[0] != en:
		return false // it waits for the first of its group
	}
	heap.Push(&o.ready, en)
	return true
}

// next takes the entries that come next, at most max. They are busy until they are placed again.
func (o *order) next(max int, now int64) []*entry {
	for len(o.hidden) > 0 && o.hidden[0].at <= now {
		en := heap.Pop(&o.hidden).(timed).entry
		if en.visible <= now {
			o.place(en, now)
		}
	}
	var taken []*entry
	take := func(en *entry) bool {
		if en.gone || en.busy || en.visible > now {
			return false
		}
		en.busy = true
		taken = append(taken, en)
		return true
	}
	for len(taken) < max && len(o.ready) > 0 {
		en := heap.Pop(&o.ready).(*entry)
		if !o.fifo {
			take(en)
			continue
		}
		g := o.groups[en.group]
		if en.gone || g == nil || g.entries[0] != en {
			continue
		}
		for _, one := range g.entries {
			if len(taken) == max || !take(one) {
				break
			}
		}
	}
	return taken
}

// wake returns when the next hidden entry comes back; false if none does.
func (o *order) wake() (int64, bool) {
	for len(o.hidden) > 0 {
		if h := o.hidden[0]; !h.entry.gone && h.at == h.entry.visible {
			return h.at, true
		}
		heap.Pop(&o.hidden)
	}
	return 0, false
}

type timed struct {
	entry *entry
	at    int64
}

type byTime []timed

func (h byTime) Len() int           { return len(h) }
func (h byTime) Less(i, j int) bool { return h[i].at < h[j].at }
func (h byTime) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byTime) Push(x any)        { *h = append(*h, x.(timed)) }
func (h *byTime) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

type byRev []*entry

func (h byRev) Len() int           { return len(h) }
func (h byRev) Less(i, j int) bool { return h[i].rev < h[j].rev }
func (h byRev) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byRev) Push(x any)        { *h = append(*h, x.(*entry)) }
func (h *byRev) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return x
}
