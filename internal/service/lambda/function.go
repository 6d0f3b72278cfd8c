package lambda

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// latest is the version that changes.
const latest = "$LATEST"

// A function is one document: the version that changes, those published, and all that belongs to the name.
type function struct {
	Account     string                    `json:"account"`
	Region      string                    `json:"region"`
	Name        string                    `json:"name"`
	Latest      configuration             `json:"latest"`
	Versions    map[string]configuration  `json:"versions,omitempty"`
	LastVersion int                       `json:"lastVersion,omitempty"`
	Aliases     map[string]alias          `json:"aliases,omitempty"`
	Policies    map[string]resourcePolicy `json:"policies,omitempty"` // by qualifier, "" for none
	Reserved    *int64                    `json:"reservedConcurrency,omitempty"`
	Async       map[string]asyncConfig    `json:"async,omitempty"`       // by qualifier, "$LATEST" for none
	Provisioned map[string]provisioned    `json:"provisioned,omitempty"` // by qualifier
	URLs        map[string]urlConfig      `json:"urls,omitempty"`        // by alias, "$LATEST" for none
	Recursion   string                    `json:"recursion,omitempty"`
	Tags        map[string]string         `json:"tags,omitempty"`
}

// A configuration is one version of a function.
type configuration struct {
	Version      string                    `json:"version"`
	RevisionID   string                    `json:"revisionId"`
	BuildID      string                    `json:"buildId"` // changes with what a process is made of
	Modified     time.Time                 `json:"modified"`
	Description  string                    `json:"description,omitempty"`
	Runtime      string                    `json:"runtime,omitempty"`
	Handler      string                    `json:"handler,omitempty"`
	Role         string                    `json:"role"`
	Code         code                      `json:"code"`
	Timeout      int64                     `json:"timeout"`
	MemorySize   int64                     `json:"memorySize"`
	Environment  map[string]string         `json:"environment,omitempty"`
	Architecture string                    `json:"architecture"`
	Ephemeral    int64                     `json:"ephemeral"`
	Tracing      string                    `json:"tracing"`
	PackageType  string                    `json:"packageType"`
	DeadLetter   string                    `json:"deadLetter,omitempty"`
	KMSKey       string                    `json:"kmsKey,omitempty"`
	Logging      shape.LoggingConfig       `json:"logging"`
	SnapStart    string                    `json:"snapStart,omitempty"`
	VPC          *shape.VpcConfig          `json:"vpc,omitempty"` // kept, without effect
	FileSystems  []*shape.FileSystemConfig `json:"fileSystems,omitempty"`
	Layers       []layerContent            `json:"layers,omitempty"`

	Content string `json:"content,omitempty"` // of a published version: what $LATEST was then (see contentOf)
	Token   string `json:"token,omitempty"`   // of a published version: the step of CloudFormation that made it
}

// An alias is a name for a version, or for two that share the calls.
type alias struct {
	Version     string             `json:"version"`
	Description string             `json:"description,omitempty"`
	Weights     map[string]float64 `json:"weights,omitempty"` // of one further version
	RevisionID  string             `json:"revisionId"`
}

// asyncConfig is the event invoke configuration of a function or of one qualifier.
type asyncConfig struct {
	MaxAge    *int64    `json:"maxAge,omitempty"`
	MaxRetry  *int64    `json:"maxRetry,omitempty"`
	OnSuccess string    `json:"onSuccess,omitempty"`
	OnFailure string    `json:"onFailure,omitempty"`
	Modified  time.Time `json:"modified"`
}

func functionKey(account, region, name string) string {
	return account + "/" + region + "/function/" + name
}

// isFunctionKey tells functions from layers in the store.
func isFunctionKey(key string) bool {
	parts := strings.Split(key, "/")
	return len(parts) == 4 && parts[2] == "function"
}

func (f *function) key() string { return functionKey(f.Account, f.Region, f.Name) }

// arn returns the function's ARN, with a qualifier if there is one.
func (f *function) arn(qualifier string) string {
	resource := "function:" + f.Name
	if qualifier != "" {
		resource += ":" + qualifier
	}
	return arn.New("lambda", f.Region, f.Account, resource).String()
}

// version returns the configuration of a version, or nil.
func (f *function) version(v string) *configuration {
	if v == "" || v == latest {
		return &f.Latest
	}
	if c, ok := f.Versions[v]; ok {
		return &c
	}
	return nil
}

