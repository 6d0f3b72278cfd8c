package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sqs"
	"github.com/sallyport/sallyport/internal/policy"
)

// guarded are the services that need the queue's policy to send to it. What others do, they do with a role's rights.
var guarded = []string{"events.amazonaws.com", "sns.amazonaws.com", "s3.amazonaws.com"}

// maySend checks the queue's policy for a service that sends on behalf of a resource.
func (s *Service) maySend(ctx context.Context, q *queue) error {
	c := awsapi.CallerOf(ctx)
	if !slices.Contains(guarded, c.Service) {
		return nil
	}
	source, _ := arn.Parse(c.ARN)
	if text := q.Attributes["Policy"]; text != "" {
		doc, err := policy.Parse([]byte(text))
		if err == nil && policy.Evaluate([]*policy.Document{doc}, policy.Request{
			Action: "sqs:SendMessage", Resource: q.arn(), Principal: policy.Principal{Service: c.Service},
			Context: map[string][]string{"aws:SourceArn": {c.ARN}, "aws:SourceAccount": {source.Account}},
		}) == policy.Allow {
			return nil
		}
	}
	if s.cfg.LaxPermissions {
		s.cfg.Log.Warn("AWS would refuse this message: the queue's policy does not allow it", "queue", q.Name, "principal", c.Service, "sourceArn", c.ARN)
		return nil
	}
	return failure("AccessDeniedException", "AccessDenied",
		"%s is not authorized to perform: sqs:SendMessage on resource: %s because no resource-based policy allows the sqs:SendMessage action; an AWS::SQS::QueuePolicy for principal %s with aws:SourceArn %s is missing",
		c.Service, q.arn(), c.Service, c.ARN)
}

type document struct {
	Version   string
	ID        string `json:"Id,omitempty"`
	Statement []json.RawMessage
}

type statement struct {
	Sid       string
	Effect    string
	Principal map[string]any
	Action    any
	Resource  string
}

// editPolicy changes the statements of the queue's policy.
func (s *Service) editPolicy(ctx context.Context, q *queue, f func(*document) error) error {
	_, err := s.edit(ctx, q, func(q *queue) error {
		doc := document{Version: "2008-10-17", ID: q.arn() + "/SQSDefaultPolicy"}
		if text := q.Attributes["Policy"]; text != "" {
			if err := json.Unmarshal([]byte(text), &doc); err != nil {
				return fmt.Errorf("decode policy: %w", err)
			}
		}
		if err := f(&doc); err != nil {
			return err
		}
		if q.Attributes == nil {
			q.Attributes = map[string]string{}
		}
		delete(q.Attributes, "Policy")
		if len(doc.Statement) > 0 {
			text, err := json.Marshal(doc)
			if err != nil {
				return fmt.Errorf("encode policy: %w", err)
			}
			q.Attributes["Policy"] = string(text)
		}
		return nil
	})
	return err
}

func (s *Service) addPermission(ctx context.Context, in *shapes.AddPermissionInput) (*shapes.AddPermissionOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	st := statement{Sid: *in.Label, Effect: "Allow", Principal: map[string]any{}, Resource: q.arn()}
	var accounts, actions []string
	for _, a := range in.AWSAccountIds {
		accounts = append(accounts, "arn:aws:iam::"+a+":root")
	}
	for _, a := range in.Actions {
		actions = append(actions, "SQS:"+a)
	}
	st.Principal["AWS"], st.Action = accounts, actions
	return &shapes.AddPermissionOutput{}, s.editPolicy(ctx, q, func(d *document) error {
		if d.index(*in.Label) >= 0 {
			return errInvalid("Value %s for parameter Label is invalid. Reason: Already exists.", *in.Label)
		}
		raw, err := json.Marshal(st)
		if err != nil {
			return fmt.Errorf("encode statement: %w", err)
		}
		d.Statement = append(d.Statement, raw)
		return nil
	})
}

func (d *document) index(sid string) int {
	return slices.IndexFunc(d.Statement, func(raw json.RawMessage) bool {
		var st struct{ Sid string }
		return json.Unmarshal(raw, &st) == nil && st.Sid == sid
	})
}

func (s *Service) removePermission(ctx context.Context, in *shapes.RemovePermissionInput) (*shapes.RemovePermissionOutput, error) {
	q, err := s.find(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &shapes.RemovePermissionOutput{}, s.editPolicy(ctx, q, func(d *document) error {
		i := d.index(*in.Label)
		if i < 0 {
			return errInvalid("Value %s for parameter Label is invalid. Reason: can't find label on existing policy.", *in.Label)
		}
		d.Statement = slices.Delete(d.Statement, i, i+1)
		return nil
	})
}
