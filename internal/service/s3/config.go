package s3

import (
	"bytes"
	"encoding/xml"
	"io"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// A configuration is a sub-resource of a bucket that is stored as it was given.
type configuration struct {
	none    string // the code of what AWS answers where there is none; "" where empty is the answer
	message string
	empty   string // the answer where there is none, without the declaration
	put     int    // status of a successful Put; 0 means 200
	text    bool   // JSON, not XML
}

const ns = ` xmlns="` + xmlNamespace + `"`

// configurations by the query that names them.
var configurations = map[string]*configuration{
	"versioning":        {empty: "<VersioningConfiguration" + ns + "/>"},
	"policy":            {none: "NoSuchBucketPolicy", message: "The bucket policy does not exist", put: 204, text: true},
	"policyStatus":      {empty: "<PolicyStatus" + ns + "><IsPublic>FALSE</IsPublic></PolicyStatus>"},
	"publicAccessBlock": {none: "NoSuchPublicAccessBlockConfiguration", message: "The public access block configuration was not found"},
	"lifecycle":         {none: "NoSuchLifecycleConfiguration", message: "The lifecycle configuration does not exist"},
	"tagging":           {none: "NoSuchTagSet", message: "The TagSet does not exist", put: 204},
	"ownershipControls": {none: "OwnershipControlsNotFoundError", message: "The bucket ownership controls were not found"},
	"cors":              {none: "NoSuchCORSConfiguration", message: "The CORS configuration does not exist"},
	"website":           {none: "NoSuchWebsiteConfiguration", message: "The specified bucket does not have a website configuration"},
	"replication":       {none: "ReplicationConfigurationNotFoundError", message: "The replication configuration was not found"},
	"object-lock":       {none: "ObjectLockConfigurationNotFoundError", message: "Object Lock configuration does not exist for this bucket"},
	"notification":      {empty: "<NotificationConfiguration" + ns + "/>"},
	"logging":           {empty: "<BucketLoggingStatus" + ns + "/>"},
	"accelerate":        {empty: "<AccelerateConfiguration" + ns + "/>"},
	"requestPayment":    {empty: "<RequestPaymentConfiguration" + ns + "><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"},
	// AWS: since 2023 every bucket is encrypted.
	"encryption": {empty: "<ServerSideEncryptionConfiguration" + ns + "><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"},
}

func (s *Service) getConfig(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	name, c := q.op.query, configurations[q.op.query]
	body, ok := b.Config[name]
	switch {
	case name == "versioning" && b.versioned():
		body, ok = "<VersioningConfiguration"+ns+"><Status>"+b.Versioning+"</Status></VersioningConfiguration>", true
	case !ok && c.none != "":
		return awsapi.Errorf(c.none, 404, "%s", c.message).With("BucketName", q.bucket)
	case !ok:
		body = c.empty
	}
	q.w.Header().Set("Content-Type", "application/xml")
	if c.text {
		q.w.Header().Set("Content-Type", "application/json")
	} else if !bytes.HasPrefix([]byte(body), []byte("<?xml")) {
		body = xml.Header + body
	}
	_, _ = io.WriteString(q.w, body) // the client may be gone
	return nil
}

func (s *Service) putConfig(q *request) error {
	name, c := q.op.query, configurations[q.op.query]
	data, err := q.document()
	if err != nil {
		return err
	}
	var versioning struct{ Status string }
	switch {
	case c.text:
	case name == "versioning":
		if xml.Unmarshal(data, &versioning) != nil || versioning.Status != "Enabled" && versioning.Status != "Suspended" {
			return errMalformedXML()
		}
	case !wellFormed(data):
		return errMalformedXML()
	}
	err = s.editBucket(q.ctx, q.bucket, func(b *bucket) error {
		if name == "versioning" {
			b.Versioning = versioning.Status
			return nil
		}
		if b.Config == nil {
			b.Config = map[string]string{}
		}
		b.Config[name] = string(data)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done(max(c.put, 200))
}

func (s *Service) deleteConfig(q *request) error {
	err := s.editBucket(q.ctx, q.bucket, func(b *bucket) error {
		delete(b.Config, q.op.query)
		return nil
	})
	if err != nil {
		return err
	}
	return q.done(204)
}

func wellFormed(data []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(data))
	elements := 0
	for {
		t, err := d.Token()
		if err == io.EOF { //nolint:errorlint // the decoder returns it as it is
			return elements > 0
		} else if err != nil {
			return false
		}
		if _, ok := t.(xml.StartElement); ok {
			elements++
		}
	}
}

// getACL tells that the owner may do all: access control lists are not kept.
func (s *Service) getACL(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	if q.key != "" {
		if _, err := s.version(q.ctx, b, q.key, q.query.Get("versionId")); err != nil {
			return err
		}
	}
	o := ownerOf(b.Account)
	q.w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(q.w, xml.Header+`<AccessControlPolicy`+ns+`><Owner><ID>`+o.ID+`</ID></Owner><AccessControlList><Grant>`+
		`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>`+o.ID+`</ID></Grantee>`+
		`<Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`)
	return nil
}

// putACL accepts what keeps a bucket or object private, and refuses the rest: it would have no effect.
func (s *Service) putACL(q *request) error {
	if _, err := s.bucket(q.ctx, q.bucket); err != nil {
		return err
	}
	if acl := q.r.Header.Get("X-Amz-Acl"); acl != "" && acl != "private" && acl != "bucket-owner-full-control" {
		return awsapi.Errorf("AccessControlListNotSupported", 400, "The bucket does not allow ACLs")
	}
	return q.done(200)
}
