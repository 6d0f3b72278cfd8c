package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/events"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/service/lambda"
	"github.com/sallyport/sallyport/internal/service/scheduler"
	"github.com/sallyport/sallyport/internal/service/sns"
	"github.com/sallyport/sallyport/internal/service/sqs"
	"github.com/sallyport/sallyport/internal/store"
)

// newMessaging builds what carries messages between services: queues, topics, events, schedules.
func (s *Server) newMessaging(stores store.Stores, b bus.Bus, functions *lambda.Service) []service {
	cfg := s.cfg
	s.sender = delivery.New(functions, services{s})
	s.Logs.Connect(functions)
	web := newWeb()
	s.events = events.New(events.Config{Stores: stores, Bus: b, Targets: s.sender, Web: web, Log: cfg.Log})
	return []service{
		{"queues", sqs.New(sqs.Config{Stores: stores, LaxPermissions: cfg.LaxPermissions, Log: cfg.Log})},
		{"events", s.events},
		{"topics", sns.New(sns.Config{Stores: stores, Bus: b, Targets: s.sender, Web: web, LaxPermissions: cfg.LaxPermissions, Log: cfg.Log})},
		{"schedules", scheduler.New(scheduler.Config{Stores: stores, Bus: b, Targets: s.sender, Log: cfg.Log})},
	}
}

// services are all operations of this server, which is there when the first of them is called.
type services struct{ s *Server }

func (c services) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	return c.s.catalog.Call(ctx, service, operation, in)
}

// destinations takes what is left of asynchronous events of functions.
type destinations struct{ s *Server }

// Deliver implements lambda.Destinations.
func (d destinations) Deliver(ctx context.Context, arn string, record []byte, attributes map[string]string) error {
	c := awsapi.CallerOf(ctx)
	t := delivery.Target{ARN: arn, Account: c.Account, Region: c.Region, RequestID: c.RequestID, Attributes: attributes}
	var about struct {
		RequestContext struct {
			FunctionARN string `json:"functionArn"`
			Condition   string `json:"condition"`
		} `json:"requestContext"`
	}
	if json.Unmarshal(record, &about) == nil { // a dead letter is the event itself, and says nothing of that
		outcome := "Failure"
		if about.RequestContext.Condition == "Success" {
			outcome = "Success"
		}
		t.EventSource, t.DetailType = "lambda", "Lambda Function Invocation Result - "+outcome
		t.Source, t.Resources = about.RequestContext.FunctionARN, []string{arn, about.RequestContext.FunctionARN}
	}
	return d.s.sender.Send(ctx, t, record)
}

// A web makes HTTP calls for API destinations, subscriptions and tasks.
type web struct{ client *http.Client }

func newWeb() web {
	return web{&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

// Do implements events.Web.
func (w web) Do(ctx context.Context, method, url string, header map[string]string, body []byte) (int, []byte, error) {
	all := make(map[string][]string, len(header))
	for k, v := range header {
		all[k] = []string{v}
	}
	status, _, answer, err := w.Fetch(ctx, method, url, all, body)
	return status, answer, err
}

// Fetch implements states.Web.
func (w web) Fetch(ctx context.Context, method, url string, header map[string][]string, body []byte) (status int, answer map[string][]string, content []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("make request: %w", err)
	}
	for k, values := range header {
		req.Header.Del(k)
		for _, v := range values {
			req.Header.Add(k, v)
		}
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	if content, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return 0, nil, nil, fmt.Errorf("read answer: %w", err)
	}
	return resp.StatusCode, resp.Header, content, nil
}
