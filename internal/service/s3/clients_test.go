package s3

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program returns the path of a program, or skips the test; where CI is set it must be there.
func program(t *testing.T, name string, probe ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		err = exec.Command(path, probe...).Run()
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s %v does not work: %v", name, probe, err)
		}
		t.Skipf("%s %v does not work here: %v", name, probe, err)
	}
	return path
}

// serve starts the service on a port of its own and returns the environment that clients find it by.
func serve(t *testing.T, start func(http.Handler) *httptest.Server) []string {
	server := start(newFixture(t).handler)
	t.Cleanup(server.Close)
	return append(os.Environ(),
		"AWS_ENDPOINT_URL="+server.URL, "AWS_ACCESS_KEY_ID="+testKey, "AWS_SECRET_ACCESS_KEY="+testSecret, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_PAGER=", "PYTHONWARNINGS=ignore")
}

const boto3Script = `
import boto3, io, os, urllib.request, ssl
c = boto3.client("s3", verify=False)
c.create_bucket(Bucket="bucket")
assert [b["Name"] for b in c.list_buckets()["Buckets"]] == ["bucket"]
r = c.put_object(Bucket="bucket", Key="a b/c+d&e", Body=b"hello", ContentType="text/plain", Metadata={"who": "me"})
assert r["ETag"] == '"5d41402abc4b2a76b9719d911017c592"', r
r = c.get_object(Bucket="bucket", Key="a b/c+d&e")
assert r["Body"].read() == b"hello" and r["Metadata"] == {"who": "me"} and r["ContentType"] == "text/plain", r
c.put_object(Bucket="bucket", Key="stream", Body=io.BytesIO(b"x" * 200000), ChecksumAlgorithm="SHA256")
assert len(c.get_object(Bucket="bucket", Key="stream")["Body"].read()) == 200000
assert c.get_object(Bucket="bucket", Key="stream", Range="bytes=10-19")["Body"].read() == b"x" * 10
big = os.urandom(20 << 20)
c.upload_fileobj(io.BytesIO(big), "bucket", "big")
out = io.BytesIO()
c.download_fileobj("bucket", "big", out)
assert out.getvalue() == big
keys = [o["Key"] for page in c.get_paginator("list_objects_v2").paginate(Bucket="bucket", PaginationConfig={"PageSize": 1}) for o in page["Contents"]]
assert keys == ["a b/c+d&e", "big", "stream"], keys
keys = [o["Key"] for page in c.get_paginator("list_objects").paginate(Bucket="bucket", PaginationConfig={"PageSize": 2}) for o in page["Contents"]]
assert keys == ["a b/c+d&e", "big", "stream"], keys
c.copy_object(Bucket="bucket", Key="copy", CopySource={"Bucket": "bucket", "Key": "a b/c+d&e"})
url = c.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "copy"})
context = ssl._create_unverified_context() if url.startswith("https") else None
assert urllib.request.urlopen(url, context=context).read() == b"hello"
url = c.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "put"})
urllib.request.urlopen(urllib.request.Request(url, data=b"by url", method="PUT", headers={"Content-Type": ""}), context=context)
assert c.get_object(Bucket="bucket", Key="put")["Body"].read() == b"by url"
for call, code in ((lambda: c.get_object(Bucket="bucket", Key="none"), "NoSuchKey"), (lambda: c.head_object(Bucket="bucket", Key="none"), "404"),
                   (lambda: c.get_object(Bucket="none", Key="none"), "NoSuchBucket"), (lambda: c.get_bucket_policy(Bucket="bucket"), "NoSuchBucketPolicy"),
                   (lambda: c.delete_bucket(Bucket="bucket"), "BucketNotEmpty")):
    try:
        call()
        raise SystemExit("no " + code)
    except c.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == code, e.response
c.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
assert c.get_bucket_versioning(Bucket="bucket")["Status"] == "Enabled"
c.put_public_access_block(Bucket="bucket", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
assert c.get_public_access_block(Bucket="bucket")["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
assert c.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"]["Rules"]
assert c.get_bucket_location(Bucket="bucket")["LocationConstraint"] is None
c.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
assert c.get_bucket_tagging(Bucket="bucket")["TagSet"] == [{"Key": "a", "Value": "b"}]
c.delete_object(Bucket="bucket", Key="put")
versions = c.list_object_versions(Bucket="bucket")
assert [m["Key"] for m in versions["DeleteMarkers"]] == ["put"], versions
all = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in versions["Versions"] + versions["DeleteMarkers"]]
r = c.delete_objects(Bucket="bucket", Delete={"Objects": all})
assert len(r["Deleted"]) == len(all) and "Errors" not in r, r
c.delete_bucket(Bucket="bucket")
`

// boto3Configurations writes, reads and removes what configures a bucket, and goes through the operations of objects that boto3Script
// leaves out.
const boto3Configurations = `
import boto3
c = boto3.client("s3")
c.create_bucket(Bucket="bucket")
c.head_bucket(Bucket="bucket")

def code(call, **args):
    try:
        call(Bucket="bucket", **args)
    except c.exceptions.ClientError as e:
        return e.response["Error"]["Code"]

rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 1}}
for put, get, remove, argument, value, member, none in (
    (c.put_bucket_cors, c.get_bucket_cors, c.delete_bucket_cors, "CORSConfiguration", {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}, "CORSRules", "NoSuchCORSConfiguration"),
    (c.put_bucket_lifecycle_configuration, c.get_bucket_lifecycle_configuration, c.delete_bucket_lifecycle, "LifecycleConfiguration", {"Rules": [rule]}, "Rules", "NoSuchLifecycleConfiguration"),
    (c.put_bucket_ownership_controls, c.get_bucket_ownership_controls, c.delete_bucket_ownership_controls, "OwnershipControls", {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}, None, "OwnershipControlsNotFoundError"),
    (c.put_bucket_website, c.get_bucket_website, c.delete_bucket_website, "WebsiteConfiguration", {"IndexDocument": {"Suffix": "index.html"}}, "IndexDocument", "NoSuchWebsiteConfiguration"),
    (c.put_bucket_replication, c.get_bucket_replication, c.delete_bucket_replication, "ReplicationConfiguration", {"Role": "arn:aws:iam::000000000000:role/r", "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::b"}}]}, None, "ReplicationConfigurationNotFoundError"),
    (c.put_object_lock_configuration, c.get_object_lock_configuration, None, "ObjectLockConfiguration", {"ObjectLockEnabled": "Enabled"}, None, "ObjectLockConfigurationNotFoundError"),
    (c.put_bucket_policy, c.get_bucket_policy, c.delete_bucket_policy, "Policy", '{"Version":"2012-10-17","Statement":[]}', None, "NoSuchBucketPolicy"),
    (c.put_bucket_tagging, c.get_bucket_tagging, c.delete_bucket_tagging, "Tagging", {"TagSet": [{"Key": "k", "Value": "v"}]}, "TagSet", "NoSuchTagSet"),
    (c.put_public_access_block, c.get_public_access_block, c.delete_public_access_block, "PublicAccessBlockConfiguration", {"BlockPublicAcls": True}, None, "NoSuchPublicAccessBlockConfiguration"),
):
    assert code(get) == none, (get, code(get))
    put(Bucket="bucket", **{argument: value})
    got = get(Bucket="bucket")
    got = got[member] if member else got[argument]
    want = value[member] if member else value
    assert got == want, (got, want)
    if remove:
        remove(Bucket="bucket")
        assert code(get) == none, get

c.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]})
assert c.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
c.delete_bucket_encryption(Bucket="bucket")
assert c.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
assert "LoggingEnabled" not in c.get_bucket_logging(Bucket="bucket")
c.put_bucket_logging(Bucket="bucket", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "p"}})
assert c.get_bucket_logging(Bucket="bucket")["LoggingEnabled"]["TargetBucket"] == "logs"
assert "Status" not in c.get_bucket_accelerate_configuration(Bucket="bucket")
c.put_bucket_accelerate_configuration(Bucket="bucket", AccelerateConfiguration={"Status": "Enabled"})
assert c.get_bucket_accelerate_configuration(Bucket="bucket")["Status"] == "Enabled"
assert c.get_bucket_request_payment(Bucket="bucket")["Payer"] == "BucketOwner"
c.put_bucket_request_payment(Bucket="bucket", RequestPaymentConfiguration={"Payer": "Requester"})
assert c.get_bucket_request_payment(Bucket="bucket")["Payer"] == "Requester"
assert "QueueConfigurations" not in c.get_bucket_notification_configuration(Bucket="bucket")
c.put_bucket_notification_configuration(Bucket="bucket", NotificationConfiguration={"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:000000000000:q", "Events": ["s3:ObjectCreated:*"]}]})
assert c.get_bucket_notification_configuration(Bucket="bucket")["QueueConfigurations"][0]["Events"] == ["s3:ObjectCreated:*"]
assert c.get_bucket_policy_status(Bucket="bucket")["PolicyStatus"]["IsPublic"] is False
assert c.get_bucket_acl(Bucket="bucket")["Grants"][0]["Permission"] == "FULL_CONTROL"
c.put_bucket_acl(Bucket="bucket", ACL="private")

c.put_object(Bucket="bucket", Key="a", Body=b"hello")
assert c.get_object_acl(Bucket="bucket", Key="a")["Grants"][0]["Permission"] == "FULL_CONTROL"
c.put_object_acl(Bucket="bucket", Key="a", ACL="private")
c.put_object_tagging(Bucket="bucket", Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
assert c.get_object_tagging(Bucket="bucket", Key="a")["TagSet"] == [{"Key": "k", "Value": "v"}]
c.delete_object_tagging(Bucket="bucket", Key="a")
assert c.get_object_tagging(Bucket="bucket", Key="a")["TagSet"] == []

upload = c.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
assert [u["Key"] for u in c.list_multipart_uploads(Bucket="bucket")["Uploads"]] == ["parts"]
of = {"Bucket": "bucket", "Key": "parts", "UploadId": upload}
etags = [c.upload_part(PartNumber=1, Body=b"x" * (5 << 20), **of)["ETag"], c.upload_part_copy(PartNumber=2, CopySource={"Bucket": "bucket", "Key": "a"}, **of)["CopyPartResult"]["ETag"]]
assert [p["PartNumber"] for p in c.list_parts(**of)["Parts"]] == [1, 2]
c.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": n + 1, "ETag": e} for n, e in enumerate(etags)]}, **of)
assert c.get_object(Bucket="bucket", Key="parts")["Body"].read() == b"x" * (5 << 20) + b"hello"
upload = c.create_multipart_upload(Bucket="bucket", Key="given-up")["UploadId"]
c.abort_multipart_upload(Bucket="bucket", Key="given-up", UploadId=upload)
assert "Uploads" not in c.list_multipart_uploads(Bucket="bucket")

# What is not here says so, and is not taken for something else.
assert code(c.get_object_torrent, Key="a") == "NotImplemented"
assert code(c.list_bucket_metrics_configurations) == "NotImplemented"
assert code(c.delete_bucket_inventory_configuration, Id="i") == "NotImplemented"
c.head_bucket(Bucket="bucket")
`

func TestBoto3(t *testing.T) {
	python := program(t, "python3", "-c", "import boto3")
	for _, tt := range []struct {
		name, script string
		start        func(http.Handler) *httptest.Server
	}{
		{"plain", boto3Script, httptest.NewServer},
		{"DE-109 TLS", boto3Script, httptest.NewTLSServer},
		{"configurations", boto3Configurations, httptest.NewServer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(python, "-c", tt.script)
			cmd.Env = serve(t, tt.start)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestPackage(t *testing.T) {
	aws := program(t, "aws", "--version")
	env := serve(t, httptest.NewServer)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"src/index.js":  "exports.handler = async () => ({ statusCode: 200 })\n",
		"template.yaml": "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: { CodeUri: src, Handler: index.handler, Runtime: nodejs20.x }\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(aws, args...)
		cmd.Env, cmd.Dir = env, dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("s3", "mb", "s3://deployments")
	for range 2 { // the second time the code is there
		if out := run("cloudformation", "package", "--template-file", "template.yaml", "--s3-bucket", "deployments"); !strings.Contains(out, "CodeUri: s3://deployments/") {
			t.Errorf("package printed %s", out)
		}
	}
	if out := run("s3", "ls", "s3://deployments"); strings.Count(out, "\n") != 1 {
		t.Errorf("ls printed %s", out)
	}
	run("s3", "rb", "--force", "s3://deployments")
}
