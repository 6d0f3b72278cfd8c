package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

// An owner is whose a bucket or object is.
type owner struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

// ownerOf returns the canonical user of an account, which AWS writes as 64 hexadecimal digits.
func ownerOf(account string) owner { return owner{ID: strings.Repeat("0", 64-len(account)) + account} }

const timeFormat = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

func (s *Service) listBuckets(q *request) error {
	buckets, err := list[bucket](q.ctx, s, bucketKey(""))
	if err != nil {
		return err
	}
	type item struct {
		Name         string
		CreationDate string
		BucketRegion string
	}
	var out struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
		Owner   owner
		Buckets struct{ Bucket []item }
	}
	account := awsapi.CallerOf(q.ctx).Account
	out.Owner = ownerOf(account)
	for _, b := range buckets {
		if b.Account == account {
			out.Buckets.Bucket = append(out.Buckets.Bucket, item{b.Name, stamp(b.Created), b.Region})
		}
	}
	return q.answer(out)
}

func (s *Service) createBucket(q *request) error {
	region := awsapi.CallerOf(q.ctx).Region
	data, err := q.document()
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) > 0 {
		var in struct{ LocationConstraint string }
		if err := xml.Unmarshal(data, &in); err != nil {
			return errMalformedXML()
		}
		if in.LocationConstraint == "EU" {
			in.LocationConstraint = "eu-west-1"
		}
		if in.LocationConstraint != "" {
			region = in.LocationConstraint
		}
	}
	b := &bucket{Name: q.bucket, Region: region}
	err = s.makeBucket(q.ctx, b)
	// AWS: whoever makes a bucket of their own again hears of it, but not in us-east-1.
	if awsapi.Code(err) == "BucketAlreadyOwnedByYou" && region == "us-east-1" {
		err = nil
	}
	if err != nil {
		return err
	}
	q.w.Header().Set("Location", "/"+q.bucket)
	return q.done(200)
}

// makeBucket stores a bucket whose name is free.
func (s *Service) makeBucket(ctx context.Context, b *bucket) error {
	if !isBucketName(b.Name) {
		return awsapi.Errorf("InvalidBucketName", 400, "The specified bucket is not valid.").With("BucketName", b.Name)
	}
	b.ID, b.Account, b.Created = newID(), awsapi.CallerOf(ctx).Account, s.clock()
	err := s.write(ctx, bucketKey(b.Name), b, store.Absent)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	if _, err := s.bucket(ctx, b.Name); err != nil {
		return awsapi.Errorf("BucketAlreadyExists", 409, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.").With("BucketName", b.Name)
	}
	return awsapi.Errorf("BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it.").With("BucketName", b.Name)
}

func (s *Service) headBucket(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	q.w.Header().Set("X-Amz-Bucket-Region", b.Region)
	q.w.Header().Set("Content-Type", "application/xml")
	return q.done(200)
}

func (s *Service) deleteBucket(q *request) error {
	if err := s.removeBucket(q.ctx, q.bucket); err != nil {
		return err
	}
	return q.done(204)
}

// removeBucket removes a bucket that is empty.
func (s *Service) removeBucket(ctx context.Context, name string) error {
	b, err := s.bucket(ctx, name)
	if err != nil {
		return err
	}
	objects, err := list[object](ctx, s, objectKey(b, ""))
	if err != nil {
		return err
	}
	if len(objects) > 0 {
		message := "The bucket you tried to delete is not empty"
		if b.versioned() {
			message += ". You must delete all versions in the bucket."
		}
		return awsapi.Errorf("BucketNotEmpty", 409, "%s", message).With("BucketName", name)
	}
	uploads, err := list[upload](ctx, s, uploadKey(b, ""))
	if err != nil {
		return err
	}
	for _, u := range uploads {
		if err := s.removeUpload(ctx, b, u); err != nil {
			return err
		}
	}
	return s.remove(ctx, bucketKey(name), store.Always)
}

func (s *Service) getBucketLocation(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	out := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
		Region  string   `xml:",chardata"`
	}{Region: b.Region}
	if b.Region == "us-east-1" { // AWS: the first region has no name
		out.Region = ""
	}
	return q.answer(out)
}
