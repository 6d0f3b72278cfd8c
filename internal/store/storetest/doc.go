// Package storetest holds implementations of package store to its contract: Run tries every promise, and Agree lets
// two implementations do the same random operations. documents.go, watch.go and blobs.go follow the contract's parts.
package storetest
