package nats

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Keys become subjects: the parts between slashes become tokens, so that a prefix that ends in a slash is a
// wildcard. Bytes that a subject cannot carry, and the percent sign, are written %XX; an empty part is "%".
// A key whose subject would be long keeps its first parts and ends in "%h" and a hash; the key itself then
// stands in a header.
const (
	maxSubject = 240 // longest subject that spells out its key
	maxParts   = 120 // longest beginning that a hashed subject keeps
	hashMark   = "%h"
)

// subjectOf returns the subject of key, without what all subjects of a store begin with. Hashed means that
// it does not say the key.
func subjectOf(key string) (subject string, hashed bool) {
	var b strings.Builder
	for i, part := range strings.Split(key, "/") {
		if i > 0 {
			b.WriteByte('.')
		}
		writeToken(&b, part)
		if b.Len() > maxSubject {
			sum := sha256.Sum256([]byte(key))
			return leading(key) + hashMark + hex.EncodeToString(sum[:]), true
		}
	}
	return b.String(), false
}

// filterOf returns a wildcard for the subjects of keys that begin with prefix; it may match others too.
func filterOf(prefix string) string { return leading(prefix) + ">" }

// leading returns the tokens of all complete parts of key that fit maxParts, each with its dot.
func leading(key string) string {
	var b strings.Builder
	for {
		part, rest, more := strings.Cut(key, "/")
		if !more {
			return b.String()
		}
		before := b.Len()
		writeToken(&b, part)
		if b.Len() >= maxParts {
			return b.String()[:before]
		}
		b.WriteByte('.')
		key = rest
	}
}

func writeToken(b *strings.Builder, part string) {
	if part == "" {
		b.WriteByte('%')
		return
	}
	const digits = "0123456789ABCDEF"
	for i := range len(part) {
		c := part[i]
		if plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
}

func plain(c byte) bool {
	return c > ' ' && c < 0x7f && c != '.' && c != '*' && c != '>' && c != '%'
}

var errSubject = errors.New("not the subject of a key")

// keyOf is the inverse of subjectOf, for subjects that are not hashed.
func keyOf(subject string) (string, error) {
	var b strings.Builder
	for i, token := range strings.Split(subject, ".") {
		if i > 0 {
			b.WriteByte('/')
		}
		if token == "%" {
			continue
		}
		if token == "" {
			return "", fmt.Errorf("%q: %w", subject, errSubject)
		}
		for {
			before, rest, escaped := strings.Cut(token, "%")
			b.WriteString(before)
			if !escaped {
				break
			}
			if len(rest) < 2 {
				return "", fmt.Errorf("%q: %w", subject, errSubject)
			}
			c, err := hex.DecodeString(rest[:2])
			if err != nil {
				return "", fmt.Errorf("%q: %w", subject, errSubject)
			}
			b.Write(c)
			token = rest[2:]
		}
	}
	return b.String(), nil
}
