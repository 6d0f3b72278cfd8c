package events

import (
	"log/slog"
	"strings"
	"sync"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/eventpattern"
	"github.com/sallyport/sallyport/internal/service/events/transform"
)

// The index is every rule and archive made ready for events, by bus.
type index struct {
	mu       sync.RWMutex                       // guards both
	rules    map[string]map[string]*readyRule   // by the bus's rulesPrefix and the rule's key
	archives map[string]map[string]readyArchive // by the bus's key and the archive's
}

// A readyRule is a rule, compiled.
type readyRule struct {
	*rule
	pattern *eventpattern.Pattern // nil: no event matches
	inputs  map[string]input      // by target id
}

type readyArchive struct {
	*archive
	pattern *eventpattern.Pattern // nil: all events match
}

// An input makes of an event what a target gets.
type input struct {
	constant []byte
	path     transform.Path
	template *transform.Template
}

func (x *index) init() {
	x.rules = map[string]map[string]*readyRule{}
	x.archives = map[string]map[string]readyArchive{}
}

// takeRule returns what is told of every rule that changes.
func (x *index) takeRule(log *slog.Logger) func(string, *rule) {
	return func(key string, r *rule) {
		bus := key[:strings.LastIndexByte(key, '/')+1]
		var ready *readyRule
		if r != nil {
			ready = &readyRule{rule: r, inputs: map[string]input{}}
			if r.Pattern != "" {
				p, err := eventpattern.Parse(r.Pattern)
				if err != nil {
					log.Error("a rule's pattern cannot be read; it matches nothing", "rule", r.arn(), "err", err)
				}
				ready.pattern = p
			}
			for _, t := range r.Targets {
				in, err := newInput(t)
				if err != nil {
					log.Error("a target's input cannot be read; it gets the event", "rule", r.arn(), "target", *t.Id, "err", err)
				}
				ready.inputs[*t.Id] = in
			}
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if ready == nil {
			delete(x.rules[bus], key)
			return
		}
		if x.rules[bus] == nil {
			x.rules[bus] = map[string]*readyRule{}
		}
		x.rules[bus][key] = ready
	}
}

func newInput(t *shapes.Target) (in input, err error) {
	switch {
	case t.Input != nil:
		in.constant = []byte(*t.Input)
	case t.InputPath != nil:
		in.path, err = transform.ParsePath(*t.InputPath)
	case t.InputTransformer != nil:
		in.template, err = transform.NewTemplate(t.InputTransformer.InputPathsMap, value(t.InputTransformer.InputTemplate))
	}
	return in, err
}

// of returns the payload for a target.
func (in input) of(event []byte, c transform.Context) []byte {
	switch {
	case in.constant != nil:
		return in.constant
	case in.path != nil:
		if v := in.path.Pick(event); v != nil {
			return v
		}
		return []byte("null")
	case in.template != nil:
		return in.template.Fill(event, c)
	}
	return event
}

func (x *index) takeArchive(log *slog.Logger) func(string, *archive) {
	return func(key string, a *archive) {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, of := range x.archives {
			delete(of, key)
		}
		if a == nil {
			return
		}
		ready := readyArchive{archive: a}
		if a.Pattern != "" {
			p, err := eventpattern.Parse(a.Pattern)
			if err != nil {
				log.Error("an archive's pattern cannot be read; it keeps nothing", "archive", a.Name, "err", err)
				return
			}
			ready.pattern = p
		}
		bus := busRef{a.Place, a.Bus}.key()
		if x.archives[bus] == nil {
			x.archives[bus] = map[string]readyArchive{}
		}
		x.archives[bus][key] = ready
	}
}

// rule returns a rule that is there now, or nil.
func (x *index) rule(b busRef, name string) *readyRule {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.rules[b.rulesPrefix()][b.ruleKey(name)]
}

// match returns where an event goes: to the targets of rules, and into archives. Rules that are not in only are left out,
// if only is not empty.
func (x *index) match(b busRef, event []byte, only []string) ([]goal, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	rules, archives := x.rules[b.rulesPrefix()], x.archives[b.key()]
	if len(rules) == 0 && len(archives) == 0 {
		return nil, nil
	}
	e, err := eventpattern.ParseEvent(event)
	if err != nil {
		return nil, err
	}
	var goals []goal
	for _, r := range rules {
		if r.pattern == nil || !r.active() || len(only) > 0 && !contains(only, r.arn()) || !r.pattern.Match(e) {
			continue
		}
		for _, t := range r.Targets {
			goals = append(goals, goal{Rule: r.Name, Target: *t.Id})
		}
	}
	if len(only) > 0 || e.Has("replay-name") { // AWS: what is replayed is not kept again
		return goals, nil
	}
	for _, a := range archives {
		if a.pattern == nil || a.pattern.Match(e) {
			goals = append(goals, goal{Archive: a.Name})
		}
	}
	return goals, nil
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
