package nats

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sallyport/sallyport/internal/store"
)

// FuzzSubject holds what the mapping of keys to subjects must keep: subjects that the server takes, keys that come back,
// and filters that match all that has the prefix.
func FuzzSubject(f *testing.F) {
	for _, key := range []string{"", "a/b", "//", "%", "a.b*>", "\x00\xff", strings.Repeat("d/", 60) + "x", strings.Repeat("x", 500)} {
		f.Add(key, len(key)/2)
	}
	f.Fuzz(func(t *testing.T, key string, cut int) {
		if len(key) > store.MaxKey {
			return
		}
		subject, hashed := subjectOf(key)
		if full := "store.x." + subject; !server.IsValidLiteralSubject(full) || len(full) > 512 {
			t.Fatalf("subject %q of %q is not valid", full, key)
		}
		if !hashed {
			if got, err := keyOf(subject); err != nil || got != key {
				t.Fatalf("keyOf(%q) = %q, %v; want %q", subject, got, err, key)
			}
		}
		prefix := key[:max(0, min(cut, len(key)))]
		if filter := filterOf(prefix); !server.SubjectsCollide(filter, subject) {
			t.Fatalf("filter %q of prefix %q does not match %q", filter, prefix, subject)
		}
	})
}

// FuzzKeyOf reads subjects that somebody else may have written.
func FuzzKeyOf(f *testing.F) {
	f.Add("a.%.%2E")
	f.Add("%4")
	f.Fuzz(func(t *testing.T, subject string) {
		if key, err := keyOf(subject); err == nil && len(key) > len(subject) {
			t.Errorf("key %q is longer than its subject %q", key, subject)
		}
	})
}
