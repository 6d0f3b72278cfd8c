package jsonpath

import (
	"maps"
	"sync/atomic"
)

// maxCached bounds a Cache: a template may build paths of what clients send.
const maxCached = 64

// A Cache compiles each path once, up to a number of paths. It may be used from many goroutines; the zero Cache is empty.
type Cache struct {
	paths atomic.Pointer[map[string]*Path]
}

// Compile is Compile that remembers.
func (c *Cache) Compile(source string) (*Path, error) {
	known := c.paths.Load()
	if known != nil {
		if p := (*known)[source]; p != nil {
			return p, nil
		}
	}
	p, err := Compile(source)
	if err != nil || known != nil && len(*known) >= maxCached {
		return p, err
	}
	more := map[string]*Path{source: p}
	if known != nil {
		maps.Copy(more, *known)
	}
	c.paths.CompareAndSwap(known, &more) // another goroutine that won will be found next time
	return p, nil
}
