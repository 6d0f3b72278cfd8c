package events

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
)

// A place is the account and region that a thing lives in.
type place struct{ Account, Region string }

func placeOf(ctx context.Context) place {
	c := awsapi.CallerOf(ctx)
	return place{c.Account, c.Region}
}

// key is that of a document: names may have slashes, so they are escaped.
func (p place) key(kind string, names ...string) string {
	k := kind + "/" + p.Account + "/" + p.Region + "/"
	for i, n := range names {
		if i > 0 {
			k += "/"
		}
		k += url.PathEscape(n)
	}
	return k
}

func (p place) arn(resource string) string {
	return arn.New("events", p.Region, p.Account, resource).String()
}

const defaultBus = "default"

// A busRef names a bus.
type busRef struct {
	place
	name string
}

func (b busRef) arn() string { return b.place.arn("event-bus/" + b.name) }
func (b busRef) key() string { return b.place.key("bus", b.name) }

// rulesPrefix is what the keys of the bus's rules begin with.
func (b busRef) rulesPrefix() string { return b.place.key("rule", b.name) + "/" }

func (b busRef) ruleKey(name string) string { return b.place.key("rule", b.name, name) }

func (b busRef) ruleARN(name string) string {
	if b.name == defaultBus {
		return b.place.arn("rule/" + name)
	}
	return b.place.arn("rule/" + b.name + "/" + name)
}

// busNamed reads a name or an ARN; nil is the default bus.
func busNamed(ctx context.Context, text *string) busRef {
	b := busRef{placeOf(ctx), value(text)}
	if b.name == "" {
		b.name = defaultBus
	}
	if a, err := arn.Parse(b.name); err == nil {
		b.Account, b.Region = a.Account, a.Region
		b.name = strings.TrimPrefix(a.Resource, "event-bus/")
	}
	return b
}

// page returns the items, sorted by name, that a request asks for. A token is the name of the last item given.
func page[T any](items []T, name func(T) string, limit *int64, token *string) ([]T, *string, error) {
	size := 100
	if limit != nil {
		size = int(*limit)
	}
	if token != nil {
		after, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, invalid("Parameter NextToken is not valid.")
		}
		for len(items) > 0 && name(items[0]) <= string(after) {
			items = items[1:]
		}
	}
	if len(items) <= size {
		return items, nil, nil
	}
	return items[:size], new(base64.RawURLEncoding.EncodeToString([]byte(name(items[size-1])))), nil
}
