package s3

import "github.com/sallyport/sallyport/internal/awsapi"

func errNoBucket(name string) error {
	return awsapi.Errorf("NoSuchBucket", 404, "The specified bucket does not exist").With("BucketName", name)
}

func errNoKey(key string) error {
	return awsapi.Errorf("NoSuchKey", 404, "The specified key does not exist.").With("Key", key)
}

func errNoVersion(key, id string) error {
	return awsapi.Errorf("NoSuchVersion", 404, "The specified version does not exist.").With("Key", key).With("VersionId", id)
}

func errNoUpload(id string) error {
	return awsapi.Errorf("NoSuchUpload", 404, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").With("UploadId", id)
}

func errDenied() error { return awsapi.Errorf("AccessDenied", 403, "Access Denied") }

func errArgument(format string, args ...any) error {
	return awsapi.Errorf("InvalidArgument", 400, format, args...)
}

func errMalformedXML() error {
	return awsapi.Errorf("MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema")
}

func errPrecondition(header string) error {
	return awsapi.Errorf("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold").With("Condition", header)
}

func errNotImplemented() error {
	return awsapi.Errorf("NotImplemented", 501, "A header or query you provided implies functionality that is not implemented by Sallyport.")
}

func errMarker() error {
	return awsapi.Errorf("MethodNotAllowed", 405, "The specified method is not allowed against this resource.")
}
