package sns

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sns"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/eventpattern"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

// storeName is the store of topics (topic/{account}/{region}/{name}) and subscriptions (sub/{account}/{region}/{topic}/{id}).
const storeName = "sns"

// Web makes HTTP calls to subscribers.
type Web interface {
	Do(ctx context.Context, method, url string, header map[string]string, body []byte) (status int, answer []byte, err error)
}

// A Config says what the service stands on.
type Config struct {
	Stores  store.Stores
	Bus     bus.Bus
	Targets *delivery.Sender
	Web     Web
	Log     *slog.Logger

	// LaxPermissions only warns where the policy of a topic does not let a service publish on it.
	LaxPermissions bool
}

// Service is Amazon SNS.
type Service struct {
	cfg    Config
	topics *follow.Copy[topic]
	subs   *follow.Copy[subscription]
	jobs   *bus.Later
	order  order

	mu      sync.RWMutex // guards filters
	filters map[string]*eventpattern.Pattern
}

type topic struct {
	Account    string
	Region     string
	Name       string
	Attributes map[string]string `json:",omitempty"`
	Tags       map[string]string `json:",omitempty"`
	Token      string            `json:",omitempty"`
}

type subscription struct {
	Topic      string // ARN
	ID         string
	Owner      string
	Protocol   string
	Endpoint   string
	Pending    string            `json:",omitempty"` // the token that confirms it
	Attributes map[string]string `json:",omitempty"`
}

// New returns the service. It answers while Run runs.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, jobs: &bus.Later{Bus: cfg.Bus, Name: "sns-deliver"}, filters: map[string]*eventpattern.Pattern{}}
	s.topics = follow.New[topic](cfg.Stores, storeName, "topic/", cfg.Log, nil)
	s.subs = follow.New(cfg.Stores, storeName, "sub/", cfg.Log, s.compile)
	return s
}

// compile makes a subscription's filter ready.
func (s *Service) compile(key string, sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.filters, key)
	if sub == nil || sub.Attributes["FilterPolicy"] == "" {
		return
	}
	p, err := eventpattern.Parse(sub.Attributes["FilterPolicy"])
	if err != nil {
		s.cfg.Log.Error("a filter policy cannot be read; the subscription gets every message", "subscription", sub.arn(), "err", err)
		return
	}
	s.filters[key] = p
}

// Run follows the store and delivers messages until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	errs := make([]error, 3)
	for i, part := range []func(context.Context) error{s.topics.Run, s.subs.Run, s.deliverAll} {
		parts.Go(func() {
			errs[i] = part(ctx)
			cancel()
		})
	}
	parts.Wait()
	return errors.Join(errs...)
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"CreateTopic":               awsapi.Op(s.createTopic),
		"DeleteTopic":               awsapi.Op(s.deleteTopic),
		"ListTopics":                awsapi.Op(s.listTopics),
		"GetTopicAttributes":        awsapi.Op(s.getTopicAttributes),
		"SetTopicAttributes":        awsapi.Op(s.setTopicAttributes),
		"AddPermission":             awsapi.Op(s.addPermission),
		"RemovePermission":          awsapi.Op(s.removePermission),
		"Subscribe":                 awsapi.Op(s.subscribe),
		"ConfirmSubscription":       awsapi.Op(s.confirmSubscription),
		"Unsubscribe":               awsapi.Op(s.unsubscribe),
		"ListSubscriptions":         awsapi.Op(s.listSubscriptions),
		"ListSubscriptionsByTopic":  awsapi.Op(s.listSubscriptionsByTopic),
		"GetSubscriptionAttributes": awsapi.Op(s.getSubscriptionAttributes),
		"SetSubscriptionAttributes": awsapi.Op(s.setSubscriptionAttributes),
		"Publish":                   awsapi.Op(s.publish),
		"PublishBatch":              awsapi.Op(s.publishBatch),
		"TagResource":               awsapi.Op(s.tagResource),
		"UntagResource":             awsapi.Op(s.untagResource),
		"ListTagsForResource":       awsapi.Op(s.listTagsForResource),
	}
}

func topicKey(account, region, name string) string {
	return "topic/" + account + "/" + region + "/" + name
}

func (t *topic) key() string  { return topicKey(t.Account, t.Region, t.Name) }
func (t *topic) arn() string  { return arn.New("sns", t.Region, t.Account, t.Name).String() }
func (t *topic) fifo() bool   { return strings.HasSuffix(t.Name, ".fifo") }
func (t *topic) subs() string { return "sub/" + t.Account + "/" + t.Region + "/" + t.Name + "/" }

func (s *subscription) arn() string { return s.Topic + ":" + s.ID }

func (s *subscription) key() string {
	a, _ := arn.Parse(s.Topic) // made by us
	return "sub/" + a.Account + "/" + a.Region + "/" + a.Resource + "/" + s.ID
}

func errInvalid(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameter", 400, "Invalid parameter: "+format, args...)
}

func errNoTopic() error { return awsapi.Errorf("NotFound", 404, "Topic does not exist") }

func errNoSubscription() error { return awsapi.Errorf("NotFound", 404, "Subscription does not exist") }

// findTopic returns the topic of an ARN.
func (s *Service) findTopic(ctx context.Context, text string) (*topic, error) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "sns" || strings.Contains(a.Resource, ":") {
		return nil, errInvalid("TopicArn Reason: An ARN must have at least 6 elements, not %d", strings.Count(text, ":")+1)
	}
	t, err := s.topics.Get(ctx, topicKey(a.Account, a.Region, a.Resource))
	if err == nil && t == nil {
		err = errNoTopic()
	}
	return t, err
}

// findSubscription returns the subscription of an ARN.
func (s *Service) findSubscription(ctx context.Context, text string) (*subscription, error) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 || strings.Count(text, ":") != 6 {
		return nil, errInvalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not %d", strings.Count(text, ":")+1)
	}
	sub, err := s.subs.Get(ctx, (&subscription{Topic: text[:i], ID: text[i+1:]}).key())
	if err == nil && sub == nil {
		err = errNoSubscription()
	}
	return sub, err
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
