// Package sns is Amazon SNS: topics, and what is published on them delivered to queues, functions and HTTP endpoints.
//
// sns.go is the service; topics.go and subscriptions.go are the operations on both; publish.go takes a message and makes one
// durable job of it; deliver.go gives it to the subscribers, whose forms of it are in message.go; policy.go says which services may
// publish; resources.go is CloudFormation. Filter policies are patterns of package eventpattern.
//
// Not here: SMS, mobile push, and mail: such subscriptions are kept, and nothing is sent. Signatures of messages are not made.
package sns
