package lambda

import (
	"encoding/base64"
	"sort"
)

// pageSize is the most that a list answers at once.
const pageSize = 50

// An item is one of a list, with the key that it is sorted by.
type item[T any] struct {
	key   string
	value T
}

// paginate cuts a page out of a list that is sorted by keys. The marker names the last item of the page before, so that nothing is
// left out when items are deleted between pages.
func paginate[T any](all []item[T], marker *string, maxItems *int64) (page []T, next *string, err error) {
	from := 0
	if m := deref(marker); m != "" {
		last, err := base64.RawURLEncoding.DecodeString(m)
		if err != nil {
			return nil, nil, errInvalid("Invalid Marker")
		}
		from = sort.Search(len(all), func(i int) bool { return all[i].key > string(last) })
	}
	size := pageSize
	if n := deref(maxItems); n > 0 && n < pageSize {
		size = int(n)
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = new(base64.RawURLEncoding.EncodeToString([]byte(all[to-1].key)))
	}
	page = []T{}
	for _, i := range all[from:to] {
		page = append(page, i.value)
	}
	return page, next, nil
}
