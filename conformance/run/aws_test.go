package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/sallyport/sallyport/conformance"
)

// TestRehearsal runs some cases as against AWS: the names of its services and APIs, TLS, signatures with the administrator's key, and the
// preparation and cleaning up of an account, here of Sallyport's.
func TestRehearsal(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not here")
		}
		t.Skip("node is not here, and functions of the cases need it")
	}
	here := &conformance.Target{Region: "eu-west-1"}
	stop, caFile, err := startHere(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	t.Setenv("AWS_ACCESS_KEY_ID", here.KeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", here.Secret)
	var listen string
	for listen == "" { // the functions are told where the runner listens before it does; the system gives no such port to somebody else meanwhile
		free, err := net.Listen("tcp4", fmt.Sprint("127.0.0.1:", 15_000+rand.IntN(15_000)))
		if err != nil {
			continue
		}
		listen = free.Addr().String()
		free.Close()
	}
	o := options{
		aws: true, region: "eu-west-1", via: here.Endpoint[len("http://"):], roots: caFile, listen: listen, public: "http://" + listen, patience: time.Minute,
	}
	if _, _, err := target(t.Context(), options{aws: true, region: o.region}); err == nil {
		t.Error("a run against AWS without -public is taken")
	}
	if _, _, err := target(t.Context(), options{aws: true, region: o.region, public: o.public, via: o.via, roots: filepath.Join(t.TempDir(), "missing")}); err == nil {
		t.Error("a rehearsal without an authority is taken")
	}
	aws, done, err := target(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if aws.Endpoint != "" {
		t.Fatalf("the rehearsal goes to %s", aws.Endpoint)
	}
	if err := aws.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	suite, err := conformance.Load()
	if err != nil {
		t.Fatal(err)
	}
	some := regexp.MustCompile(`^DP-(001|023|037|070|081|125|242|257|276|298)\b`)
	results := conformance.Run(t.Context(), aws, suite, 2, func(c *conformance.Case) bool { return some.MatchString(c.Name()) })
	if len(results) < 8 {
		t.Errorf("%d cases ran", len(results))
	}
	for _, r := range results {
		if r.Err != nil || r.Skipped != "" {
			t.Errorf("%s: %v %s", r.Case.Name(), r.Err, r.Skipped)
		}
	}
	aws.Close(t.Context())
	if left, err := aws.Left(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
