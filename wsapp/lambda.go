package wsapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// runtimeVariable is set where a program is a Lambda function.
const runtimeVariable = "AWS_LAMBDA_RUNTIME_API"

// InLambda reports whether the program is a Lambda function, on AWS or on Sallyport.
func InLambda() bool { return os.Getenv(runtimeVariable) != "" }

// Lambda answers events until ctx is done or the runtime ends the program; it is the program's life on AWS.
func (a *App) Lambda(ctx context.Context) error {
	if err := a.check(); err != nil {
		return err
	}
	l := &lambda{app: a, url: "http://" + os.Getenv(runtimeVariable) + "/2018-06-01/runtime/invocation/", client: &http.Client{Transport: &http.Transport{}}}
	for {
		if err := l.next(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// A lambda speaks Lambda's runtime API.
type lambda struct {
	app    *App
	url    string
	client *http.Client
}

// next waits for an event and answers it.
func (l *lambda) next(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"next", nil)
	if err != nil {
		return err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return fmt.Errorf("wait for an event: %w", err)
	}
	event, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("wait for an event: status %d", resp.StatusCode)
	}
	id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
	if ms, err := strconv.ParseInt(resp.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64); err == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, time.UnixMilli(ms))
		defer cancel()
	}
	if trace := resp.Header.Get("Lambda-Runtime-Trace-Id"); trace != "" {
		os.Setenv("_X_AMZN_TRACE_ID", trace)
	}
	answer, err := l.invoke(ctx, event)
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		return l.post(ctx, id+"/response", answer, "")
	}
	kind := fmt.Sprintf("%T", cause(err))
	failure, _ := json.Marshal(map[string]string{"errorMessage": err.Error(), "errorType": kind})
	fmt.Fprintln(os.Stderr, err)
	return l.post(ctx, id+"/error", failure, kind)
}

func (l *lambda) invoke(ctx context.Context, event []byte) ([]byte, error) {
	out, err := l.app.Invoke(ctx, event)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// cause returns the error that the others were wrapped around.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func (l *lambda) post(ctx context.Context, path string, body []byte, failure string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if failure != "" {
		req.Header.Set("Lambda-Runtime-Function-Error-Type", failure)
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return fmt.Errorf("answer event: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusRequestEntityTooLarge {
		return fmt.Errorf("answer event: status %d", resp.StatusCode)
	}
	return nil
}
