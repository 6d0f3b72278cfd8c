package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
)

// Send delivers a payload, durably. Errors for which Permanent is true are *awsapi.Error.
func (s *Sender) Send(ctx context.Context, t Target, payload []byte) error {
	a, err := arn.Parse(t.ARN)
	if err != nil {
		return awsapi.Errorf("ValidationException", 400, "%s", err)
	}
	ctx = t.caller(ctx, a)
	switch a.Service {
	case "lambda":
		return s.functions.EnqueueFrom(ctx, t.Principal, t.Source, t.ARN, payload)
	case "sqs":
		return s.toQueue(ctx, t, a, payload)
	case "sns":
		return s.call(ctx, "sns", "Publish", map[string]any{"TopicArn": t.ARN, "Message": string(payload), "MessageGroupId": optional(t.GroupID), "MessageAttributes": attributes(t.Attributes)})
	case "states":
		return s.startExecution(ctx, t, payload)
	case "events":
		return s.toBus(ctx, t, payload)
	case "logs":
		return s.toLogs(ctx, t, a, payload)
	case "scheduler":
		return s.universal(ctx, t, a, payload)
	}
	return awsapi.Errorf("ValidationException", 400, "Sallyport cannot deliver to %s: it has no targets of service %s.", t.ARN, a.Service)
}

// caller is whom the target's service sees.
func (t Target) caller(ctx context.Context, a arn.ARN) context.Context {
	c := awsapi.Caller{Account: t.Account, Region: t.Region, RequestID: t.RequestID, ARN: t.Source, Service: t.Principal, Admin: true, Repeats: t.RequestID != ""}
	if a.Region != "" {
		c.Region = a.Region
	}
	if a.Account != "" {
		c.Account = a.Account
	}
	return awsapi.WithCaller(ctx, c)
}

// call runs an operation of a service. Members that are nil are left out.
func (s *Sender) call(ctx context.Context, service, operation string, in map[string]any) error {
	for k, v := range in {
		if v == nil {
			delete(in, k)
		}
	}
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", operation, err)
	}
	_, err = s.services.Call(ctx, service, operation, data)
	return err
}

func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// attributes returns message attributes of SQS and SNS, which look the same.
func attributes(all map[string]string) any {
	if len(all) == 0 {
		return nil
	}
	out := map[string]any{}
	for k, v := range all {
		kind := "String"
		if k == "RETRY_ATTEMPTS" || k == "ErrorCode" {
			kind = "Number"
		}
		if v == "" { // AWS: an attribute is never empty
			continue
		}
		out[k] = map[string]any{"DataType": kind, "StringValue": v}
	}
	return out
}

func (s *Sender) toQueue(ctx context.Context, t Target, a arn.ARN, payload []byte) error {
	in := map[string]any{
		"QueueUrl": "https://sqs." + a.Region + ".amazonaws.com/" + a.Account + "/" + a.Resource, "MessageBody": string(payload),
		"MessageAttributes": attributes(t.Attributes),
	}
	if t.Typed != nil {
		in["MessageAttributes"] = t.Typed
	}
	if strings.HasSuffix(a.Resource, ".fifo") {
		in["MessageGroupId"], in["MessageDeduplicationId"] = optional(t.GroupID), optional(t.DedupID)
	}
	return s.call(ctx, "sqs", "SendMessage", in)
}

func (s *Sender) startExecution(ctx context.Context, t Target, payload []byte) error {
	in := map[string]any{"stateMachineArn": t.ARN, "input": string(payload), "name": optional(t.Name)}
	err := s.call(ctx, "states", "StartExecution", in)
	if awsapi.Code(err) == "ExecutionAlreadyExists" { // this delivery has been made before
		return nil
	}
	return err
}

// named are the services whose names in aws-sdk ARNs are not those of their APIs.
var named = map[string]string{"sfn": "states", "eventbridge": "events", "cloudwatchlogs": "logs", "cloudwatch": "monitoring"}

// universal calls any operation of any service: arn:aws:scheduler:::aws-sdk:{service}:{operation}.
func (s *Sender) universal(ctx context.Context, t Target, a arn.ARN, payload []byte) error {
	parts := strings.Split(a.Resource, ":")
	if len(parts) != 3 || parts[0] != "aws-sdk" {
		return awsapi.Errorf("ValidationException", 400, "%s names no operation.", t.ARN)
	}
	service := strings.ToLower(parts[1])
	if api, ok := named[service]; ok {
		service = api
	}
	_, err := s.services.Call(ctx, service, parts[2], payload)
	return err
}

func (s *Sender) toBus(ctx context.Context, t Target, payload []byte) error {
	in := map[string]any{"Entries": []any{map[string]any{
		"EventBusName": t.ARN, "Source": t.EventSource, "DetailType": t.DetailType, "Detail": string(payload), "Resources": t.Resources,
	}}}
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	answer, err := s.services.Call(ctx, "events", "PutEvents", data)
	if err != nil {
		return err
	}
	var out struct {
		Entries []struct{ ErrorCode, ErrorMessage string }
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return fmt.Errorf("decode answer of PutEvents: %w", err)
	}
	for _, e := range out.Entries {
		if e.ErrorCode != "" {
			return awsapi.Errorf(e.ErrorCode, 400, "%s", e.ErrorMessage)
		}
	}
	return nil
}
