package s3

import (
	"net"
	"net/url"
	"regexp"
	"strings"
)

// awsHost is a host name of S3 at AWS, with the bucket in front of it or without.
var awsHost = regexp.MustCompile(`^(?:(.+)\.)?s3(?:[.-](?:dualstack|fips|accelerate|external-1|[a-z]{2}(?:-[a-z]+)+-\d+))*\.amazonaws\.com(?:\.cn)?$`)

// address finds bucket and key in the host and path of a request, in path style and in virtual-host style. The path is
// escaped. Ours is any other host: with a bucket in front of it only as {bucket}.localhost or {bucket}.s3.{anything}.
func address(host, escapedPath string) (bucket, key string, err error) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	if m := awsHost.FindStringSubmatch(host); m != nil {
		bucket = m[1]
	} else if name, ok := strings.CutSuffix(host, ".localhost"); ok {
		bucket, _ = strings.CutSuffix(name, ".s3")
		if bucket == "s3" {
			bucket = ""
		}
	} else if i := strings.Index(host, ".s3."); i > 0 {
		bucket = host[:i]
	}
	path := strings.TrimPrefix(escapedPath, "/")
	if bucket == "" {
		bucket, path, _ = strings.Cut(path, "/")
		if bucket, err = url.PathUnescape(bucket); err != nil {
			return "", "", err
		}
	}
	key, err = url.PathUnescape(path)
	return bucket, key, err
}

// ParseURL finds bucket, key and version in the URL of an object: s3://bucket/key or one over HTTP, in path style or in
// virtual-host style.
func ParseURL(raw string) (bucket, key, version string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", "", "", false
	}
	switch u.Scheme {
	case "s3":
		bucket, key = u.Host, strings.TrimPrefix(u.Path, "/")
	case "http", "https":
		if bucket, key, err = address(u.Host, u.EscapedPath()); err != nil {
			return "", "", "", false
		}
	}
	return bucket, key, u.Query().Get("versionId"), bucket != "" && key != ""
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	ipAddress  = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)
)

func isBucketName(name string) bool {
	return bucketName.MatchString(name) && !ipAddress.MatchString(name) && !strings.Contains(name, "..")
}
