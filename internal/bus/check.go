package bus

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

var (
	validSubject = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	validPattern = regexp.MustCompile(`^((\*|[A-Za-z0-9_-]+)\.)*(\*|>|[A-Za-z0-9_-]+)$`)
	validQueue   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
)

// CheckSubject returns an error if nothing can be published on subject. Implementations call it.
func CheckSubject(subject string) error {
	if !validSubject.MatchString(subject) {
		return fmt.Errorf("bus: invalid subject %q: want tokens of A-Z a-z 0-9 _ - joined by dots", subject)
	}
	return nil
}

// CheckPattern returns an error if nobody can subscribe to pattern, which may have wildcards.
func CheckPattern(pattern string) error {
	if !validPattern.MatchString(pattern) {
		return fmt.Errorf("bus: invalid subscription %q: want tokens of A-Z a-z 0-9 _ - or * joined by dots, and > at the end", pattern)
	}
	return nil
}

// CheckQueue returns an error if name is no name for a queue.
func CheckQueue(name string) error {
	if !validQueue.MatchString(name) {
		return fmt.Errorf("bus: invalid queue %q: want 1 to 128 of A-Z a-z 0-9 _ -", name)
	}
	return nil
}

// RetryDelay is how long a job waits after f returned err.
func RetryDelay(err error) time.Duration {
	if retry, ok := errors.AsType[*Retry](err); ok {
		return max(0, retry.After)
	}
	return time.Second
}
