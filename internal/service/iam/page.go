package iam

import (
	"encoding/base64"
	"slices"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// page cuts a sorted list to the size asked for. The marker is the name of the last item of the page before.
func page[T any](items []T, name func(T) string, marker *string, maxItems *int64) (part []T, more *bool, next *string, err error) {
	size := 100
	if maxItems != nil {
		size = int(*maxItems)
	}
	if marker != nil {
		last, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return nil, nil, nil, awsapi.Errorf("InvalidMarker", 400, "The pagination token is not valid.")
		}
		i, found := slices.BinarySearchFunc(items, string(last), func(item T, last string) int { return compare(name(item), last) })
		if found {
			i++
		}
		items = items[i:]
	}
	if len(items) <= size {
		return nonNil(items), new(false), nil, nil
	}
	items = items[:size]
	return items, new(true), new(base64.RawURLEncoding.EncodeToString([]byte(name(items[size-1])))), nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// nonNil makes an empty list one that is written.
func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
