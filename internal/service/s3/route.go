package s3

// An operation is what S3 does, and the permission that it takes.
type operation struct {
	action string
	do     func(*Service, *request) error
}

// operation finds what a request asks for.
func (q *request) operation() (operation, bool) {
	switch {
	case q.bucket == "":
		if q.r.Method == "GET" {
			return operation{"ListAllMyBuckets", (*Service).listBuckets}, true
		}
		return operation{}, false
	case q.key == "":
		return q.bucketOperation()
	}
	return q.objectOperation()
}

func (q *request) bucketOperation() (operation, bool) {
	if sub := q.configuration(); sub != nil {
		switch q.r.Method {
		case "GET":
			return operation{"Get" + sub.action, (*Service).getConfig}, true
		case "PUT":
			return operation{"Put" + sub.action, (*Service).putConfig}, true
		case "DELETE":
			return operation{"Put" + sub.action, (*Service).deleteConfig}, true
		}
		return operation{}, false
	}
	switch q.r.Method {
	case "HEAD":
		return operation{"ListBucket", (*Service).headBucket}, true
	case "PUT":
		return operation{"CreateBucket", (*Service).createBucket}, true
	case "DELETE":
		return operation{"DeleteBucket", (*Service).deleteBucket}, true
	case "POST":
		if q.query.Has("delete") {
			return operation{"DeleteObject", (*Service).deleteObjects}, true
		}
	case "GET":
		switch {
		case q.query.Has("location"):
			return operation{"GetBucketLocation", (*Service).getBucketLocation}, true
		case q.query.Has("versions"):
			return operation{"ListBucketVersions", (*Service).listVersions}, true
		case q.query.Has("uploads"):
			return operation{"ListBucketMultipartUploads", (*Service).listUploads}, true
		default:
			return operation{"ListBucket", (*Service).listObjects}, true
		}
	}
	return operation{}, false
}

func (q *request) objectOperation() (operation, bool) {
	for _, sub := range []string{"attributes", "torrent", "restore", "select", "retention", "legal-hold"} {
		if q.query.Has(sub) {
			return operation{}, false
		}
	}
	switch {
	case q.query.Has("uploadId") || q.query.Has("uploads"):
		return q.uploadOperation()
	case q.query.Has("tagging"):
		switch q.r.Method {
		case "GET":
			return operation{"GetObjectTagging", (*Service).getObjectTagging}, true
		case "PUT":
			return operation{"PutObjectTagging", (*Service).putObjectTagging}, true
		case "DELETE":
			return operation{"DeleteObjectTagging", (*Service).deleteObjectTagging}, true
		}
		return operation{}, false
	case q.query.Has("acl"):
		switch q.r.Method {
		case "GET":
			return operation{"GetObjectAcl", (*Service).getACL}, true
		case "PUT":
			return operation{"PutObjectAcl", (*Service).putACL}, true
		}
		return operation{}, false
	}
	switch q.r.Method {
	case "GET", "HEAD":
		return operation{"GetObject", (*Service).getObject}, true
	case "PUT":
		if q.r.Header.Get("X-Amz-Copy-Source") != "" {
			return operation{"PutObject", (*Service).copyObject}, true
		}
		return operation{"PutObject", (*Service).putObject}, true
	case "DELETE":
		return operation{"DeleteObject", (*Service).deleteObject}, true
	}
	return operation{}, false
}

func (q *request) uploadOperation() (operation, bool) {
	switch q.r.Method {
	case "POST":
		if q.query.Has("uploads") {
			return operation{"PutObject", (*Service).createUpload}, true
		}
		return operation{"PutObject", (*Service).completeUpload}, true
	case "PUT":
		return operation{"PutObject", (*Service).uploadPart}, true
	case "GET":
		return operation{"ListMultipartUploadParts", (*Service).listParts}, true
	case "DELETE":
		return operation{"AbortMultipartUpload", (*Service).abortUpload}, true
	}
	return operation{}, false
}
