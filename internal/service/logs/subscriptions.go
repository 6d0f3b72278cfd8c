package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/logs/pattern"
)

// Functions starts functions for subscription filters.
type Functions interface {
	// EnqueueFrom accepts an asynchronous call for another service; it is durable on return.
	EnqueueFrom(ctx context.Context, principal, sourceARN, functionARN string, event []byte) error
}

const (
	subscriptionsPrefix = "subscribe/" // {account}/{region}/{group}: subscriptions
	maxSubscriptions    = 2            // of a group
	feedWorkers         = 16
	feedBytes           = 128 << 10 // of messages in one call
	feedAttempts        = 20
)

func (p place) subscriptionsKey(group string) string {
	return subscriptionsPrefix + p.Account + "/" + p.Region + "/" + group
}

// subscriptions are the subscription filters of a group.
type subscriptions struct {
	Filters []subscription `json:"filters"`
}

type subscription struct {
	Name         string `json:"name"`
	Pattern      string `json:"pattern"`
	Destination  string `json:"destination"`
	Role         string `json:"role,omitempty"`
	Distribution string `json:"distribution,omitempty"`
	Created      int64  `json:"created"`
}

// A feeding is lines on their way to a function.
type feeding struct {
	Place  place    `json:"place"`
	Group  string   `json:"group"`
	Stream string   `json:"stream"`
	Filter string   `json:"filter"`
	To     string   `json:"to"`
	Lines  []fedLog `json:"lines"`
}

type fedLog struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// Connect tells the service whom subscription filters call. It is called before Run; without it they call nobody.
func (s *Service) Connect(f Functions) { s.functions = f }

// feed queues new lines for the functions that the group's subscription filters name.
func (s *Service) feed(ctx context.Context, key logKey, events []event) {
	if s.functions == nil || s.subscribed.Ready(ctx) != nil {
		return
	}
	subs, err := s.subscribed.Get(ctx, key.subscriptionsKey(key.group))
	if err != nil || subs == nil {
		return
	}
	for _, sub := range subs.Filters {
		p, err := pattern.Parse(sub.Pattern)
		if err != nil { // it was checked when it was put
			continue
		}
		f := feeding{Place: key.place, Group: key.group, Stream: key.stream, Filter: sub.Name, To: sub.Destination}
		size := 0
		for i, e := range events {
			if !p.Match(e.message) {
				continue
			}
			if size += len(e.message); size > feedBytes && len(f.Lines) > 0 {
				s.sendFeeding(ctx, f)
				f.Lines, size = nil, len(e.message)
			}
			f.Lines = append(f.Lines, fedLog{fmt.Sprintf("%013d%019d%024d", e.at, e.ingested, i), e.at, e.message})
		}
		s.sendFeeding(ctx, f)
	}
}

func (s *Service) sendFeeding(ctx context.Context, f feeding) {
	if len(f.Lines) == 0 {
		return
	}
	data, err := zip(f)
	if err == nil {
		err = s.feedings.Send(ctx, "", data, time.Time{})
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("log lines were not given to a subscription", "group", f.Group, "filter", f.Filter, "lines", len(f.Lines), "err", err)
	}
}

// zip encodes and compresses: a queue takes a megabyte at most, and lines are alike.
func zip(v any) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return nil, fmt.Errorf("encode log lines: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress log lines: %w", err)
	}
	return out.Bytes(), nil
}

func unzip(data []byte, v any) error {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return json.NewDecoder(r).Decode(v)
}

// feedLoop calls the functions of subscription filters.
func (s *Service) feedLoop(ctx context.Context) {
	err := s.feedings.Run(ctx, feedWorkers, func(ctx context.Context, j bus.Job) error {
		var f feeding
		if err := unzip(j.Data, &f); err != nil {
			s.log.Error("log lines for a subscription cannot be read and are dropped", "job", j.ID, "err", err)
			return nil
		}
		err := s.callSubscriber(ctx, f)
		var refused *awsapi.Error
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && refused.Status < 500 && refused.Status != 429, j.Attempt >= feedAttempts:
			s.log.Warn("a subscription filter's function was not called", "group", f.Group, "filter", f.Filter, "function", f.To, "err", err)
			return nil
		}
		return &bus.Retry{After: min(time.Second<<min(j.Attempt, 8), 5*time.Minute), Err: err}
	})
	if err != nil {
		s.log.Error("subscription filters are not served any more", "err", err)
	}
}

// callSubscriber calls a function in the name of CloudWatch Logs, which has two names.
func (s *Service) callSubscriber(ctx context.Context, f feeding) error {
	data, err := zip(struct {
		Type    string   `json:"messageType"`
		Owner   string   `json:"owner"`
		Group   string   `json:"logGroup"`
		Stream  string   `json:"logStream"`
		Filters []string `json:"subscriptionFilters"`
		Events  []fedLog `json:"logEvents"`
	}{"DATA_MESSAGE", f.Place.Account, f.Group, f.Stream, []string{f.Filter}, f.Lines})
	if err != nil {
		return err
	}
	event := []byte(`{"awslogs":{"data":"` + base64.StdEncoding.EncodeToString(data) + `"}}`)
	ctx = awsapi.WithCaller(ctx, awsapi.Caller{Account: f.Place.Account, Region: f.Place.Region, RequestID: awsapi.NewRequestID(), Admin: true})
	source := groupARN(f.Place, f.Group) + ":*"
	err = s.functions.EnqueueFrom(ctx, "logs.amazonaws.com", source, f.To, event)
	if awsapi.Code(err) == "AccessDeniedException" {
		return s.functions.EnqueueFrom(ctx, "logs."+f.Place.Region+".amazonaws.com", source, f.To, event)
	}
	return err
}

