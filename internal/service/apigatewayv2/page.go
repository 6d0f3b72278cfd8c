package apigatewayv2

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
)

// Sizes of pages. AWS does not say what they are.
const (
	defaultPage = 100
	largestPage = 500
)

// page returns the part of items, which are in order of creation, that a request asks for, and the token of the next
// one. A token names the last item that was given, so that items that come and go meanwhile shift nothing.
func page[T any](items []T, at func(T) (created time.Time, id string), maxResults, nextToken *string) ([]T, *string, error) {
	size := defaultPage
	if maxResults != nil {
		n, err := strconv.Atoi(*maxResults)
		if err != nil || n <= 0 {
			return nil, nil, apigateway.BadRequest("Invalid value for maxResults specified: %s", *maxResults)
		}
		size = min(n, largestPage)
	}
	position := func(item T) string {
		created, id := at(item)
		return fmt.Sprintf("%020d/%s", created.UnixNano(), id)
	}
	if nextToken != nil && *nextToken != "" {
		after, err := base64.RawURLEncoding.DecodeString(*nextToken)
		if err != nil || len(after) < 21 || after[20] != '/' {
			return nil, nil, apigateway.BadRequest("Invalid token")
		}
		for len(items) > 0 && position(items[0]) <= string(after) {
			items = items[1:]
		}
	}
	if len(items) <= size {
		return items, nil, nil
	}
	items = items[:size]
	return items, new(base64.RawURLEncoding.EncodeToString([]byte(position(items[size-1])))), nil
}

// list shows a page of the parts of an API.
func list[M, Out any](parts []*M, at func(*M) (time.Time, string), show func(*M) *Out, maxResults, nextToken *string) ([]*Out, *string, error) {
	parts, next, err := page(parts, at, maxResults, nextToken)
	if err != nil {
		return nil, nil, err
	}
	out := make([]*Out, len(parts))
	for i, m := range parts {
		out[i] = show(m)
	}
	return out, next, nil
}
