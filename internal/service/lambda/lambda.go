package lambda

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/lambda/poll"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

const (
	preparers     = 2   // goroutines that make new code ready to run
	maxUnprepared = 256 // functions that wait for them
)

// storeName is the store of this service.
const storeName = "lambda"

// A Pool runs functions; *worker.Pool does it in processes.
type Pool interface {
	// Start begins one request: requests that were begun one after the other reach the function in that order. wait waits for the
	// outcome, and must be called. An error of either is worker.ErrSaturated, worker.ErrStopped or ctx's.
	Start(ctx context.Context, spec *worker.Spec, in worker.Invocation) (wait func(context.Context) (worker.Result, error), err error)

	// Check reports why a function could not run here.
	Check(spec *worker.Spec) error

	// Retire says that a spec is not used any more.
	Retire(specID string)
}

// Roles gives functions the credentials of their roles.
type Roles interface {
	SessionCredentials(ctx context.Context, roleARN, sessionName string) (accessKeyID, secret, token string, expires time.Time, err error)
}

// Objects is where code that was uploaded to S3 comes from.
type Objects interface {
	Open(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// Destinations takes what is left of asynchronous events that this service cannot deliver itself: records for queues,
// topics and buses.
type Destinations interface {
	// Deliver sends record to arn. Attributes are those of the message, as far as the target knows such: dead letters have some.
	Deliver(ctx context.Context, arn string, record []byte, attributes map[string]string) error
}

// A Config says what the service stands on.
type Config struct {
	Stores  store.Stores
	Bus     bus.Bus
	Pool    Pool
	Roles   Roles
	Objects Objects // nil: code cannot come from S3
	Logs    worker.Sink

	// Destinations is optional.
	Destinations Destinations

	// Sources answers for the queues and streams of event source mappings; it is optional.
	Sources poll.Services

	// CodeDir is a folder of ours where code is unpacked; it may be emptied while the server is down.
	CodeDir string

	// LocalCode allows code that lies in folders of this machine (see LocalBucket).
	LocalCode bool

	// Extra returns further variables, as "K=V", for the functions' processes.
	Extra func() []string

	// Modules returns the folders of the SDK that the runtime brings along, as far as the code needs it; it may fetch them. What it
	// returns beside an error is used.
	Modules func(ctx context.Context, runtime, codeDir string) ([]string, error)

	// RetryDelays are the waits before the second and third attempt of an asynchronous event; none means AWS's, one and two minutes.
	RetryDelays []time.Duration

	// LaxPermissions only warns where the resource policy of a function does not let a service invoke it.
	LaxPermissions bool

	Log *slog.Logger
}

// Service is AWS Lambda.
type Service struct {
	cfg     Config
	catalog catalog

	unprepared chan *function // see prepareSoon

	mappings *follow.Copy[mapping]
	pollers  pollers
}

// New returns a service that answers nothing before Run has read its functions.
func New(cfg Config) *Service {
	if len(cfg.RetryDelays) == 0 {
		cfg.RetryDelays = []time.Duration{time.Minute, 2 * time.Minute}
	}
	s := &Service{cfg: cfg, unprepared: make(chan *function, maxUnprepared)}
	s.catalog.init()
	s.initPollers()
	return s
}

// Run follows the store and works off asynchronous events until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	for range preparers {
		parts.Go(func() { s.prepareAll(ctx) })
	}
	var asyncErr error
	parts.Go(func() {
		asyncErr = s.runAsync(ctx)
		cancel()
	})
	var pollErr error
	parts.Go(func() {
		pollErr = s.runPollers(ctx)
		cancel()
	})
	err := s.follow(ctx)
	cancel()
	parts.Wait()
	return errors.Join(err, asyncErr, pollErr)
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shape.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"AddPermission":                      awsapi.Op(s.addPermission),
		"CreateAlias":                        awsapi.Op(s.createAlias),
		"CreateEventSourceMapping":           awsapi.Op(s.createEventSourceMapping),
		"CreateFunction":                     awsapi.Op(s.createFunction),
		"CreateFunctionUrlConfig":            awsapi.Op(s.createFunctionURLConfig).Partly("RESPONSE_STREAM has no effect"),
		"DeleteAlias":                        awsapi.Op(s.deleteAlias),
		"DeleteEventSourceMapping":           awsapi.Op(s.deleteEventSourceMapping),
		"DeleteFunction":                     awsapi.Op(s.deleteFunction),
		"DeleteFunctionConcurrency":          awsapi.Op(s.deleteFunctionConcurrency),
		"DeleteFunctionEventInvokeConfig":    awsapi.Op(s.deleteFunctionEventInvokeConfig),
		"DeleteFunctionUrlConfig":            awsapi.Op(s.deleteFunctionURLConfig),
		"DeleteLayerVersion":                 awsapi.Op(s.deleteLayerVersion),
		"DeleteProvisionedConcurrencyConfig": awsapi.Op(s.deleteProvisioned),
		"GetAccountSettings":                 awsapi.Op(s.getAccountSettings),
		"GetAlias":                           awsapi.Op(s.getAlias),
		"GetEventSourceMapping":              awsapi.Op(s.getEventSourceMapping),
		"GetFunction":                        awsapi.Op(s.getFunction),
		"GetFunctionCodeSigningConfig":       awsapi.Op(s.getFunctionCodeSigningConfig),
		"GetFunctionConcurrency":             awsapi.Op(s.getFunctionConcurrency),
		"GetFunctionConfiguration":           awsapi.Op(s.getFunctionConfiguration),
		"GetFunctionEventInvokeConfig":       awsapi.Op(s.getFunctionEventInvokeConfig),
		"GetFunctionRecursionConfig":         awsapi.Op(s.getFunctionRecursionConfig),
		"GetFunctionUrlConfig":               awsapi.Op(s.getFunctionURLConfig),
		"GetLayerVersion":                    awsapi.Op(s.getLayerVersion),
		"GetLayerVersionByArn":               awsapi.Op(s.getLayerVersionByArn),
		"GetPolicy":                          awsapi.Op(s.getPolicy),
		"GetProvisionedConcurrencyConfig":    awsapi.Op(s.getProvisioned),
		"GetRuntimeManagementConfig":         awsapi.Op(s.getRuntimeManagementConfig),
		"Invoke":                             awsapi.Op(s.invoke),
		"InvokeAsync":                        awsapi.Op(s.invokeAsync),
		"InvokeWithResponseStream":           awsapi.Op(s.invokeWithResponseStream),
		"ListAliases":                        awsapi.Op(s.listAliases),
		"ListEventSourceMappings":            awsapi.Op(s.listEventSourceMappings),
		"ListFunctionEventInvokeConfigs":     awsapi.Op(s.listFunctionEventInvokeConfigs),
		"ListFunctionUrlConfigs":             awsapi.Op(s.listFunctionURLConfigs),
		"ListFunctions":                      awsapi.Op(s.listFunctions),
		"ListLayerVersions":                  awsapi.Op(s.listLayerVersions),
		"ListLayers":                         awsapi.Op(s.listLayers),
		"ListProvisionedConcurrencyConfigs":  awsapi.Op(s.listProvisioned),
		"ListTags":                           awsapi.Op(s.listTags),
		"ListVersionsByFunction":             awsapi.Op(s.listVersionsByFunction),
		"PublishLayerVersion":                awsapi.Op(s.publishLayerVersion),
		"PublishVersion":                     awsapi.Op(s.publishVersion),
		"PutFunctionConcurrency":             awsapi.Op(s.putFunctionConcurrency),
		"PutFunctionEventInvokeConfig":       awsapi.Op(s.putFunctionEventInvokeConfig),
		"PutFunctionRecursionConfig":         awsapi.Op(s.putFunctionRecursionConfig),
		"PutProvisionedConcurrencyConfig":    awsapi.Op(s.putProvisioned),
		"RemovePermission":                   awsapi.Op(s.removePermission),
		"TagResource":                        awsapi.Op(s.tagResource),
		"UntagResource":                      awsapi.Op(s.untagResource),
		"UpdateAlias":                        awsapi.Op(s.updateAlias),
		"UpdateEventSourceMapping":           awsapi.Op(s.updateEventSourceMapping),
		"UpdateFunctionCode":                 awsapi.Op(s.updateFunctionCode),
		"UpdateFunctionConfiguration":        awsapi.Op(s.updateFunctionConfiguration),
		"UpdateFunctionEventInvokeConfig":    awsapi.Op(s.updateFunctionEventInvokeConfig),
		"UpdateFunctionUrlConfig":            awsapi.Op(s.updateFunctionURLConfig).Partly("RESPONSE_STREAM has no effect"),
	}
}
