package lambda

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// Defaults and limits of a configuration.
const (
	defaultTimeout     = 3
	maxTimeout         = 900
	defaultMemory      = 128
	defaultEphemeral   = 512
	maxEnvironment     = 4096
	deadLetterServices = "sqs sns"
)

// runtimes are those that AWS takes today, in the order of its error message.
var runtimes = []string{
	"nodejs20.x", "python3.14", "provided.al2023", "python3.12", "python3.13", "nodejs24.x", "nodejs22.x", "java25", "python3.10", "python3.11",
	"java21", "ruby3.3", "ruby3.4", "ruby3.2", "python3.8", "python3.9", "java17", "nodejs16.x", "dotnet10", "dotnet8", "java11", "dotnet6",
	"nodejs18.x", "provided.al2", "java8.al2",
}

// retired are runtimes that AWS takes no longer, but old templates name. We go on running them.
var retired = []string{"go1.x", "provided", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "python3.6", "python3.7"}

// refused are runtimes that nobody takes any longer.
var refused = []string{"java8", "dotnet5.0", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "ruby2.5", "ruby2.7", "nodejs", "nodejs4.3", "nodejs6.10", "python2.7"}

// reserved are the variables that a function may not set.
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
	"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

// newConfiguration is what CreateFunction asks for, without code.
func newConfiguration(in *shape.CreateFunctionInput) (configuration, error) {
	for what, asked := range map[string]bool{
		"ImageConfig": in.ImageConfig != nil, "CodeSigningConfigArn": in.CodeSigningConfigArn != nil,
		"DurableConfig": in.DurableConfig != nil, "CapacityProviderConfig": in.CapacityProviderConfig != nil, "TenancyConfig": in.TenancyConfig != nil,
	} {
		if asked {
			return configuration{}, errUnsupported(what)
		}
	}
	c := configuration{
		Version: latest, Timeout: defaultTimeout, MemorySize: defaultMemory, Architecture: "x86_64", Ephemeral: defaultEphemeral,
		Tracing: "PassThrough", PackageType: "Zip", SnapStart: "None",
		Logging: shape.LoggingConfig{LogFormat: new("Text"), LogGroup: new("/aws/lambda/" + deref(in.FunctionName))},
	}
	if len(in.Architectures) > 0 {
		c.Architecture = in.Architectures[0]
	}
	if deref(in.PackageType) == "Image" {
		return configuration{}, errInvalid("Container images are not supported; use PackageType Zip")
	}
	if in.Runtime == nil || in.Handler == nil {
		return configuration{}, errInvalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	return c, c.apply(change{
		Runtime: in.Runtime, Handler: in.Handler, Role: in.Role, Description: in.Description, Timeout: in.Timeout, MemorySize: in.MemorySize,
		Environment: in.Environment, Ephemeral: in.EphemeralStorage, Tracing: in.TracingConfig, DeadLetter: in.DeadLetterConfig, KMSKey: in.KMSKeyArn,
		Logging: in.LoggingConfig, SnapStart: in.SnapStart, VPC: in.VpcConfig, FileSystems: in.FileSystemConfigs,
	})
}

func errUnsupported(what string) error {
	return errInvalid("%s is not supported by this server", what)
}

// A change is what CreateFunction and UpdateFunctionConfiguration have in common. nil leaves a setting as it is.
type change struct {
	Runtime, Handler, Role, Description, KMSKey *string
	Timeout, MemorySize                         *int64
	Environment                                 *shape.Environment
	Ephemeral                                   *shape.EphemeralStorage
	Tracing                                     *shape.TracingConfig
	DeadLetter                                  *shape.DeadLetterConfig
	Logging                                     *shape.LoggingConfig
	SnapStart                                   *shape.SnapStart
	VPC                                         *shape.VpcConfig
	FileSystems                                 []*shape.FileSystemConfig
}

func (c *configuration) apply(in change) error {
	if err := in.check(); err != nil {
		return err
	}
	set(&c.Runtime, in.Runtime)
	set(&c.Handler, in.Handler)
	set(&c.Role, in.Role)
	set(&c.Description, in.Description)
	set(&c.KMSKey, in.KMSKey)
	set(&c.Timeout, in.Timeout)
	set(&c.MemorySize, in.MemorySize)
	if in.Environment != nil {
		c.Environment = in.Environment.Variables
	}
	if in.Ephemeral != nil {
		set(&c.Ephemeral, in.Ephemeral.Size)
	}
	if in.Tracing != nil {
		set(&c.Tracing, in.Tracing.Mode)
	}
	if in.DeadLetter != nil {
		c.DeadLetter = deref(in.DeadLetter.TargetArn)
	}
	if in.SnapStart != nil {
		set(&c.SnapStart, in.SnapStart.ApplyOn)
	}
	if in.VPC != nil {
		c.VPC = in.VPC
	}
	if in.FileSystems != nil {
		c.FileSystems = in.FileSystems
	}
	c.applyLogging(in.Logging)
	return nil
}

func (c *configuration) applyLogging(in *shape.LoggingConfig) {
	if in == nil {
		return
	}
	if in.LogFormat != nil {
		c.Logging.LogFormat = in.LogFormat
		c.Logging.ApplicationLogLevel, c.Logging.SystemLogLevel = nil, nil
		if *in.LogFormat == "JSON" {
			c.Logging.ApplicationLogLevel, c.Logging.SystemLogLevel = new("INFO"), new("INFO")
		}
	}
	if in.LogGroup != nil {
		c.Logging.LogGroup = in.LogGroup
	}
	if in.ApplicationLogLevel != nil {
		c.Logging.ApplicationLogLevel = in.ApplicationLogLevel
	}
	if in.SystemLogLevel != nil {
		c.Logging.SystemLogLevel = in.SystemLogLevel
	}
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// check refuses what the model's constraints let pass, but AWS does not.
func (in change) check() error {
	if in.Runtime != nil && slices.Contains(refused, *in.Runtime) {
		return errInvalid("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.", *in.Runtime)
	}
	if in.Runtime != nil && !slices.Contains(runtimes, *in.Runtime) && !slices.Contains(retired, *in.Runtime) {
		return errInvalid("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN", *in.Runtime, strings.Join(runtimes, ", "))
	}
	if t := in.Timeout; t != nil && *t > maxTimeout {
		return errConstraint(*t, "timeout", fmt.Sprintf("Member must have value less than or equal to %d", maxTimeout))
	}
	if in.Environment != nil {
		return checkEnvironment(in.Environment.Variables)
	}
	return nil
}

func checkEnvironment(variables map[string]string) error {
	var forbidden []string
	for name := range variables {
		if slices.Contains(reserved, name) {
			forbidden = append(forbidden, name)
		}
	}
	if len(forbidden) > 0 {
		slices.Sort(forbidden)
		return errInvalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(forbidden, ", "))
	}
	if measured := plainJSON(variables); len(measured) > maxEnvironment {
		return errInvalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %s", measured)
	}
	return nil
}

// plainJSON is JSON as other languages write it, with < and > as they are.
func plainJSON(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("lambda: encode: %v", err)) // strings only
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// touch marks a configuration as changed. With rebuilt, processes of the old one are of no use any more.
func (c *configuration) touch(now time.Time, rebuilt bool) {
	c.RevisionID = uuid()
	if rebuilt {
		c.BuildID = uuid()
		c.Modified = now.UTC().Truncate(time.Millisecond)
	}
}

// uuid returns a random UUID.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
