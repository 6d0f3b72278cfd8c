// Program run runs the cases of package conformance and counts what is proven.
//
//	go run ./conformance/run                                    Sallyport, in this process
//	go run ./conformance/run -endpoint http://127.0.0.1:4566    a server that runs, Sallyport or another
//	go run ./conformance/run -offline DIR                       serverless-offline, which npm installed in DIR
//	go run ./conformance/run -architect DIR                     @architect/sandbox, which npm installed in DIR
//	go run ./conformance/run -aws -region eu-west-1             AWS itself; costs money. With -via and -ca a rehearsal
//
// Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/sallyport/sallyport/conformance"
)

type options struct {
	endpoint, sockets, region, name string
	offline, architect              string
	aws, yes, wait, verbose, quick  bool
	listen, public, only, write     string
	via, roots                      string
	parallel                        int
	patience                        time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.endpoint, "endpoint", "", "URL of the AWS APIs of a server that runs; empty: Sallyport in this process")
	flag.StringVar(&o.sockets, "sockets", "", "address of a stage with {api}, {region} and {stage} in it; empty: AWS's host name in the Host header")
	flag.StringVar(&o.offline, "offline", "", "folder with node_modules/serverless (version 3, or osls under that name) and serverless-offline: run against that")
	flag.StringVar(&o.architect, "architect", "", "folder with node_modules/@architect/sandbox: run against that")
	flag.StringVar(&o.region, "region", "us-east-1", "")
	flag.StringVar(&o.name, "name", "", "what the target is called in the report")
	flag.BoolVar(&o.aws, "aws", false, "run against AWS: creates and deletes APIs, functions, roles and users, and costs money")
	flag.StringVar(&o.via, "via", "", "with -aws: address that stands for all of AWS's names, to rehearse against sallyport serve")
	flag.StringVar(&o.roots, "ca", "", "with -via: file of the authority of its certificates, as PEM")
	flag.BoolVar(&o.yes, "yes", false, "do not ask before spending money")
	flag.BoolVar(&o.wait, "wait", false, "where the clock cannot be moved, wait for what takes minutes and hours")
	flag.BoolVar(&o.verbose, "v", false, "tell of every case")
	flag.BoolVar(&o.quick, "quick", false, "leave out the Go tests that prove what cases do not")
	flag.StringVar(&o.listen, "listen", "", "where functions and HTTP integrations reach this program; empty: a port of this machine")
	flag.StringVar(&o.public, "public", "", "URL of -listen as the target sees it; needed for AWS")
	flag.StringVar(&o.only, "run", "", "regular expression for the names of cases")
	flag.StringVar(&o.write, "write", "", "file whose measured part is written anew")
	flag.IntVar(&o.parallel, "parallel", 4*runtime.GOMAXPROCS(0), "groups of cases at a time")
	flag.DurationVar(&o.patience, "patience", 0, "how long a line waits for what it expects")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	failing, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if failing {
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (failing bool, err error) {
	suite, err := conformance.Load()
	if err != nil {
		return false, err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return false, err
	}
	t, stop, err := target(ctx, o)
	if err != nil {
		return false, err
	}
	defer stop()
	began := time.Now()
	if err := t.Open(ctx); err != nil {
		t.Close(context.WithoutCancel(ctx))
		return false, fmt.Errorf("prepare %s: %w", t.Name, err)
	}
	results := conformance.Run(ctx, t, suite, o.parallel, func(c *conformance.Case) bool { return only.MatchString(c.Name()) })
	took := time.Since(began)
	t.Close(context.WithoutCancel(ctx))
	if o.verbose {
		for _, r := range results {
			state := "ok  "
			if r.Err != nil {
				state = "FAIL"
			} else if r.Skipped != "" {
				state = "left"
			}
			fmt.Printf("%s %6s %s\n", state, r.Took.Round(time.Millisecond), r.Case.Name())
		}
	}
	tests := map[int]bool{}
	if !o.quick && o.endpoint == "" && o.offline+o.architect == "" && !o.aws && o.only == "" {
		if tests, err = passedTests(ctx); err != nil {
			return false, err
		}
	}
	score := conformance.ScoreOf(suite, results, tests)
	fmt.Printf("%s: %d cases in %s\n\n", t.Name, len(results), took.Round(10*time.Millisecond))
	score.Print(os.Stdout)
	if o.write != "" {
		if err := writeReport(o.write, t.Name, score, len(results), took); err != nil {
			return false, err
		}
	}
	for _, r := range results {
		failing = failing || r.Err != nil
	}
	return failing, nil
}

// target returns where to run.
func target(ctx context.Context, o options) (*conformance.Target, func(), error) {
	t := &conformance.Target{
		Name: o.name, Endpoint: strings.TrimSuffix(o.endpoint, "/"), Region: o.region, Sockets: o.sockets, Wait: o.wait, Listen: o.listen, Public: o.public,
		KeyID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Token: os.Getenv("AWS_SESSION_TOKEN"), Patience: o.patience,
	}
	switch {
	case o.aws:
		return t, func() {}, prepareAWS(t, o)
	case o.offline != "":
		dir, err := filepath.Abs(o.offline)
		t.Rival = &conformance.Offline{Dir: dir}
		t.Name = cmp.Or(t.Name, "serverless-offline")
		return t, func() {}, err
	case o.architect != "":
		dir, err := filepath.Abs(o.architect)
		t.Rival = &conformance.Architect{Dir: dir}
		t.Name = cmp.Or(t.Name, "@architect/sandbox")
		return t, func() {}, err
	case o.endpoint == "":
		stop, _, err := startHere(ctx, t)
		return t, stop, err
	}
	if t.Name == "" {
		t.Name = o.endpoint
	}
	if t.KeyID == "" {
		t.KeyID, t.Secret = "test", "test"
	}
	return t, func() {}, nil
}

func prepareAWS(t *conformance.Target, o options) error {
	t.Name = "AWS " + o.region
	if t.KeyID == "" || o.public == "" {
		return errors.New("AWS needs AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and -public: the URL by which functions reach -listen")
	}
	if t.Patience == 0 {
		t.Patience = 30 * time.Second
	}
	if o.via != "" {
		return rehearse(t, o)
	}
	if o.yes {
		return nil
	}
	fmt.Print("This creates some 100 WebSocket APIs, two functions, a role and two users named conformance-… in your account, makes a few thousand\n" +
		"calls (well below one dollar), and removes all of it again. Go on? [y/N] ")
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if strings.TrimSpace(line) != "y" {
		return errors.New("nothing was done")
	}
	return nil
}

// rehearse has a run against AWS reach somebody else under AWS's names.
func rehearse(t *conformance.Target, o options) error {
	pem, err := os.ReadFile(o.roots)
	if err != nil {
		return fmt.Errorf("read the authority of -via: %w", err)
	}
	t.Name, t.Via, t.Roots, t.Settled = "rehearsal of AWS by way of "+o.via, o.via, x509.NewCertPool(), 80*time.Millisecond
	if !t.Roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate", o.roots)
	}
	return nil
}

// proof is a statement in the name of a test.
var proof = regexp.MustCompile(`DP[-_]?(\d{3})`)

// passedTests runs the Go tests of the data plane and returns the statements in the names of those that passed.
func passedTests(ctx context.Context) (map[int]bool, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "./internal/gateway/...", "./internal/service/connections/...", "./internal/vtl/...", "./internal/selection/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		return nil, fmt.Errorf("run the Go tests: %w", err)
	}
	return readTests(out), nil
}
