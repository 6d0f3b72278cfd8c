// Package mem is the store.Stores that forgets: documents and blobs in the memory of one process, for tests.
//
// store.go holds documents in one ordered tree per store, watch.go tells the watchers, blobs.go keeps byte strings.
// Nothing here is durable, and nothing is shared between processes: store/nats is for that.
package mem
