package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// publish makes an immutable version of $LATEST and returns its number; if nothing has changed since the newest version,
// it returns that. token says which step of CloudFormation asks, if one does.
func (f *function) publish(description, token string, now time.Time) string {
	content := f.Latest.contentOf()
	newest := strconv.Itoa(f.LastVersion)
	if c, ok := f.Versions[newest]; ok && c.Content == content {
		return newest
	}
	f.LastVersion++
	c := f.Latest
	c.Version = strconv.Itoa(f.LastVersion)
	c.RevisionID = uuid()
	c.Modified = now.UTC().Truncate(time.Millisecond)
	c.Content, c.Token = content, token
	if description != "" {
		c.Description = description
	}
	if f.Versions == nil {
		f.Versions = map[string]configuration{}
	}
	f.Versions[c.Version] = c
	return c.Version
}

// contentOf digests what makes one configuration differ from another.
func (c *configuration) contentOf() string {
	d := *c
	d.Version, d.RevisionID, d.BuildID, d.Modified, d.Content, d.Token = "", "", "", time.Time{}, "", ""
	d.Code.Blob = ""
	data, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("lambda: encode configuration: %v", err)) // plain data only
	}
	return sum256Hex(data)
}

func (s *Service) publishVersion(ctx context.Context, in *shape.PublishVersionInput) (*shape.PublishVersionOutput, error) {
	return s.publishFor(ctx, in, "")
}