// versions returns the published versions, oldest first.
func (f *function) versions() []string {
	names := make([]string, 0, len(f.Versions))
	for v := range f.Versions {
		names = append(names, v)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	return names
}

// blobs returns the blobs of the function's code. Those of layers belong to the layers.
func (f *function) blobs() map[string]bool {
	all := map[string]bool{}
	if f == nil {
		return all
	}
	all[f.Latest.Code.Blob] = true
	for _, c := range f.Versions {
		all[c.Code.Blob] = true
	}
	delete(all, "")
	return all
}

// forget removes what belongs to a version or an alias.
func (f *function) forget(qualifier string) {
	delete(f.Versions, qualifier)
	delete(f.Aliases, qualifier)
	delete(f.Policies, qualifier)
	delete(f.Async, qualifier)
	delete(f.Provisioned, qualifier)
	delete(f.URLs, qualifier)
}

// revision returns the revision of what a qualifier means, and a function that gives it a new one.
func (f *function) revision(qualifier string) (id string, renew func()) {
	if a, ok := f.Aliases[qualifier]; ok {
		return a.RevisionID, func() { a.RevisionID = uuid(); f.Aliases[qualifier] = a }
	}
	if c, ok := f.Versions[qualifier]; ok {
		return c.RevisionID, func() { c.RevisionID = uuid(); f.Versions[qualifier] = c }
	}
	return f.Latest.RevisionID, func() { f.Latest.RevisionID = uuid() }
}

// listed is describe for lists. AWS: they leave out how far a version is.
func (f *function) listed(c *configuration, qualifier string) *shape.FunctionConfiguration {
	out := f.describe(c, qualifier)
	out.State, out.LastUpdateStatus, out.RuntimeVersionConfig = nil, nil, nil
	return out
}

// describe returns the answer of GetFunctionConfiguration. The qualifier is part of FunctionArn.
func (f *function) describe(c *configuration, qualifier string) *shape.FunctionConfiguration {
	out := &shape.FunctionConfiguration{
		Architectures:     []string{c.Architecture},
		CodeSha256:        new(c.Code.SHA256),
		CodeSize:          new(c.Code.Size),
		Description:       new(c.Description),
		EphemeralStorage:  &shape.EphemeralStorage{Size: new(c.Ephemeral)},
		FunctionArn:       new(f.arn(qualifier)),
		FunctionName:      new(f.Name),
		LastModified:      new(c.Modified.UTC().Format("2006-01-02T15:04:05.000+0000")),
		LastUpdateStatus:  new("Successful"),
		LoggingConfig:     new(c.Logging),
		MemorySize:        new(c.MemorySize),
		PackageType:       new(c.PackageType),
		RevisionId:        new(c.RevisionID),
		Role:              new(c.Role),
		SnapStart:         &shape.SnapStartResponse{ApplyOn: new(c.SnapStart), OptimizationStatus: new("Off")},
		State:             new("Active"),
		Timeout:           new(c.Timeout),
		TracingConfig:     &shape.TracingConfigResponse{Mode: new(c.Tracing)},
		Version:           new(c.Version),
		FileSystemConfigs: c.FileSystems,
	}
	if c.Runtime != "" {
		out.Runtime, out.Handler = new(c.Runtime), new(c.Handler)
		out.RuntimeVersionConfig = &shape.RuntimeVersionConfig{RuntimeVersionArn: new(arn.New("lambda", f.Region, "", "runtime:"+runtimeVersion(c.Runtime)).String())}
	}
	if len(c.Environment) > 0 {
		out.Environment = &shape.EnvironmentResponse{Variables: c.Environment}
	}
	if c.DeadLetter != "" {
		out.DeadLetterConfig = &shape.DeadLetterConfig{TargetArn: new(c.DeadLetter)}
	}
	if c.KMSKey != "" {
		out.KMSKeyArn = new(c.KMSKey)
	}
	for _, l := range c.Layers {
		out.Layers = append(out.Layers, &shape.Layer{Arn: new(l.ARN), CodeSize: new(l.Code.Size)})
	}
	if c.VPC != nil {
		out.VpcConfig = &shape.VpcConfigResponse{SubnetIds: c.VPC.SubnetIds, SecurityGroupIds: c.VPC.SecurityGroupIds, Ipv6AllowedForDualStack: c.VPC.Ipv6AllowedForDualStack, VpcId: new("")}
	}
	return out
}

// runtimeVersion is the identity of a runtime; AWS's is a hash that changes with every patch of the runtime.
func runtimeVersion(runtime string) string { return sum256Hex([]byte(runtime)) }
