package states

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/store"
)

// A Caller makes calls of AWS APIs, for the caller of ctx; input and output are JSON. *awsapi.Catalog is one.
type Caller interface {
	Call(ctx context.Context, service, operation string, input []byte) ([]byte, error)
}

// Sockets are the connections of WebSocket APIs.
type Sockets interface {
	Post(ctx context.Context, api, stage, connection string, data []byte) error
	Disconnect(ctx context.Context, api, stage, connection string) error
}

// Logs takes the events of machines that log.
type Logs interface {
	Append(ctx context.Context, group, stream string, at time.Time, lines ...string)
}

// Objects reads objects of S3.
type Objects interface {
	Open(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// Config is what the service stands on.
type Config struct {
	Stores store.Stores
	Bus    bus.Bus
	Logs   Logs // may be nil
	// Objects is where definitions of templates and items of Map states are read; nil asks S3 by a call. S3Elsewhere makes that call for items
	// all the same.
	Objects     Objects
	S3Elsewhere bool
	// Roles says what the roles of machines may do; nil: all of them may do everything.
	Roles Roles
	// Web and Connections are for HTTP tasks, which fail without them.
	Web         Web
	Connections Connections
	Log         *slog.Logger
	Now         func() time.Time // nil: time.Now

	// Workers is how many activations run at once; zero is a good number.
	Workers int
	// Extensions allows tasks that AWS refuses: aws-sdk:apigatewaymanagementapi.
	Extensions bool
	// Notify hears of each change of an execution's status, as the event that EventBridge gets; may be nil.
	Notify func(ctx context.Context, source, detailType string, resources []string, detail []byte)
}

// Service keeps state machines and runs their executions.
type Service struct {
	cfg    Config
	starts sync.Map // by key of an execution: closed when who starts it has written it

	mu      sync.Mutex // guards all below
	stores  map[string]store.Store
	parsed  map[string]*asl.Definition
	queue   bus.Queue
	calls   Caller
	sockets Sockets
	waiting map[string]map[chan struct{}]struct{} // who polls for tasks, by activity
}

// New returns the service. Executions go on while Run runs. Tasks need Connect.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Workers == 0 {
		cfg.Workers = 512
	}
	return &Service{cfg: cfg, stores: map[string]store.Store{}, parsed: map[string]*asl.Definition{}, waiting: map[string]map[chan struct{}]struct{}{}}
}

// Connect gives the service what its tasks call. Both come later than the service itself, since they know it.
func (s *Service) Connect(calls Caller, sockets Sockets) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.sockets = calls, sockets
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"CreateStateMachine":               awsapi.Op(s.createStateMachine),
		"UpdateStateMachine":               awsapi.Op(s.updateStateMachine),
		"DeleteStateMachine":               awsapi.Op(s.deleteStateMachine),
		"DescribeStateMachine":             awsapi.Op(s.describeStateMachine),
		"DescribeStateMachineForExecution": awsapi.Op(s.describeStateMachineForExecution),
		"ListStateMachines":                awsapi.Op(s.listStateMachines),
		"ValidateStateMachineDefinition":   awsapi.Op(s.validateStateMachineDefinition),

		"PublishStateMachineVersion": awsapi.Op(s.publishStateMachineVersion),
		"DeleteStateMachineVersion":  awsapi.Op(s.deleteStateMachineVersion),
		"ListStateMachineVersions":   awsapi.Op(s.listStateMachineVersions),
		"CreateStateMachineAlias":    awsapi.Op(s.createStateMachineAlias),
		"UpdateStateMachineAlias":    awsapi.Op(s.updateStateMachineAlias),
		"DeleteStateMachineAlias":    awsapi.Op(s.deleteStateMachineAlias),
		"DescribeStateMachineAlias":  awsapi.Op(s.describeStateMachineAlias),
		"ListStateMachineAliases":    awsapi.Op(s.listStateMachineAliases),

		"StartExecution":      awsapi.Op(s.startExecution),
		"StartSyncExecution":  awsapi.Op(s.startSyncExecution),
		"StopExecution":       awsapi.Op(s.stopExecution),
		"RedriveExecution":    awsapi.Op(s.redriveExecution),
		"DescribeExecution":   awsapi.Op(s.describeExecution),
		"ListExecutions":      awsapi.Op(s.listExecutions),
		"GetExecutionHistory": awsapi.Op(s.getExecutionHistory),
		"ListMapRuns":         awsapi.Op(s.listMapRuns),
		"DescribeMapRun":      awsapi.Op(s.describeMapRun),
		"UpdateMapRun":        awsapi.Op(s.updateMapRun),
		"TestState":           awsapi.Op(s.testState),

		"SendTaskSuccess":   awsapi.Op(s.sendTaskSuccess),
		"SendTaskFailure":   awsapi.Op(s.sendTaskFailure),
		"SendTaskHeartbeat": awsapi.Op(s.sendTaskHeartbeat),

		"CreateActivity":   awsapi.Op(s.createActivity),
		"DeleteActivity":   awsapi.Op(s.deleteActivity),
		"DescribeActivity": awsapi.Op(s.describeActivity),
		"ListActivities":   awsapi.Op(s.listActivities),
		"GetActivityTask":  awsapi.Op(s.getActivityTask),

		"TagResource":         awsapi.Op(s.tagResource),
		"UntagResource":       awsapi.Op(s.untagResource),
		"ListTagsForResource": awsapi.Op(s.listTagsForResource),
	}
}

func (s *Service) millis() int64 { return s.cfg.Now().UnixMilli() }
