// Package nats keeps the contract of package store in JetStream, the engine of everybody but tests.
//
// A store is a stream with one subject per document, and a document's revision is its message's sequence. The
// server keeps only the newest message of a subject, and checks conditions by the expected last sequence of a
// subject; several writes of one Apply are one atomic batch. A removal is a message without a document (a tombstone),
// which the server drops after an hour: watchers that were cut off for less have seen it by then.
//
// stores.go opens streams, subject.go maps keys to subjects, apply.go writes, read.go reads, watch.go follows
// changes, blobs.go keeps large byte strings as chunks in a store, errors.go maps what the server says.
// disk.go knows what is durable, for engines whose writers share the way to the disk.
//
// With several replicas, Get asks the leader; List and Watch may begin on a replica that is some milliseconds behind.
package nats
