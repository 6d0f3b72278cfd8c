package s3

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport/sallyport/internal/awsapi"
)

func TestCalls(t *testing.T) {
	f := newFixture(t)
	calls := Calls{f.handler}
	for _, step := range []struct {
		name, operation, in, want, code string
	}{
		{"no bucket yet", "HeadBucket", `{"Bucket":"things"}`, "", "NoSuchBucket"},
		{"bucket", "CreateBucket", `{"Bucket":"things","CreateBucketConfiguration":{"LocationConstraint":"eu-west-1"}}`, `{"Location":"/things"}`, ""},
		{"put", "putObject", `{"Bucket":"things","Key":"a b/1.txt","Body":"aGVsbG8=","ContentType":"text/plain","Metadata":{"who":"me"},"Tagging":"k=v"}`, `{}`, ""},
		{"get", "getObject", `{"Bucket":"things","Key":"a b/1.txt"}`, `{"Body":"aGVsbG8=","ContentLength":5,"ContentType":"text/plain","Metadata":{"who":"me"},"AcceptRanges":"bytes"}`, ""},
		{"range", "GetObject", `{"Bucket":"things","Key":"a b/1.txt","Range":"bytes=1-2"}`, `{"Body":"ZWw=","ContentLength":2,"ContentType":"text/plain","Metadata":{"who":"me"},"AcceptRanges":"bytes","ContentRange":"bytes 1-2/5"}`, ""},
		{"tags", "GetObjectTagging", `{"Bucket":"things","Key":"a b/1.txt"}`, `{"TagSet":[{"Key":"k","Value":"v"}]}`, ""},
		{"copy", "CopyObject", `{"Bucket":"things","Key":"b","CopySource":"things/a%20b/1.txt"}`, `{}`, ""},
		{"head", "HeadObject", `{"Bucket":"things","Key":"b"}`, `{"ContentLength":5,"ContentType":"text/plain","Metadata":{"who":"me"},"AcceptRanges":"bytes"}`, ""},
		{"list", "ListObjectsV2", `{"Bucket":"things","Delimiter":"/","MaxKeys":1}`, `{"Name":"things","Prefix":"","KeyCount":1,"MaxKeys":1,"Delimiter":"/","IsTruncated":true,"CommonPrefixes":[{"Prefix":"a b/"}],"NextContinuationToken":"YSBiLw=="}`, ""},
		{"list on", "ListObjectsV2", `{"Bucket":"things","Delimiter":"/","ContinuationToken":"YSBiLw=="}`, `{"Name":"things","Prefix":"","KeyCount":1,"MaxKeys":1000,"Delimiter":"/","IsTruncated":false,"ContinuationToken":"YSBiLw==","Contents":[{"Key":"b","Size":5,"StorageClass":"STANDARD"}]}`, ""},
		{"delete", "DeleteObjects", `{"Bucket":"things","Delete":{"Objects":[{"Key":"b"},{"Key":"a b/1.txt"}]}}`, `{"Deleted":[{"Key":"b"},{"Key":"a b/1.txt"}]}`, ""},
		{"gone", "HeadObject", `{"Bucket":"things","Key":"b"}`, "", "NoSuchKey"},
		{"no key", "GetObject", `{"Bucket":"things","Key":"b"}`, "", "NoSuchKey"},
		{"without a key", "GetObject", `{"Bucket":"things"}`, "", "InvalidRequest"},
		{"not here", "RestoreObject", `{"Bucket":"things","Key":"b"}`, "", "NotImplemented"},
		{"no operation", "Juggle", `{}`, "", "InvalidAction"},
	} {
		t.Run(step.name, func(t *testing.T) {
			out, err := calls.Call(f.ctx(), step.operation, []byte(step.in))
			if awsapi.Code(err) != step.code && (err != nil || step.code != "") {
				t.Fatalf("%s: %v, want %q", step.operation, err, step.code)
			}
			if err != nil {
				return
			}
			var got, want map[string]any
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(step.want), &want); err != nil {
				t.Fatal(err)
			}
			varies := cmpopts.IgnoreMapEntries(func(k string, _ any) bool {
				switch k {
				case "ETag", "LastModified", "ServerSideEncryption", "CopyObjectResult", "ChecksumCRC64NVME", "ChecksumCRC32", "ChecksumType":
					return true
				}
				return false
			})
			if diff := cmp.Diff(want, got, varies); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step.operation, diff)
			}
		})
	}
}
