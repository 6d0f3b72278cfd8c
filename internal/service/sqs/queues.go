package sqs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/store/follow"
)

func newStore() string { return "sqs-" + strings.ReplaceAll(awsapi.NewRequestID(), "-", "") }

func (s *Service) createQueue(ctx context.Context, in *shapes.CreateQueueInput) (*shapes.CreateQueueOutput, error) {
	q, err := s.makeQueue(ctx, &queue{Name: *in.QueueName, Attributes: in.Attributes, Tags: in.Tags})
	if err != nil {
		return nil, err
	}
	return &shapes.CreateQueueOutput{QueueUrl: new(q.url(ctx))}, nil
}

// makeQueue stores a queue. AWS: making one again with the same attributes is no error.
func (s *Service) makeQueue(ctx context.Context, q *queue) (*queue, error) {
	if !queueName.MatchString(q.Name) {
		return nil, errInvalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if err := checkAttributes(q.Name, q.Attributes); err != nil {
		return nil, err
	}
	if q.Attributes["FifoQueue"] == "true" && !q.fifo() {
		return nil, errInvalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
	if q.fifo() && q.Attributes["FifoQueue"] != "true" {
		return nil, errInvalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	c := awsapi.CallerOf(ctx)
	q.Account, q.Region, q.Store = c.Account, c.Region, newStore()
	q.Created = time.Now().Unix()
	q.Modified = q.Created
	if err := s.checkDeadLetters(ctx, q, q.Attributes); err != nil {
		return nil, err
	}
	return s.queues.Edit(ctx, q.key(), func(old *queue) (*queue, error) {
		if old == nil {
			return q, nil
		}
		if q.Token != "" && q.Token != old.Token {
			return nil, failure("QueueNameExists", "QueueAlreadyExists", "A queue named %s already exists.", q.Name)
		}
		shown := old.shown()
		for _, k := range slices.Sorted(maps.Keys(q.Attributes)) {
			if !sameAttribute(shown[k], q.Attributes[k]) {
				return nil, failure("QueueNameExists", "QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute %s", k)
			}
		}
		return nil, follow.ErrUnchanged
	})
}

// sameAttribute compares attributes; those that are JSON by what they say.
func sameAttribute(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	ca, _ := json.Marshal(x)
	cb, _ := json.Marshal(y)
	return string(ca) == string(cb)
}

// checkDeadLetters checks that the queue for dead letters exists and is of the same kind.
func (s *Service) checkDeadLetters(ctx context.Context, q *queue, in map[string]string) error {
	text := in["RedrivePolicy"]
	if text == "" {
		return nil
	}
	r, err := parseRedrive(text)
	if err != nil {
		return err
	}
	dead, err := s.findARN(ctx, r.Target)
	if awsapi.Code(err) != "" {
		return errInvalid("Value %s for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.", text)
	} else if err != nil {
		return err
	}
	if dead.fifo() != q.fifo() {
		kind := "standard"
		if q.fifo() {
			kind = "FIFO"
		}
		return errInvalid("Value %s for parameter RedrivePolicy is invalid. Reason: Dead-letter target owned by the same account should be a %s queue.", text, kind)
	}
	return nil
}

func (s *Service) getQueueURL(ctx context.Context, in *shapes.GetQueueUrlInput) (*shapes.GetQueueUrlOutput, error) {
	c := awsapi.CallerOf(ctx)
	account := c.Account
	if in.QueueOwnerAWSAccountId != nil {
		account = *in.QueueOwnerAWSAccountId
	}
	q, err := s.queues.Get(ctx, key(account, c.Region, *in.QueueName))
	if err != nil {
		return nil, err
	}
	if q == nil {
		return nil, errNoQueue()
	}
	return &shapes.GetQueueUrlOutput{QueueUrl: new(q.url(ctx))}, nil
}

func (s *Service) listQueues(ctx context.Context, in *shapes.ListQueuesInput) (*shapes.ListQueuesOutput, error) {
	c := awsapi.CallerOf(ctx)
	all, err := s.queues.List(ctx, key(c.Account, c.Region, value(in.QueueNamePrefix)))
	if err != nil {
		return nil, err
	}
	urls, next, err := page(ctx, all, in.MaxResults, in.NextToken)
	return &shapes.ListQueuesOutput{QueueUrls: urls, NextToken: next}, err
}

// page returns the URLs of a page of queues. AWS: without MaxResults there are a thousand and no token.
func page(ctx context.Context, all []*queue, max *int64, token *string) (urls []string, next *string, err error) {
	if token != nil {
		after, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, errInvalid("Invalid or expired next token.")
		}
		for len(all) > 0 && all[0].Name <= string(after) {
			all = all[1:]
		}
	}
	size := 1000
	if max != nil {
		if *max < 1 || *max > 1000 {
			return nil, nil, errInvalid("Value %d for parameter MaxResults is invalid. Reason: Must be between 1 and 1000, if provided.", *max)
		}
		size = int(*max)
	}
	if len(all) > size {
		all = all[:size]
		if max != nil {
			next = new(base64.RawURLEncoding.EncodeToString([]byte(all[size-1].Name)))
		}
	}
	for _, q := range all {
		urls = append(urls, q.url(ctx))
	}
	return urls, next, nil
}

func (s *Service) deleteQueue(ctx context.Context, in *shapes.DeleteQueueInput) (*shapes.DeleteQueueOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteQueueOutput{}, s.removeQueue(ctx, q)
}

func (s *Service) removeQueue(ctx context.Context, q *queue) error {
	if _, err := s.queues.Edit(ctx, q.key(), func(*queue) (*queue, error) { return nil, nil }); err != nil {
		return err
	}
	return s.drop(ctx, q.Store)
}

// drop removes the messages of a queue.
func (s *Service) drop(ctx context.Context, storeName string) error {
	s.forget(storeName)
	if err := s.cfg.Stores.Drop(ctx, storeName); err != nil {
		return fmt.Errorf("drop messages: %w", err)
	}
	blobs, err := s.cfg.Stores.Blobs(ctx)
	if err != nil {
		return fmt.Errorf("open blobs: %w", err)
	}
	keys, err := blobs.List(ctx, "sqs/"+storeName+"/")
	for _, k := range keys {
		if err == nil {
			err = blobs.Delete(ctx, k)
		}
	}
	if err != nil {
		return fmt.Errorf("drop large messages: %w", err)
	}
	return nil
}

// purgeQueue gives the queue a new store for its messages, which all nodes see at once.
func (s *Service) purgeQueue(ctx context.Context, in *shapes.PurgeQueueInput) (*shapes.PurgeQueueOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	var old string
	if _, err := s.edit(ctx, q, func(q *queue) error {
		old, q.Store = q.Store, newStore()
		return nil
	}); err != nil {
		return nil, err
	}
	return &shapes.PurgeQueueOutput{}, s.drop(ctx, old)
}

// edit changes a queue that must exist.
func (s *Service) edit(ctx context.Context, q *queue, f func(*queue) error) (*queue, error) {
	return s.queues.Edit(ctx, q.key(), func(q *queue) (*queue, error) {
		if q == nil {
			return nil, errNoQueue()
		}
		return q, f(q)
	})
}

func (s *Service) getQueueAttributes(ctx context.Context, in *shapes.GetQueueAttributesInput) (*shapes.GetQueueAttributesOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if len(in.AttributeNames) == 0 {
		return &shapes.GetQueueAttributesOutput{}, nil
	}
	all := q.shown()
	b, err := s.open(ctx, q)
	if err != nil {
		return nil, err
	}
	counts, err := b.Counts(ctx)
	if err != nil {
		return nil, err
	}
	all["ApproximateNumberOfMessages"] = strconv.Itoa(counts.Visible)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(counts.InFlight)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(counts.Delayed)
	out := map[string]string{}
	for _, name := range in.AttributeNames {
		if name == "All" {
			out = all
			break
		}
		_, known := all[name]
		if _, isNumber := numbers[name]; !known && !isNumber && words[name] == nil && !slices.Contains([]string{"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"}, name) {
			return nil, failure("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", name)
		}
		if known {
			out[name] = all[name]
		}
	}
	return &shapes.GetQueueAttributesOutput{Attributes: out}, nil
}

func (s *Service) setQueueAttributes(ctx context.Context, in *shapes.SetQueueAttributesInput) (*shapes.SetQueueAttributesOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &shapes.SetQueueAttributesOutput{}, s.setAttributes(ctx, q, in.Attributes)
}

func (s *Service) setAttributes(ctx context.Context, q *queue, in map[string]string) error {
	if err := checkAttributes(q.Name, in); err != nil {
		return err
	}
	if v, ok := in["FifoQueue"]; ok && (v == "true") != q.fifo() {
		return failure("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute FifoQueue.")
	}
	if err := s.checkDeadLetters(ctx, q, in); err != nil {
		return err
	}
	_, err := s.edit(ctx, q, func(q *queue) error {
		if q.Attributes == nil {
			q.Attributes = map[string]string{}
		}
		for k, v := range in {
			if v == "" {
				delete(q.Attributes, k)
			} else {
				q.Attributes[k] = v
			}
		}
		q.Modified = time.Now().Unix()
		return nil
	})
	return err
}

func (s *Service) tagQueue(ctx context.Context, in *shapes.TagQueueInput) (*shapes.TagQueueOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	_, err = s.edit(ctx, q, func(q *queue) error {
		if q.Tags == nil {
			q.Tags = map[string]string{}
		}
		maps.Copy(q.Tags, in.Tags)
		return nil
	})
	return &shapes.TagQueueOutput{}, err
}

func (s *Service) untagQueue(ctx context.Context, in *shapes.UntagQueueInput) (*shapes.UntagQueueOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	_, err = s.edit(ctx, q, func(q *queue) error {
		for _, k := range in.TagKeys {
			delete(q.Tags, k)
		}
		return nil
	})
	return &shapes.UntagQueueOutput{}, err
}

func (s *Service) listQueueTags(ctx context.Context, in *shapes.ListQueueTagsInput) (*shapes.ListQueueTagsOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &shapes.ListQueueTagsOutput{Tags: q.Tags}, nil
}

func (s *Service) listDeadLetterSourceQueues(ctx context.Context, in *shapes.ListDeadLetterSourceQueuesInput) (*shapes.ListDeadLetterSourceQueuesOutput, error) {
	dead, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	all, err := s.queues.List(ctx, key(dead.Account, dead.Region, ""))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(q *queue) bool {
		r, err := parseRedrive(q.Attributes["RedrivePolicy"])
		return err != nil || r.Target != dead.arn()
	})
	urls, next, err := page(ctx, all, in.MaxResults, in.NextToken)
	if urls == nil {
		urls = []string{}
	}
	return &shapes.ListDeadLetterSourceQueuesOutput{QueueUrls: urls, NextToken: next}, err
}