func (s *Service) putSubscriptionFilter(ctx context.Context, in *shapes.PutSubscriptionFilterInput) (*shapes.PutSubscriptionFilterOutput, error) {
	return &shapes.PutSubscriptionFilterOutput{}, s.putSubscription(ctx, *in.LogGroupName, subscription{
		Name: *in.FilterName, Pattern: value(in.FilterPattern), Destination: *in.DestinationArn, Role: value(in.RoleArn), Distribution: value(in.Distribution),
	})
}

func (s *Service) putSubscription(ctx context.Context, group string, sub subscription) error {
	p := placeOf(ctx)
	a, err := arn.Parse(sub.Destination)
	switch {
	case err != nil:
		return errParameter("Invalid destinationArn: %s", sub.Destination)
	case a.Service != "lambda" && sub.Role == "":
		return errParameter("destinationArn for vendor %s cannot be used without roleArn", a.Service)
	case a.Service != "lambda":
		return errParameter("Sallyport delivers log events to functions only, not to %s.", a.Service)
	case a.Account != p.Account:
		return awsapi.Errorf("AccessDeniedException", 400, "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create cross account lambda triggers.")
	}
	if _, err := parsePattern(&sub.Pattern); err != nil {
		return err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	if _, _, err := s.readGroup(ctx, docs, group); err != nil {
		return err
	}
	sub.Created = s.millis()
	_, err = s.subscribed.Edit(ctx, p.subscriptionsKey(group), func(all *subscriptions) (*subscriptions, error) {
		if all == nil {
			all = &subscriptions{}
		}
		if i := slices.IndexFunc(all.Filters, func(old subscription) bool { return old.Name == sub.Name }); i >= 0 {
			sub.Created = all.Filters[i].Created
			all.Filters[i] = sub
			return all, nil
		}
		if len(all.Filters) == maxSubscriptions {
			return nil, awsapi.Errorf("LimitExceededException", 400, "Resource limit exceeded.")
		}
		all.Filters = append(all.Filters, sub)
		return all, nil
	})
	return err
}

func (s *Service) describeSubscriptionFilters(ctx context.Context, in *shapes.DescribeSubscriptionFiltersInput) (*shapes.DescribeSubscriptionFiltersOutput, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if _, _, err := s.readGroup(ctx, docs, *in.LogGroupName); err != nil {
		return nil, err
	}
	all, err := s.subscribed.Get(ctx, placeOf(ctx).subscriptionsKey(*in.LogGroupName))
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeSubscriptionFiltersOutput{SubscriptionFilters: []*shapes.SubscriptionFilter{}}
	if all == nil {
		return out, nil
	}
	for _, sub := range all.Filters {
		if !strings.HasPrefix(sub.Name, value(in.FilterNamePrefix)) {
			continue
		}
		shown := &shapes.SubscriptionFilter{
			FilterName: &sub.Name, LogGroupName: in.LogGroupName, FilterPattern: &sub.Pattern, DestinationArn: &sub.Destination, Distribution: new("ByLogStream"), CreationTime: &sub.Created,
		}
		if sub.Role != "" {
			shown.RoleArn = &sub.Role
		}
		if sub.Distribution != "" {
			shown.Distribution = &sub.Distribution
		}
		out.SubscriptionFilters = append(out.SubscriptionFilters, shown)
	}
	return out, nil
}

func (s *Service) deleteSubscriptionFilter(ctx context.Context, in *shapes.DeleteSubscriptionFilterInput) (*shapes.DeleteSubscriptionFilterOutput, error) {
	return &shapes.DeleteSubscriptionFilterOutput{}, s.removeSubscription(ctx, *in.LogGroupName, *in.FilterName)
}

func (s *Service) removeSubscription(ctx context.Context, group, name string) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	if _, _, err := s.readGroup(ctx, docs, group); err != nil {
		return err
	}
	_, err = s.subscribed.Edit(ctx, placeOf(ctx).subscriptionsKey(group), func(all *subscriptions) (*subscriptions, error) {
		missing := awsapi.Errorf(codeNotFound, 400, "The specified subscription filter does not exist.")
		if all == nil {
			return nil, missing
		}
		n := len(all.Filters)
		all.Filters = slices.DeleteFunc(all.Filters, func(sub subscription) bool { return sub.Name == name })
		if len(all.Filters) == n {
			return nil, missing
		}
		if len(all.Filters) == 0 {
			return nil, nil
		}
		return all, nil
	})
	return err
}
