package store

import (
	"fmt"
	"regexp"
)

var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// CheckName returns an error if name is no name for a store. Implementations call it in Open.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("store: invalid name %q: want 1 to 128 of A-Z a-z 0-9 _ -", name)
	}
	return nil
}

// CheckWrites returns an error if writes break the limits of Apply. Implementations call it first.
func CheckWrites(writes []Write) error {
	if len(writes) == 0 {
		return fmt.Errorf("store: Apply without writes")
	}
	if len(writes) > MaxBatch {
		return fmt.Errorf("apply %d writes, %d allowed: %w", len(writes), MaxBatch, ErrTooLarge)
	}
	for i, w := range writes {
		if len(w.Key) > MaxKey {
			return fmt.Errorf("key of %d bytes, %d allowed: %w", len(w.Key), MaxKey, ErrTooLarge)
		}
		if !w.Delete && len(w.Data) > MaxDoc {
			return fmt.Errorf("document of %d bytes, %d allowed: %w", len(w.Data), MaxDoc, ErrTooLarge)
		}
		for _, earlier := range writes[:i] {
			if earlier.Key == w.Key {
				return fmt.Errorf("store: key %.100q twice in one Apply", w.Key)
			}
		}
	}
	return nil
}
