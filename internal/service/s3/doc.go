// Package s3 is as much of Amazon S3 as deploying needs: buckets and objects, for aws cloudformation package, SAM, CDK, the
// Serverless Framework, and for functions that read and write objects.
//
// Bodies are streamed, so S3 does not go through the protocol layer of other services: Handler (handler.go) finds bucket
// and key (address.go), verifies the signature, and picks the operation. buckets.go and config.go are about buckets,
// read.go, write.go and delete.go about objects, list.go about many of them, multipart.go about large ones. A body passes
// chunked.go, which takes AWS's own chunks apart, and checksum.go. documents.go lays out what is stored.
//
// Calls (call.go) makes the same requests inside the process, for state machines.
//
// What configures a bucket (policies, lifecycle, encryption, …) is stored and told, but has no effect, but for versioning.
// Not here: access control lists, browser form uploads, Select, object lock, replication, websites, access points.
package s3
