package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/policy"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/lambda/urls"
)

// A urlConfig is the URL of a function or of one alias.
type urlConfig struct {
	ID         string      `json:"id"`
	AuthType   string      `json:"authType"`
	CORS       *shape.Cors `json:"cors,omitempty"`
	InvokeMode string      `json:"invokeMode"`
	Created    time.Time   `json:"created"`
	Modified   time.Time   `json:"modified"`
}

// urlID makes the id of a URL. AWS: it depends on whose and what the function is, and is the same when a URL is made again.
func urlID(functionARN string) string {
	sum := sha256.Sum256([]byte(functionARN))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20]))
}

// urlQualifier is the qualifier of a URL in an ARN: AWS shows none for $LATEST.
func urlQualifier(qualifier string) string {
	if qualifier == latest {
		return ""
	}
	return qualifier
}

const urlTime = "2006-01-02T15:04:05.000Z"

// url is a URL of the function for whoever serves it.
func (f *function) url(qualifier string) *urls.URL {
	c := f.URLs[qualifier]
	return &urls.URL{ID: c.ID, Account: f.Account, Region: f.Region, FunctionARN: f.arn(urlQualifier(qualifier)), AuthType: c.AuthType, CORS: c.CORS}
}

func (f *function) describeURL(qualifier string) *shape.FunctionUrlConfig {
	c := f.URLs[qualifier]
	return &shape.FunctionUrlConfig{
		FunctionUrl: new("https://" + f.url(qualifier).Host() + "/"), FunctionArn: new(f.arn(urlQualifier(qualifier))), AuthType: new(c.AuthType), Cors: c.CORS,
		InvokeMode: new(c.InvokeMode), CreationTime: new(c.Created.Format(urlTime)), LastModifiedTime: new(c.Modified.Format(urlTime)),
	}
}

// editURL changes the URL of what a request names, and returns it as it is then. Its f gets nil if there is none, and returns nil to
// delete it.
func (s *Service) editURL(ctx context.Context, name, qualifier *string, f func(t target, c *urlConfig) (*urlConfig, error)) (*shape.FunctionUrlConfig, error) {
	t, err := parseTarget(ctx, name, qualifier)
	if err != nil {
		return nil, err
	}
	q := qualifierOrLatest(t)
	fn, err := s.edit(ctx, t, func(fn *function) (*function, error) {
		if fn == nil || fn.configurationOf(q) == nil {
			return nil, errNotFound("Function does not exist")
		}
		var old *urlConfig
		if c, ok := fn.URLs[q]; ok {
			old = &c
		}
		next, err := f(t, old)
		if err != nil {
			return nil, err
		}
		if next == nil {
			delete(fn.URLs, q)
			return fn, nil
		}
		if fn.URLs == nil {
			fn.URLs = map[string]urlConfig{}
		}
		if next.ID == "" {
			next.ID, next.Created = urlID(fn.arn(urlQualifier(q))), time.Now().UTC()
		}
		next.Modified = time.Now().UTC()
		fn.URLs[q] = *next
		return fn, nil
	})
	if err != nil || fn.URLs[q].ID == "" {
		return nil, err
	}
	return fn.describeURL(q), nil
}

func errNoURL() error { return errNotFound("The resource you requested does not exist.") }

func (s *Service) createFunctionURLConfig(ctx context.Context, in *shape.CreateFunctionUrlConfigInput) (*shape.CreateFunctionUrlConfigOutput, error) {
	u, err := s.editURL(ctx, in.FunctionName, in.Qualifier, func(t target, c *urlConfig) (*urlConfig, error) {
		if c != nil {
			return nil, errConflict("Failed to create function url config for [functionArn = %s]. Error message:  FunctionUrlConfig exists for this Lambda function", t.arn())
		}
		return &urlConfig{AuthType: deref(in.AuthType), CORS: in.Cors, InvokeMode: invokeMode(in.InvokeMode, "BUFFERED")}, nil
	})
	if err != nil {
		return nil, err
	}
	return &shape.CreateFunctionUrlConfigOutput{
		FunctionUrl: u.FunctionUrl, FunctionArn: u.FunctionArn, AuthType: u.AuthType, Cors: u.Cors, CreationTime: u.CreationTime, InvokeMode: u.InvokeMode,
	}, nil
}

func invokeMode(given *string, otherwise string) string {
	if given != nil {
		return *given
	}
	return otherwise
}

func (s *Service) updateFunctionURLConfig(ctx context.Context, in *shape.UpdateFunctionUrlConfigInput) (*shape.UpdateFunctionUrlConfigOutput, error) {
	u, err := s.editURL(ctx, in.FunctionName, in.Qualifier, func(_ target, c *urlConfig) (*urlConfig, error) {
		if c == nil {
			return nil, errNoURL()
		}
		if in.AuthType != nil {
			c.AuthType = *in.AuthType
		}
		if in.Cors != nil {
			c.CORS = in.Cors
		}
		c.InvokeMode = invokeMode(in.InvokeMode, c.InvokeMode)
		return c, nil
	})
	if err != nil {
		return nil, err
	}
	return new(shape.UpdateFunctionUrlConfigOutput(*single(u))), nil
}

