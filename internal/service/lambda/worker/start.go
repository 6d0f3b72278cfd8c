package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
)

const (
	initLimit = 10 * time.Second // AWS: then it is tried once more, in the time of the first request

	// renewBefore is how long before the end of its credentials a process gets its last request, besides its time limit.
	renewBefore = 5 * time.Minute
)

// startEnvironment starts a process and waits until it asks for work.
func (p *Pool) startEnvironment(spec *Spec, g *group) (got grant) {
	e, err := p.spawn(spec, g, p.initLimit, false)
	defer func(first *environment) { got.ran = first.process != nil }(e)
	if errors.Is(err, errInitTime) {
		e.log.initReport(time.Now(), p.initLimit, "timeout", "")
		e, err = p.spawn(spec, g, spec.timeout(), true)
		if errors.Is(err, errInitTime) {
			return grant{log: e.log, init: spec.timeout()}
		}
		if e != nil {
			e.late = min(e.initTook, spec.timeout()-time.Millisecond)
		}
	}
	if err != nil {
		l := newLogStream(spec)
		if e != nil {
			l = e.log
		}
		return grant{err: err, log: l}
	}
	e.mu.Lock()
	failed, ended, exit := e.failed, e.ended, e.exitedBy
	e.mu.Unlock()
	if failed == nil && !ended {
		e.out.sync() // what it wrote while loading comes before the first START
		return grant{env: e, log: e.log}
	}
	// The rest of its output belongs before the report.
	e.kill()
	<-e.gone
	took := time.Since(e.begun)
	errorType := "Runtime.ExitError"
	if failed != nil {
		errorType = failed.errorType
	}
	e.log.initReport(time.Now(), took, "error", errorType)
	return grant{failed: failed, ended: ended, exit: exit, log: e.log, init: took}
}

// spawn starts a process and waits for the end of its initialization, which may be a failure. The error is errInitTime if
// that takes longer than limit; the process is gone then. It may be the second attempt.
func (p *Pool) spawn(spec *Spec, g *group, limit time.Duration, second bool) (*environment, error) {
	e := &environment{pool: p, second: second, group: g, spec: spec, log: newLogStream(spec), ready: make(chan struct{}), gone: make(chan struct{})}
	var err error
	if e.launch, err = p.opts.Runtimes.Launch(spec.function()); err != nil {
		return e, err
	}
	p.warnOnce(e.launch.Warning)
	var cred Credentials
	if spec.Credentials != nil {
		ctx, cancel := context.WithTimeout(e.log.ctx, limit)
		cred, err = spec.Credentials(ctx)
		cancel()
		if err != nil {
			return e, fmt.Errorf("get credentials of the function's role: %w", err)
		}
		if !cred.Expires.IsZero() {
			e.expires = cred.Expires.Add(-min(spec.timeout()+renewBefore, time.Until(cred.Expires)/2))
		}
	}
	if err := e.start(cred); err != nil {
		return e, err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-e.ready:
	case <-timer.C:
		e.retireNow()
		<-e.gone
		return e, errInitTime
	case <-p.stopping:
		e.kill()
		<-e.gone
		return e, ErrStopped
	}
	return e, nil
}

func (p *Pool) warnOnce(text string) {
	if text == "" {
		return
	}
	p.mu.Lock()
	said := p.warned[text]
	p.warned[text] = true
	p.mu.Unlock()
	if !said {
		p.opts.Log.Warn(text)
	}
}

// start starts the process, and the goroutines that speak with it and watch it.
func (e *environment) start(cred Credentials) error {
	p := e.pool
	talk, err := e.open()
	if err != nil {
		return err
	}
	e.close = talk.close
	cmd := command{argv: e.launch.Argv, dir: e.spec.codeDir(), extra: talk.file}
	cmd.env = append(variablesOf(e.spec, e.launch, e.log.name, talk.api, cred).list(), talk.env...)
	e.begun = time.Now()
	e.log.initStart(e.begun, e.launch.Version, e.spec.Region)
	reply := make(chan spawned, 1)
	var got spawned
	select {
	case p.spawns <- spawn{cmd, reply}:
		got = <-reply
	case <-p.stopping:
		got.err = ErrStopped
	}
	if talk.file != nil {
		talk.file.Close()
	}
	if got.err != nil {
		close(e.gone)
		p.wg.Go(talk.run)
		talk.close()
		return awsPath(got.err, e.spec)
	}
	e.process = got.process
	e.out = &output{file: got.out, log: e.log}
	p.mu.Lock()
	p.live[e] = struct{}{}
	if !e.second {
		p.starts--
	}
	stopped := p.stopped
	p.mu.Unlock()
	p.wg.Go(e.out.run)
	p.wg.Go(e.watch)
	p.wg.Go(talk.run)
	if stopped {
		e.kill()
	}
	return nil
}

// awsPath words the error of a program that could not be started as AWS does, with AWS's path.
func awsPath(err error, spec *Spec) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		if rel, relErr := filepath.Rel(spec.codeDir(), pe.Path); relErr == nil && filepath.IsLocal(rel) {
			return &runtime.EntrypointError{Text: fmt.Sprintf("%s /var/task/%s: %v", pe.Op, filepath.ToSlash(rel), pe.Err)}
		}
	}
	return err
}

// retireNow ends the process whatever it does.
func (e *environment) retireNow() {
	e.mu.Lock()
	e.dying = true
	e.mu.Unlock()
	e.kill()
}

// talk is how we speak with a process.
type talk struct {
	api   string   // AWS_LAMBDA_RUNTIME_API
	env   []string // further variables
	file  *os.File // file 3 of the process
	run   func()   // until close, or the end of what the process sends
	close func()   // once the process has ended: takes what it has sent before, and ends run
}

// lastWords is how long we read on after the end of a process. What it has sent is there already; only a stray child that
// has inherited the connection keeps it open.
const lastWords = 200 * time.Millisecond

// open prepares what a process speaks.
func (e *environment) open() (talk, error) {
	if e.launch.Speaks != runtime.Frames {
		return e.openAPI()
	}
	conn, theirs, err := socketPair()
	if err != nil {
		return talk{}, err
	}
	f := &frames{env: e, conn: raw(conn), done: make(chan struct{})}
	// AWS: the variable is always set. Nothing is served there: our bootstraps have their own socket.
	return talk{api: "127.0.0.1:9001", file: theirs, run: f.run, close: f.close}, nil
}
