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

func TestBoto3(t *testing.T) {
	python := program(t, "python3", "-c", "import boto3")
	for name, start := range map[string]func(http.Handler) *httptest.Server{"plain": httptest.NewServer, "DE-109 TLS": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(python, "-c", boto3Script)
			cmd.Env = serve(t, start)
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
