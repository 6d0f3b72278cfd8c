package expr

import "sync"

// cached is how many distinct expressions of a language are kept. When there are more, all are forgotten: programs that
// write values into their expressions gain nothing from a cache, and must not pay for one.
const cached = 512

type cache[T any] struct {
	mu     sync.RWMutex // guards parsed
	parsed map[string]T
}

func (c *cache[T]) get(src string, parse func(string) T) T {
	c.mu.RLock()
	t, ok := c.parsed[src]
	c.mu.RUnlock()
	if ok {
		return t
	}
	t = parse(src)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil || len(c.parsed) >= cached {
		c.parsed = make(map[string]T)
	}
	c.parsed[src] = t
	return t
}

// A Cache keeps parsed expressions. They depend on nothing but their text, so one cache serves all requests; its zero value is
// ready, and a nil Cache keeps nothing.
type Cache struct {
	conditions  cache[*condition]
	projections cache[*projection]
	updates     cache[*update]
}

func (c *Cache) condition(src string) *condition {
	if c == nil {
		return parseCondition(src)
	}
	return c.conditions.get(src, parseCondition)
}

func (c *Cache) projection(src string) *projection {
	if c == nil {
		return parseProjection(src)
	}
	return c.projections.get(src, parseProjection)
}

func (c *Cache) update(src string) *update {
	if c == nil {
		return parseUpdate(src)
	}
	return c.updates.get(src, parseUpdate)
}
