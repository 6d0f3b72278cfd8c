package cloudformation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation"
	storemem "github.com/sallyport/sallyport/internal/store/mem"
)

// A shelf is where the resource types of these tests keep what they make.
type shelf struct {
	mu    sync.Mutex
	items map[string]map[string]any // properties by physical id
	log   []string                  // "create Topic1", "delete ..."

	hold  chan struct{} // when set, Create waits for it
	delay time.Duration
	meet  func() // called when a topic is to be made
}

func (s *shelf) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

type topicProperties struct {
	TopicName   *string `cfn:"createonly"`
	DisplayName string
	Fail        bool
	FifoTopic   *bool `cfn:"createonly"`
	Tags        []resource.Tag
}

func (s *shelf) topic() resource.Type {
	result := func(id string, p *topicProperties) resource.Result {
		return resource.Result{PhysicalID: id, Attributes: map[string]any{"TopicName": id[strings.LastIndexByte(id, ':')+1:], "DisplayName": p.DisplayName}}
	}
	put := func(id string, r resource.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.items[id] = r.Properties
	}
	return resource.New("AWS::SNS::Topic", resource.Handlers[topicProperties]{
		Create: func(ctx context.Context, r resource.Request, p *topicProperties) (resource.Result, error) {
			if s.hold != nil {
				select {
				case <-s.hold:
				case <-ctx.Done():
					return resource.Result{}, ctx.Err()
				}
			}
			if s.meet != nil {
				s.meet()
			}
			if s.delay > 0 {
				time.Sleep(s.delay)
			}
			if p.Fail {
				return resource.Result{}, awsapi.Errorf("InvalidParameter", 400, "Topic is not to be made")
			}
			name := r.PhysicalName(256)
			if p.TopicName != nil {
				name = *p.TopicName
			}
			id := "arn:aws:sns:us-east-1:111111111111:" + name
			put(id, r)
			s.note("create %s", r.LogicalID)
			return result(id, p), nil
		},
		Update: func(_ context.Context, r resource.Request, p, old *topicProperties) (resource.Result, error) {
			if p.Fail {
				return resource.Result{}, awsapi.Errorf("InvalidParameter", 400, "Topic is not to be changed")
			}
			put(r.PhysicalID, r)
			s.note("update %s %s to %s", r.LogicalID, old.DisplayName, p.DisplayName)
			return result(r.PhysicalID, p), nil
		},
		Delete: func(_ context.Context, r resource.Request) error {
			s.mu.Lock()
			delete(s.items, r.PhysicalID)
			s.mu.Unlock()
			s.note("delete %s", r.LogicalID)
			return nil
		},
	})
}

type parameterProperties struct {
	Name        *string `cfn:"createonly"`
	Type        string  `cfn:"required"`
	Value       string  `cfn:"required"`
	Description string
	Tags        map[string]string
}

func (s *shelf) parameter() resource.Type {
	result := func(id string, p *parameterProperties) resource.Result {
		return resource.Result{PhysicalID: id, Attributes: map[string]any{"Type": p.Type, "Value": p.Value}}
	}
	return resource.New("AWS::SSM::Parameter", resource.Handlers[parameterProperties]{
		Create: func(_ context.Context, r resource.Request, p *parameterProperties) (resource.Result, error) {
			id := r.PhysicalName(100)
			if p.Name != nil {
				id = *p.Name
			}
			s.note("create %s", r.LogicalID)
			s.mu.Lock()
			s.items[id] = r.Properties
			s.mu.Unlock()
			return result(id, p), nil
		},
		Update: func(_ context.Context, r resource.Request, p, _ *parameterProperties) (resource.Result, error) {
			s.note("update %s", r.LogicalID)
			return result(r.PhysicalID, p), nil
		},
		Delete: func(_ context.Context, r resource.Request) error {
			s.note("delete %s", r.LogicalID)
			s.mu.Lock()
			delete(s.items, r.PhysicalID)
			s.mu.Unlock()
			return nil
		},
	})
}

// A world is a running CloudFormation.
type world struct {
	*cloudformation.Service
	shelf *shelf
	ctx   context.Context
}

func start(t *testing.T, options cloudformation.Options, more ...resource.Type) *world {
	t.Helper()
	sh := &shelf{items: map[string]map[string]any{}}
	types := append([]resource.Type{sh.topic(), sh.parameter()}, more...)
	s := cloudformation.New(storemem.New(), busmem.New(), slog.New(slog.NewTextHandler(t.Output(), nil)), types, options)
	run(t, s)
	return &world{s, sh, awsapi.WithCaller(t.Context(), awsapi.Caller{Account: "111111111111", Region: "us-east-1", Admin: true})}
}

// run runs s until the test ends or stop is called.
func run(t *testing.T, s *cloudformation.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (w *world) deploy(t *testing.T, name, text string) (cloudformation.Stack, []string, error) {
	t.Helper()
	var events []string
	st, err := w.Deploy(w.ctx, cloudformation.DeployInput{StackName: name, Template: []byte(text), Progress: func(e cloudformation.Event) {
		line := e.LogicalID + " " + e.Status
		if e.Reason != "" {
			line += " " + e.Reason
		}
		events = append(events, line)
	}})
	return st, events, err
}

func TestDeployInOrder_DE018_DE019(t *testing.T) {
	w := start(t, cloudformation.Options{})
	const text = `
Resources:
  B:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Sub "${A.TopicName} is ${A}"}
  A:
    Type: AWS::SNS::Topic
    Properties: {TopicName: first}
Outputs:
  Value: {Value: !GetAtt B.Value, Description: what B has}
`
	st, events, err := w.deploy(t, "chat", text)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"chat CREATE_IN_PROGRESS User Initiated",
		"A CREATE_IN_PROGRESS", "A CREATE_IN_PROGRESS Resource creation Initiated", "A CREATE_COMPLETE",
		"B CREATE_IN_PROGRESS", "B CREATE_IN_PROGRESS Resource creation Initiated", "B CREATE_COMPLETE",
		"chat CREATE_COMPLETE",
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]cloudformation.Output{{Key: "Value", Value: "first is arn:aws:sns:us-east-1:111111111111:first", Description: "what B has"}}, st.Outputs); diff != "" {
		t.Errorf("outputs:\n%s", diff)
	}
	if _, _, err := w.deploy(t, "chat", `{"Resources":{"B":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":{"Fn::Sub":"${A.TopicName} is ${A}"}}},"A":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"first"}}},"Outputs":{"Value":{"Value":{"Fn::GetAtt":"B.Value"},"Description":"what B has"}}}`); !errors.Is(err, cloudformation.ErrNoChanges) {
		t.Errorf("DE-103 the same in JSON: %v", err)
	}
	if err := w.Delete(w.ctx, "chat", nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"create A", "create B", "delete B", "delete A"}, w.shelf.log); diff != "" {
		t.Errorf("order:\n%s", diff)
	}
}