func (s *Service) getFunctionURLConfig(ctx context.Context, in *shape.GetFunctionUrlConfigInput) (*shape.GetFunctionUrlConfigOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	e, q := s.catalog.get(t.key()), qualifierOrLatest(t)
	if e == nil || e.fn.URLs[q].ID == "" {
		return nil, errNoURL()
	}
	return single(e.fn.describeURL(q)), nil
}

// single is a URL as answers about one have it.
func single(u *shape.FunctionUrlConfig) *shape.GetFunctionUrlConfigOutput {
	return &shape.GetFunctionUrlConfigOutput{
		FunctionUrl: u.FunctionUrl, FunctionArn: u.FunctionArn, AuthType: u.AuthType, Cors: u.Cors, CreationTime: u.CreationTime, LastModifiedTime: u.LastModifiedTime, InvokeMode: u.InvokeMode,
	}
}

func (s *Service) listFunctionURLConfigs(ctx context.Context, in *shape.ListFunctionUrlConfigsInput) (*shape.ListFunctionUrlConfigsOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	var list []item[*shape.FunctionUrlConfig]
	for _, q := range slices.Sorted(maps.Keys(e.fn.URLs)) {
		list = append(list, item[*shape.FunctionUrlConfig]{q, e.fn.describeURL(q)})
	}
	page, next, err := paginate(list, in.Marker, in.MaxItems)
	return &shape.ListFunctionUrlConfigsOutput{FunctionUrlConfigs: page, NextMarker: next}, err
}

func (s *Service) deleteFunctionURLConfig(ctx context.Context, in *shape.DeleteFunctionUrlConfigInput) (*shape.DeleteFunctionUrlConfigOutput, error) {
	_, err := s.editURL(ctx, in.FunctionName, in.Qualifier, func(_ target, c *urlConfig) (*urlConfig, error) {
		if c == nil {
			return nil, errNoURL()
		}
		return nil, nil
	})
	return &shape.DeleteFunctionUrlConfigOutput{}, err
}

// URL implements urls.Functions.
func (s *Service) URL(ctx context.Context, id string) (*urls.URL, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if u := s.catalog.url(id); u != nil {
		return u, nil
	}
	return nil, errNoURL()
}

// PermitsURL implements urls.Functions. AWS wants a second statement, for lambda:InvokeFunction, of URLs made since October 2025; one for
// lambda:InvokeFunctionUrl is enough here.
func (s *Service) PermitsURL(ctx context.Context, u *urls.URL, caller awsapi.Caller) bool {
	t, err := findTarget(awsapi.WithCaller(ctx, awsapi.Caller{Account: u.Account, Region: u.Region}), u.FunctionARN, "")
	if err != nil {
		return false
	}
	e := s.catalog.get(t.key())
	if e == nil {
		return false
	}
	var who policy.Principal
	if caller.ARN != "" {
		who = policy.Principal{AWS: []string{caller.ARN}, Account: caller.Account}
	}
	if e.allows(t, "lambda:InvokeFunctionUrl", who, map[string][]string{"lambda:FunctionUrlAuthType": {u.AuthType}}) {
		return true
	}
	if u.AuthType == "NONE" && s.cfg.LaxPermissions {
		s.cfg.Log.Warn("AWS would refuse this call: the function's resource policy does not allow lambda:InvokeFunctionUrl to everybody", "function", t.name)
		return true
	}
	return false
}

type urlProperties struct {
	AuthType *string `cfn:"required"`
	Cors     *struct {
		AllowCredentials                                        *bool
		AllowHeaders, AllowMethods, AllowOrigins, ExposeHeaders []string
		MaxAge                                                  *int64
	}
	InvokeMode        *string
	Qualifier         *string `cfn:"createonly"`
	TargetFunctionArn *string `cfn:"required,createonly"`
}

func (p *urlProperties) config() *urlConfig {
	c := &urlConfig{AuthType: deref(p.AuthType), InvokeMode: invokeMode(p.InvokeMode, "BUFFERED")}
	if p.Cors != nil {
		c.CORS = new(shape.Cors(*p.Cors))
	}
	return c
}

func (s *Service) putURLResource(ctx context.Context, p *urlProperties) (resource.Result, error) {
	u, err := s.editURL(ctx, p.TargetFunctionArn, p.Qualifier, func(_ target, old *urlConfig) (*urlConfig, error) {
		next := p.config()
		if old != nil { // made before, perhaps by this very step
			next.ID, next.Created = old.ID, old.Created
		}
		return next, nil
	})
	if err != nil {
		return resource.Result{}, err
	}
	return resource.Result{PhysicalID: *u.FunctionArn, Attributes: map[string]any{"FunctionUrl": *u.FunctionUrl, "FunctionArn": *u.FunctionArn}}, nil
}

func (s *Service) createURLResource(ctx context.Context, _ resource.Request, p *urlProperties) (resource.Result, error) {
	return s.putURLResource(ctx, p)
}

func (s *Service) updateURLResource(ctx context.Context, _ resource.Request, p, _ *urlProperties) (resource.Result, error) {
	return s.putURLResource(ctx, p)
}

func (s *Service) deleteURLResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteFunctionURLConfig(ctx, &shape.DeleteFunctionUrlConfigInput{FunctionName: &r.PhysicalID})
	return unlessGone(err)
}
