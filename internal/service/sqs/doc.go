// Package sqs is Amazon SQS: standard and FIFO queues, visibility, long polling, dead-letter queues, batches.
//
// sqs.go is the service; names.go knows URLs and ARNs; queues.go and attributes.go are the operations on queues; send.go,
// receive.go and settle.go those on messages, with batch.go for ten at a time; checksum.go is what SDKs verify; policy.go says which
// services may send; resources.go is CloudFormation. Package box keeps the messages.
//
// Not here: message move tasks, encryption with keys of one's own (attributes are kept), the rates of FIFO queues, fair queues.
package sqs
