package sqs

import (
	"context"
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$`)

func key(account, region, name string) string { return account + "/" + region + "/" + name }

func (q *queue) key() string { return key(q.Account, q.Region, q.Name) }
func (q *queue) arn() string { return arn.New("sqs", q.Region, q.Account, q.Name).String() }
func (q *queue) fifo() bool  { return strings.HasSuffix(q.Name, ".fifo") }

// url returns the queue's URL for the caller: on the address that the request came to, so that the client can reach it; for who
// calls from inside, the one that it has on AWS, which functions reach.
func (q *queue) url(ctx context.Context) string {
	at := awsapi.CallerOf(ctx).Endpoint
	if at == "" {
		at = "https://sqs." + q.Region + ".amazonaws.com"
	}
	return at + "/" + q.Account + "/" + q.Name
}

// find returns the queue of a URL, of which account and name count, or of a name.
func (s *Service) find(ctx context.Context, url *string) (*queue, error) {
	text := strings.TrimSuffix(value(url), "/")
	if text == "" {
		return nil, errMissing("QueueUrl")
	}
	c := awsapi.CallerOf(ctx)
	account, region, name := c.Account, c.Region, text
	if a, err := arn.Parse(text); err == nil {
		account, region, name = a.Account, a.Region, a.Resource
	} else if i := strings.LastIndexByte(text, '/'); i >= 0 {
		name = text[i+1:]
		rest := text[:i]
		account = rest[strings.LastIndexByte(rest, '/')+1:]
	}
	q, err := s.queues.Get(ctx, key(account, region, name))
	if err == nil && q == nil {
		err = errNoQueue()
	}
	return q, err
}

// findARN returns the queue of an ARN.
func (s *Service) findARN(ctx context.Context, text string) (*queue, error) {
	if !arn.Is(text) {
		return nil, errNoQueue()
	}
	return s.find(ctx, &text)
}
