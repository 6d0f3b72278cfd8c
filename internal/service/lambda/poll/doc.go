// Package poll reads queues and streams, and gives what it reads to a function in batches: the pollers behind Lambda's event source
// mappings.
//
//   - poll.go: what a poller stands on, and what a function makes of a batch.
//   - filter.go: which records the function wants.
//   - queue.go: SQS. Messages are deleted when the function has taken them; those of a batch that failed are seen again.
//   - stream.go: a stream of DynamoDB. A shard is read in order, from where its checkpoint says; a batch that fails is tried again, and
//     those behind it wait. records.go is what batches and the report of those that were given up look like.
//
// Which mappings there are, and who polls them, is the business of package lambda. Not here: Kinesis, Kafka, MQ, DocumentDB; tumbling
// windows; several batches of one shard at a time.
package poll
