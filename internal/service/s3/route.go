package s3

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// What an operation is about.
type target byte

const (
	onAccount target = iota
	onBucket
	onObject
)

// An operation is what S3 does for one kind of request, and the permission that it takes.
type operation struct {
	name   string // AWS's
	on     target
	method string
	query  string // the sub-resource: a parameter that the query must have; "" is none of them all
	header string // that the request must have
	action string // of policies
	do     func(*Service, *request) error
}

// operations are all of S3, in the order in which a request is compared with them. Those that do nothing are refused.
var operations = []operation{
	{"ListBuckets", onAccount, "GET", "", "", "ListAllMyBuckets", (*Service).listBuckets},
	{"ListDirectoryBuckets", onAccount, "GET", "", "", "", nil},
	{"WriteGetObjectResponse", onAccount, "POST", "", "", "", nil},

	{"HeadBucket", onBucket, "HEAD", "", "", "ListBucket", (*Service).headBucket},
	{"CreateBucket", onBucket, "PUT", "", "", "CreateBucket", (*Service).createBucket},
	{"DeleteBucket", onBucket, "DELETE", "", "", "DeleteBucket", (*Service).deleteBucket},
	{"DeleteObjects", onBucket, "POST", "delete", "", "DeleteObject", (*Service).deleteObjects},
	{"GetBucketLocation", onBucket, "GET", "location", "", "GetBucketLocation", (*Service).getBucketLocation},
	{"ListObjectVersions", onBucket, "GET", "versions", "", "ListBucketVersions", (*Service).listVersions},
	{"ListMultipartUploads", onBucket, "GET", "uploads", "", "ListBucketMultipartUploads", (*Service).listUploads},
	{"ListObjectsV2", onBucket, "GET", "list-type", "", "ListBucket", (*Service).listObjects},
	{"ListObjects", onBucket, "GET", "", "", "ListBucket", (*Service).listObjects},

	{"GetBucketVersioning", onBucket, "GET", "versioning", "", "GetBucketVersioning", (*Service).getConfig},
	{"PutBucketVersioning", onBucket, "PUT", "versioning", "", "PutBucketVersioning", (*Service).putConfig},
	{"GetBucketPolicy", onBucket, "GET", "policy", "", "GetBucketPolicy", (*Service).getConfig},
	{"PutBucketPolicy", onBucket, "PUT", "policy", "", "PutBucketPolicy", (*Service).putConfig},
	{"DeleteBucketPolicy", onBucket, "DELETE", "policy", "", "DeleteBucketPolicy", (*Service).deleteConfig},
	{"GetBucketPolicyStatus", onBucket, "GET", "policyStatus", "", "GetBucketPolicyStatus", (*Service).getConfig},
	{"GetPublicAccessBlock", onBucket, "GET", "publicAccessBlock", "", "GetBucketPublicAccessBlock", (*Service).getConfig},
	{"PutPublicAccessBlock", onBucket, "PUT", "publicAccessBlock", "", "PutBucketPublicAccessBlock", (*Service).putConfig},
	{"DeletePublicAccessBlock", onBucket, "DELETE", "publicAccessBlock", "", "PutBucketPublicAccessBlock", (*Service).deleteConfig},
	{"GetBucketLifecycleConfiguration", onBucket, "GET", "lifecycle", "", "GetLifecycleConfiguration", (*Service).getConfig},
	{"PutBucketLifecycleConfiguration", onBucket, "PUT", "lifecycle", "", "PutLifecycleConfiguration", (*Service).putConfig},
	{"DeleteBucketLifecycle", onBucket, "DELETE", "lifecycle", "", "PutLifecycleConfiguration", (*Service).deleteConfig},
	{"GetBucketTagging", onBucket, "GET", "tagging", "", "GetBucketTagging", (*Service).getConfig},
	{"PutBucketTagging", onBucket, "PUT", "tagging", "", "PutBucketTagging", (*Service).putConfig},
	{"DeleteBucketTagging", onBucket, "DELETE", "tagging", "", "PutBucketTagging", (*Service).deleteConfig},
	{"GetBucketOwnershipControls", onBucket, "GET", "ownershipControls", "", "GetBucketOwnershipControls", (*Service).getConfig},
	{"PutBucketOwnershipControls", onBucket, "PUT", "ownershipControls", "", "PutBucketOwnershipControls", (*Service).putConfig},
	{"DeleteBucketOwnershipControls", onBucket, "DELETE", "ownershipControls", "", "PutBucketOwnershipControls", (*Service).deleteConfig},
	{"GetBucketCors", onBucket, "GET", "cors", "", "GetBucketCORS", (*Service).getConfig},
	{"PutBucketCors", onBucket, "PUT", "cors", "", "PutBucketCORS", (*Service).putConfig},
	{"DeleteBucketCors", onBucket, "DELETE", "cors", "", "PutBucketCORS", (*Service).deleteConfig},
	{"GetBucketWebsite", onBucket, "GET", "website", "", "GetBucketWebsite", (*Service).getConfig},
	{"PutBucketWebsite", onBucket, "PUT", "website", "", "PutBucketWebsite", (*Service).putConfig},
	{"DeleteBucketWebsite", onBucket, "DELETE", "website", "", "DeleteBucketWebsite", (*Service).deleteConfig},
	{"GetBucketReplication", onBucket, "GET", "replication", "", "GetReplicationConfiguration", (*Service).getConfig},
	{"PutBucketReplication", onBucket, "PUT", "replication", "", "PutReplicationConfiguration", (*Service).putConfig},
	{"DeleteBucketReplication", onBucket, "DELETE", "replication", "", "PutReplicationConfiguration", (*Service).deleteConfig},
	{"GetObjectLockConfiguration", onBucket, "GET", "object-lock", "", "GetBucketObjectLockConfiguration", (*Service).getConfig},
	{"PutObjectLockConfiguration", onBucket, "PUT", "object-lock", "", "PutBucketObjectLockConfiguration", (*Service).putConfig},
	{"GetBucketNotificationConfiguration", onBucket, "GET", "notification", "", "GetBucketNotification", (*Service).getConfig},
	{"PutBucketNotificationConfiguration", onBucket, "PUT", "notification", "", "PutBucketNotification", (*Service).putConfig},
	{"GetBucketLogging", onBucket, "GET", "logging", "", "GetBucketLogging", (*Service).getConfig},
	{"PutBucketLogging", onBucket, "PUT", "logging", "", "PutBucketLogging", (*Service).putConfig},
	{"GetBucketAccelerateConfiguration", onBucket, "GET", "accelerate", "", "GetAccelerateConfiguration", (*Service).getConfig},
	{"PutBucketAccelerateConfiguration", onBucket, "PUT", "accelerate", "", "PutAccelerateConfiguration", (*Service).putConfig},
	{"GetBucketRequestPayment", onBucket, "GET", "requestPayment", "", "GetBucketRequestPayment", (*Service).getConfig},
	{"PutBucketRequestPayment", onBucket, "PUT", "requestPayment", "", "PutBucketRequestPayment", (*Service).putConfig},
	{"GetBucketEncryption", onBucket, "GET", "encryption", "", "GetEncryptionConfiguration", (*Service).getConfig},
	{"PutBucketEncryption", onBucket, "PUT", "encryption", "", "PutEncryptionConfiguration", (*Service).putConfig},
	{"DeleteBucketEncryption", onBucket, "DELETE", "encryption", "", "PutEncryptionConfiguration", (*Service).deleteConfig},
	{"GetBucketAcl", onBucket, "GET", "acl", "", "GetBucketAcl", (*Service).getACL},
	{"PutBucketAcl", onBucket, "PUT", "acl", "", "PutBucketAcl", (*Service).putACL},

	{"CreateSession", onBucket, "GET", "session", "", "", nil},
	{"GetBucketAbac", onBucket, "GET", "abac", "", "", nil},
	{"PutBucketAbac", onBucket, "PUT", "abac", "", "", nil},
	{"GetBucketAnalyticsConfiguration", onBucket, "GET", "analytics", "", "", nil},
	{"ListBucketAnalyticsConfigurations", onBucket, "GET", "analytics", "", "", nil},
	{"PutBucketAnalyticsConfiguration", onBucket, "PUT", "analytics", "", "", nil},
	{"DeleteBucketAnalyticsConfiguration", onBucket, "DELETE", "analytics", "", "", nil},
	{"GetBucketIntelligentTieringConfiguration", onBucket, "GET", "intelligent-tiering", "", "", nil},
	{"ListBucketIntelligentTieringConfigurations", onBucket, "GET", "intelligent-tiering", "", "", nil},
	{"PutBucketIntelligentTieringConfiguration", onBucket, "PUT", "intelligent-tiering", "", "", nil},
	{"DeleteBucketIntelligentTieringConfiguration", onBucket, "DELETE", "intelligent-tiering", "", "", nil},
	{"GetBucketInventoryConfiguration", onBucket, "GET", "inventory", "", "", nil},
	{"ListBucketInventoryConfigurations", onBucket, "GET", "inventory", "", "", nil},
	{"PutBucketInventoryConfiguration", onBucket, "PUT", "inventory", "", "", nil},
	{"DeleteBucketInventoryConfiguration", onBucket, "DELETE", "inventory", "", "", nil},
	{"GetBucketMetricsConfiguration", onBucket, "GET", "metrics", "", "", nil},
	{"ListBucketMetricsConfigurations", onBucket, "GET", "metrics", "", "", nil},
	{"PutBucketMetricsConfiguration", onBucket, "PUT", "metrics", "", "", nil},
	{"DeleteBucketMetricsConfiguration", onBucket, "DELETE", "metrics", "", "", nil},
	{"CreateBucketMetadataConfiguration", onBucket, "POST", "metadataConfiguration", "", "", nil},
	{"GetBucketMetadataConfiguration", onBucket, "GET", "metadataConfiguration", "", "", nil},
	{"DeleteBucketMetadataConfiguration", onBucket, "DELETE", "metadataConfiguration", "", "", nil},
	{"CreateBucketMetadataTableConfiguration", onBucket, "POST", "metadataTable", "", "", nil},
	{"GetBucketMetadataTableConfiguration", onBucket, "GET", "metadataTable", "", "", nil},
	{"DeleteBucketMetadataTableConfiguration", onBucket, "DELETE", "metadataTable", "", "", nil},
	{"UpdateBucketMetadataInventoryTableConfiguration", onBucket, "PUT", "metadataInventoryTable", "", "", nil},
	{"UpdateBucketMetadataJournalTableConfiguration", onBucket, "PUT", "metadataJournalTable", "", "", nil},

	{"HeadObject", onObject, "HEAD", "", "", "GetObject", (*Service).getObject},
	{"GetObject", onObject, "GET", "", "", "GetObject", (*Service).getObject},
	{"CopyObject", onObject, "PUT", "", "X-Amz-Copy-Source", "PutObject", (*Service).copyObject},
	{"PutObject", onObject, "PUT", "", "", "PutObject", (*Service).putObject},
	{"DeleteObject", onObject, "DELETE", "", "", "DeleteObject", (*Service).deleteObject},
	{"GetObjectTagging", onObject, "GET", "tagging", "", "GetObjectTagging", (*Service).getObjectTagging},
	{"PutObjectTagging", onObject, "PUT", "tagging", "", "PutObjectTagging", (*Service).putObjectTagging},
	{"DeleteObjectTagging", onObject, "DELETE", "tagging", "", "DeleteObjectTagging", (*Service).deleteObjectTagging},
	{"GetObjectAcl", onObject, "GET", "acl", "", "GetObjectAcl", (*Service).getACL},
	{"PutObjectAcl", onObject, "PUT", "acl", "", "PutObjectAcl", (*Service).putACL},
	{"CreateMultipartUpload", onObject, "POST", "uploads", "", "PutObject", (*Service).createUpload},
	{"CompleteMultipartUpload", onObject, "POST", "uploadId", "", "PutObject", (*Service).completeUpload},
	{"UploadPartCopy", onObject, "PUT", "uploadId", "X-Amz-Copy-Source", "PutObject", (*Service).uploadPart},
	{"UploadPart", onObject, "PUT", "uploadId", "", "PutObject", (*Service).uploadPart},
	{"ListParts", onObject, "GET", "uploadId", "", "ListMultipartUploadParts", (*Service).listParts},
	{"AbortMultipartUpload", onObject, "DELETE", "uploadId", "", "AbortMultipartUpload", (*Service).abortUpload},

	{"GetObjectAttributes", onObject, "GET", "attributes", "", "", nil},
	{"GetObjectLegalHold", onObject, "GET", "legal-hold", "", "", nil},
	{"PutObjectLegalHold", onObject, "PUT", "legal-hold", "", "", nil},
	{"GetObjectRetention", onObject, "GET", "retention", "", "", nil},
	{"PutObjectRetention", onObject, "PUT", "retention", "", "", nil},
	{"GetObjectTorrent", onObject, "GET", "torrent", "", "", nil},
	{"RenameObject", onObject, "PUT", "renameObject", "", "", nil},
	{"RestoreObject", onObject, "POST", "restore", "", "", nil},
	{"SelectObjectContent", onObject, "POST", "select", "", "", nil},
	{"UpdateObjectEncryption", onObject, "PUT", "encryption", "", "", nil},
}

// target returns what the request is about.
func (q *request) target() target {
	switch {
	case q.bucket == "":
		return onAccount
	case q.key == "":
		return onBucket
	}
	return onObject
}

// operation finds what a request asks for.
func (q *request) operation() operation {
	on := q.target()
	plain := !slices.ContainsFunc(operations, func(op operation) bool { return op.on == on && op.query != "" && q.query.Has(op.query) })
	for _, op := range operations {
		if op.on != on || op.method != q.r.Method || op.header != "" && q.r.Header.Get(op.header) == "" {
			continue
		}
		if op.query == "" && plain || op.query != "" && q.query.Has(op.query) {
			return op
		}
	}
	return operation{}
}

// Coverage tells how far each operation of S3 is answered.
func Coverage() []awsapi.Coverage {
	all := make([]awsapi.Coverage, 0, len(operations))
	for _, op := range operations {
		c := awsapi.Coverage{Operation: op.name, State: awsapi.Done}
		if op.do == nil {
			c.State, c.Note = awsapi.Refused, "NotImplemented, as what S3 is here for does not need it"
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b awsapi.Coverage) int { return strings.Compare(a.Operation, b.Operation) })
	return all
}