// publishFor is publishVersion for a step of CloudFormation. AWS: there it is an error if nothing has changed.
func (s *Service) publishFor(ctx context.Context, in *shape.PublishVersionInput, token string) (*shape.PublishVersionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	version := ""
	fn, err := s.change(ctx, t, func(fn *function) error {
		if in.RevisionId != nil && *in.RevisionId != fn.Latest.RevisionID {
			return errRevision("GetFunction/GetAlias")
		}
		if sum := deref(in.CodeSha256); sum != "" && sum != fn.Latest.Code.SHA256 {
			return errInvalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", sum, fn.Latest.Code.SHA256)
		}
		before := fn.LastVersion
		version = fn.publish(deref(in.Description), token, time.Now())
		switch {
		case fn.LastVersion != before:
		case token != "" && fn.Versions[version].Token != token:
			return awsapi.Errorf("AlreadyExists", 400, "A version for this Lambda function exists ( %s ). Modify the function to create a new version.", version)
		default:
			return errUnchanged
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return fn.describe(fn.version(version), version), nil
}

func (s *Service) listVersionsByFunction(ctx context.Context, in *shape.ListVersionsByFunctionInput) (*shape.ListVersionsByFunctionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(e.fn.listVersions(), in.Marker, in.MaxItems)
	return &shape.ListVersionsByFunctionOutput{Versions: page, NextMarker: next}, err
}

// listVersions returns $LATEST and all versions, oldest first.
func (f *function) listVersions() []item[*shape.FunctionConfiguration] {
	list := []item[*shape.FunctionConfiguration]{{f.Name, f.listed(&f.Latest, latest)}}
	for _, v := range f.versions() {
		list = append(list, item[*shape.FunctionConfiguration]{fmt.Sprintf("%s %019s", f.Name, v), f.listed(f.version(v), v)})
	}
	return list
}

func (s *Service) createAlias(ctx context.Context, in *shape.CreateAliasInput) (*shape.CreateAliasOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	name := deref(in.Name)
	if isVersion(name) || !isWord(name) { // the model's own pattern looks ahead, which Go's do not
		return nil, errConstraint(name, "name", `Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)`)
	}
	t = t.unqualified()
	if e := s.catalog.get(t.key()); e == nil {
		t.qualifier = deref(in.FunctionVersion) // AWS: names the version that it looked for
	}
	fn, err := s.change(ctx, t, func(fn *function) error {
		if _, ok := fn.Aliases[name]; ok {
			return errConflict("Alias already exists: %s", fn.arn(name))
		}
		a := alias{Version: deref(in.FunctionVersion), Description: deref(in.Description), RevisionID: uuid()}
		if in.RoutingConfig != nil {
			a.Weights = in.RoutingConfig.AdditionalVersionWeights
		}
		return fn.setAlias(name, a)
	})
	if err != nil {
		return nil, err
	}
	return fn.describeAlias(name), nil
}

// setAlias stores an alias whose versions exist.
func (f *function) setAlias(name string, a alias) error {
	if f.version(a.Version) == nil {
		return errFunctionNotFound(f.arn(a.Version))
	}
	if len(a.Weights) > 1 {
		return errInvalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for v, w := range a.Weights {
		switch {
		case f.version(v) == nil:
			return errFunctionNotFound(f.arn(v))
		case v == a.Version:
			return errInvalid("Invalid function version %s. Function version %s is already included in routing configuration.", v, v)
		case a.Version == latest:
			return errInvalid("$LATEST is not supported for an alias pointing to more than 1 version")
		case w < 0 || w > 1:
			return errInvalid("Invalid weight %v of function version %s", w, v) // the model's constraints say so first
		}
	}
	if f.Aliases == nil {
		f.Aliases = map[string]alias{}
	}
	f.Aliases[name] = a
	return nil
}

func (f *function) describeAlias(name string) *shape.AliasConfiguration {
	a := f.Aliases[name]
	out := &shape.AliasConfiguration{
		AliasArn: new(f.arn(name)), Name: new(name), FunctionVersion: new(a.Version), Description: new(a.Description), RevisionId: new(a.RevisionID),
	}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &shape.AliasRoutingConfiguration{AdditionalVersionWeights: a.Weights}
	}
	return out
}

func (s *Service) updateAlias(ctx context.Context, in *shape.UpdateAliasInput) (*shape.UpdateAliasOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	name := deref(in.Name)
	fn, err := s.change(ctx, t, func(fn *function) error {
		a, ok := fn.Aliases[name]
		if !ok {
			return errAliasNotFound(fn.arn(name))
		}
		if in.RevisionId != nil && *in.RevisionId != a.RevisionID {
			return errRevision("GetFunction/GetAlias")
		}
		set(&a.Version, in.FunctionVersion)
		set(&a.Description, in.Description)
		if in.RoutingConfig != nil {
			a.Weights = in.RoutingConfig.AdditionalVersionWeights
		}
		a.RevisionID = uuid()
		return fn.setAlias(name, a)
	})
	if err != nil {
		return nil, err
	}
	return fn.describeAlias(name), nil
}

func (s *Service) getAlias(ctx context.Context, in *shape.GetAliasInput) (*shape.GetAliasOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	if _, ok := e.fn.Aliases[deref(in.Name)]; !ok {
		return nil, errAliasNotFound(e.fn.arn(deref(in.Name)))
	}
	return e.fn.describeAlias(*in.Name), nil
}

func (s *Service) listAliases(ctx context.Context, in *shape.ListAliasesInput) (*shape.ListAliasesOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	var list []item[*shape.AliasConfiguration]
	for _, name := range slices.Sorted(maps.Keys(e.fn.Aliases)) {
		if v := deref(in.FunctionVersion); v == "" || v == e.fn.Aliases[name].Version {
			list = append(list, item[*shape.AliasConfiguration]{name, e.fn.describeAlias(name)})
		}
	}
	page, next, err := paginate(list, in.Marker, in.MaxItems)
	return &shape.ListAliasesOutput{Aliases: page, NextMarker: next}, err
}

func (s *Service) deleteAlias(ctx context.Context, in *shape.DeleteAliasInput) (*shape.DeleteAliasOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	_, err = s.change(ctx, t, func(fn *function) error {
		if _, ok := fn.Aliases[deref(in.Name)]; !ok {
			return errUnchanged
		}
		fn.forget(*in.Name)
		return nil
	})
	return &shape.DeleteAliasOutput{}, err
}

// route returns the version that a call with this qualifier runs: an alias with weights splits its calls.
func (f *function) route(qualifier string) *configuration {
	a, ok := f.Aliases[qualifier]
	if !ok {
		return f.version(qualifier)
	}
	for v, w := range a.Weights {
		if rand.Float64() < w {
			return f.version(v)
		}
	}
	return f.version(a.Version)
}
