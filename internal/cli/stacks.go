package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A remoteStack is a stack of a running server.
type remoteStack struct {
	StackID string `xml:"StackId"`
	Name    string `xml:"StackName"`
	Status  string `xml:"StackStatus"`
	Reason  string `xml:"StackStatusReason"`
	Outputs []struct {
		Key   string `xml:"OutputKey"`
		Value string `xml:"OutputValue"`
	} `xml:"Outputs>member"`
}

// failed is the error for a stack that ended as nobody wanted. AWS gives no reason for the end of a rollback: those of the resources,
// which have been printed, are it.
func (s *remoteStack) failed(name string) error {
	if s.Reason == "" {
		return fmt.Errorf("stack %s ended as %s; the resources that failed say why", name, s.Status)
	}
	return fmt.Errorf("stack %s ended as %s: %s", name, s.Status, s.Reason)
}

func describeStack(ctx context.Context, c *client, name string) (*remoteStack, error) {
	var answer struct {
		Stacks []remoteStack `xml:"DescribeStacksResult>Stacks>member"`
	}
	if err := c.cloudformation(ctx, "DescribeStacks", url.Values{"StackName": {name}}, &answer); err != nil {
		return nil, err
	}
	if len(answer.Stacks) == 0 {
		return nil, &apiError{Message: "Stack with id " + name + " does not exist"}
	}
	return &answer.Stacks[0], nil
}

type stackEvent struct {
	EventID    string    `xml:"EventId"`
	LogicalID  string    `xml:"LogicalResourceId"`
	PhysicalID string    `xml:"PhysicalResourceId"`
	Type       string    `xml:"ResourceType"`
	Status     string    `xml:"ResourceStatus"`
	Reason     string    `xml:"ResourceStatusReason"`
	Timestamp  time.Time `xml:"Timestamp"`
}

// stackEvents returns the events after the one with the id before, oldest first.
func stackEvents(ctx context.Context, c *client, stackID, before string) ([]stackEvent, error) {
	var events []stackEvent
	for token := ""; ; {
		form := url.Values{"StackName": {stackID}}
		if token != "" {
			form.Set("NextToken", token)
		}
		var page struct {
			Events []stackEvent `xml:"DescribeStackEventsResult>StackEvents>member"`
			Next   string       `xml:"DescribeStackEventsResult>NextToken"`
		}
		if err := c.cloudformation(ctx, "DescribeStackEvents", form, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Events { // newest first
			if e.EventID == before {
				return events, nil
			}
			events = append([]stackEvent{e}, events...)
		}
		if token = page.Next; token == "" {
			return events, nil
		}
	}
}

func newestEvent(ctx context.Context, c *client, stackID string) (id string, err error) {
	var page struct {
		Events []stackEvent `xml:"DescribeStackEventsResult>StackEvents>member"`
	}
	if err := c.cloudformation(ctx, "DescribeStackEvents", url.Values{"StackName": {stackID}}, &page); err != nil {
		return "", err
	}
	if len(page.Events) == 0 {
		return "", nil
	}
	return page.Events[0].EventID, nil
}

// followStack prints the events of an operation as they come, until the stack's own event ends it.
func followStack(ctx context.Context, c *client, stackID, before string, term *terminal) (*remoteStack, error) {
	for {
		events, err := stackEvents(ctx, c, stackID, before)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			before = e.EventID
			if e.PhysicalID == stackID {
				continue
			}
			switch {
			case strings.HasSuffix(e.Status, "_FAILED"):
				term.step(term.failed(), e.LogicalID, e.Type+": "+e.Reason)
			case strings.HasSuffix(e.Status, "_COMPLETE"), strings.HasSuffix(e.Status, "_SKIPPED"):
				term.step(term.done(), e.LogicalID, e.Type+", "+strings.ToLower(strings.ReplaceAll(e.Status, "_", " ")))
			}
		}
		st, err := describeStack(ctx, c, stackID)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(st.Status, "_IN_PROGRESS") {
			return st, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}
