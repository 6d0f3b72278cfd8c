package conformance_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport/sallyport/conformance"
	"github.com/sallyport/sallyport/internal/server"
)

// byTest are the statements that no case can prove, but a Go test does: they are about a client, not about the wire.
var byTest = map[int]bool{284: true, 286: true}

func TestEveryStatementHasACase(t *testing.T) {
	suite, err := conformance.Load()
	if err != nil {
		t.Fatal(err)
	}
	has := map[int]bool{}
	for _, g := range suite.Groups {
		for _, c := range g.Cases {
			for _, n := range c.Statements {
				has[n] = true
			}
			if len(c.Steps) == 0 {
				t.Errorf("%s:%d does nothing", c.File, c.Line)
			}
		}
	}
	for n := 1; n <= conformance.Last; n++ {
		if _, impossible := suite.Impossible[n]; !has[n] && !impossible && !byTest[n] {
			t.Errorf("DP-%03d has no case and no reason", n)
		}
	}
}

// open returns Sallyport in this process, with a clock that cases move.
func open(t *testing.T) *conformance.Target {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is missing: the cases' functions are written in it")
		}
		t.Skip("node is missing: the cases' functions are written in it")
	}
	var ahead atomic.Int64
	s, err := server.New(t.Context(), server.Config{
		Data: t.TempDir(), Listen: "127.0.0.1:0", Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-s.Ready()
	key, _ := s.Credentials()
	target := &conformance.Target{
		Name: "Sallyport", Endpoint: s.Endpoint(), Region: s.Region(), KeyID: key.AccessKeyID, Secret: key.Secret,
		Advance:  func(d time.Duration) { ahead.Add(int64(d)); s.Sweep() },
		Patience: 30 * time.Second, Settled: 400 * time.Millisecond, // others use this machine too
	}
	if err := target.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close(context.WithoutCancel(t.Context())) })
	return target
}

func all(*conformance.Case) bool { return true }

// TestCases runs them all.
func TestCases(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	suite, err := conformance.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range conformance.Run(t.Context(), open(t), suite, 8, all) {
		t.Run(r.Case.Name(), func(t *testing.T) {
			if r.Skipped != "" {
				r.Err = errors.New("left out: " + r.Skipped)
			}
			if r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
}

// wrong are cases that expect what does not happen. The runner has to find out.
const wrong = `
api
  route $connect lambda
  route $disconnect lambda
  route two lambda two-way
  handle two return {"statusCode":200,"body":"x"}

case DP-001 another status
  from documented
  connect -> 403

case DP-001 another body of a refusal
  from documented
  connect /none -> 403 {"message":"Other"}

case DP-001 a header that is not there
  from documented
  connect
  header X-Foo 1

case DP-001 another frame
  from documented
  connect
  send {"action":"two"}
  frame y

case DP-001 silence where there is a frame
  from documented
  connect
  send {"action":"two"}
  silence

case DP-001 a frame where there is silence
  from documented
  connect
  frame x

case DP-001 another close code
  from documented
  connect
  close 1000
  closed 1001

case DP-001 an event that does not come
  from documented
  connect
  event two

case DP-001 an event without its member
  from documented
  connect
  event $connect {"requestContext":{"nothing":"<any>"}}

case DP-001 an event with a member that should be absent
  from documented
  connect
  event $connect {"requestContext":"<absent>"}

case DP-001 an event with more members than it may have
  from documented
  connect
  event $connect {"<only>":true}

case DP-001 an event that should not come
  from documented
  connect
  no-event $connect

case DP-001 another count of events
  from documented
  connect
  events $connect 2

case DP-001 an answer with another status
  from documented
  connect
  post hello -> 410

case DP-001 an answer with another body
  from documented
  connect
  get -> 200 {"identity":{"sourceIp":"~^x$"}}

case DP-001 two that are the same
  from documented
  differ a a

case DP-001 an upgrade that was too fast
  from documented
  connect
  took >= 20s

case DP-001 a word that is none
  from documented
  connect
  dance

case DP-001 a placeholder that is none
  from documented
  connect /%{nothing}
`

func TestWrongCasesFail(t *testing.T) {
	suite, err := conformance.LoadFrom(fstest.MapFS{"cases/wrong.txt": {Data: []byte(wrong)}})
	if err != nil {
		t.Fatal(err)
	}
	target := open(t)
	target.Patience = 300 * time.Millisecond
	results := conformance.Run(t.Context(), target, suite, 1, all)
	if want := strings.Count(wrong, "\ncase "); len(results) != want {
		t.Fatalf("%d results of %d cases", len(results), want)
	}
	for _, r := range results {
		if r.Err == nil {
			t.Errorf("%s: passed", r.Case.Title)
		}
	}
}

func TestScore(t *testing.T) {
	suite := &conformance.Suite{Impossible: map[int]string{5: "because"}}
	of := func(n int) *conformance.Case { return &conformance.Case{Statements: []int{n}, Title: "x"} }
	score := conformance.ScoreOf(suite, []conformance.Result{
		{Case: of(1)}, {Case: of(2), Err: errors.New("no")}, {Case: of(2)}, {Case: of(3), Skipped: "later"},
	}, map[int]bool{1: true, 2: true, 4: true})
	for n, want := range map[int]string{1: conformance.ByCase, 2: conformance.Failing, 3: conformance.NotYet, 4: conformance.ByTest, 5: conformance.Impossible} {
		if got := score.State[n]; got != want {
			t.Errorf("statement %d is %q, want %q", n, got, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(wrong)
	f.Add("case DP-001 x\n")
	f.Add("  x\n")
	f.Fuzz(func(t *testing.T, text string) {
		suite, err := conformance.LoadFrom(fstest.MapFS{"cases/a.txt": {Data: []byte(text)}})
		if err != nil {
			return
		}
		for _, g := range suite.Groups {
			for _, c := range g.Cases {
				if len(c.Statements) == 0 || c.Title == "" || c.Provenance == "" {
					t.Errorf("a case without statement, title or provenance: %+v", c)
				}
			}
		}
	})
}
