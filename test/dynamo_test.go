package test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// dynamo makes bare calls to DynamoDB, signed by AWS's own signer: one request each, without retries.
type dynamo struct {
	endpoint string
	key      aws.Credentials
	signer   *v4.Signer
}

func newDynamo(s *server) *dynamo {
	return &dynamo{s.Endpoint, aws.Credentials{AccessKeyID: s.Credentials.AccessKeyID, SecretAccessKey: s.Credentials.SecretAccessKey}, v4.NewSigner()}
}

// A refusedError is an answer that is not 200.
type refusedError struct {
	status int
	body   string
}

func (e *refusedError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.body) }

func (d *dynamo) call(operation, body string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodPost, d.endpoint+"/", bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	sum := sha256.Sum256([]byte(body))
	if err := d.signer.SignHTTP(context.Background(), d.key, req, hex.EncodeToString(sum[:]), "dynamodb", "us-east-1", time.Now()); err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, &refusedError{res.StatusCode, string(data)}
	}
	return data, nil
}

func (d *dynamo) must(t *testing.T, operation, body string) []byte {
	t.Helper()
	out, err := d.call(operation, body)
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	return out
}
