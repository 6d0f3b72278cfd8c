package sdk

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// A bundle is what is installed together.
type bundle struct {
	title    string   // "AWS SDK for JavaScript v3"
	packages []string // as npm or pip understands them: name and version
}

// dir names the folder of a bundle in the cache: other packages or versions are another folder.
func (b bundle) dir(prefix string) string {
	sum := sha256.Sum256([]byte(strings.Join(b.packages, "\n")))
	return prefix + "-" + hex.EncodeToString(sum[:])[:12]
}

// v3Version is the newest version of the clients that runs on Node.js 18, too. A client that was not published in it is
// taken in its newest older version.
const v3Version = ">=3.900.0 <=3.948.0"

// v3Clients are the clients that applications with WebSocket APIs use. Others are installed when a function asks for them.
var v3Clients = []string{
	"client-apigatewaymanagementapi", "client-cloudwatch-logs", "client-cognito-identity-provider", "client-dynamodb", "client-eventbridge",
	"client-kinesis", "client-lambda", "client-s3", "client-secrets-manager", "client-sfn", "client-sns", "client-sqs", "client-ssm", "client-sts",
	"credential-providers", "lib-dynamodb", "lib-storage", "s3-request-presigner", "util-dynamodb",
}

var v2 = bundle{title: "AWS SDK for JavaScript v2", packages: []string{"aws-sdk@2.1693.0"}}

// smithyVersion is that of packages which stand below the clients and do not come along with them.
const smithyVersion = "<=5"

func v3() bundle {
	b := bundle{title: "AWS SDK for JavaScript v3"}
	for _, c := range v3Clients {
		b.packages = append(b.packages, "@aws-sdk/"+c+"@"+v3Version)
	}
	return b
}

// extra is a bundle of one package that is not part of the usual ones.
func extra(pkg string) bundle {
	version := v3Version
	if strings.HasPrefix(pkg, "@smithy/") {
		version = smithyVersion
	}
	return bundle{title: pkg, packages: []string{pkg + "@" + version}}
}

// bundled says whether the usual bundle has a package: the clients by name, and what they stand on.
func bundled(pkg string) bool {
	name, ok := strings.CutPrefix(pkg, "@aws-sdk/")
	if !ok {
		return true
	}
	return slices.Contains(v3Clients, name) || !strings.HasPrefix(name, "client-")
}

// boto is what pip installs: it takes the newest version that runs on its Python, up to the one that was tried.
var boto = bundle{title: "boto3", packages: []string{"boto3<=1.43.11"}}
