// Package bustest holds implementations of package bus to its contract. messages.go tries what is carried, queue.go
// what is kept.
package bustest
