package ssm

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/ssm"
)

// find returns a parameter, or nil. AWS: it may be named by its ARN, which does not tell /name from name.
func (s *Service) find(ctx context.Context, name string) (*parameter, error) {
	a, err := arn.Parse(name)
	if err != nil {
		return s.parameters.Get(ctx, prefix(ctx)+name)
	}
	c := awsapi.CallerOf(ctx)
	path, ok := strings.CutPrefix(a.Resource, "parameter/")
	if !ok || a.Service != "ssm" || a.Account != c.Account || a.Region != c.Region {
		return nil, nil
	}
	p, err := s.parameters.Get(ctx, prefix(ctx)+"/"+path)
	if err == nil && p == nil {
		p, err = s.parameters.Get(ctx, prefix(ctx)+path)
	}
	return p, err
}

// version returns a parameter and one of its versions; zero is the newest.
func (s *Service) version(ctx context.Context, name string, number int64) (*parameter, *version, error) {
	p, err := s.find(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if p == nil {
		return nil, nil, errNotFound()
	}
	v := p.number(number)
	if v == nil {
		return nil, nil, errNoVersion(name, number)
	}
	return p, v, nil
}

// get returns what a name with an optional selector means: name:3.
func (s *Service) get(ctx context.Context, given string, decrypted bool) (*shapes.Parameter, error) {
	name, selector := given, ""
	if i := strings.LastIndexByte(given, ':'); i >= 0 && !strings.Contains(given[i:], "/") {
		name, selector = given[:i], given[i:]
	}
	number := int64(0)
	if selector != "" {
		var err error
		if number, err = strconv.ParseInt(selector[1:], 10, 64); err != nil || number < 1 {
			return nil, awsapi.Errorf("ParameterVersionNotFound", 400, "Systems Manager could not find label %s of %s: labels are not supported.", selector[1:], name)
		}
	}
	p, v, err := s.version(ctx, name, number)
	if err != nil {
		return nil, err
	}
	out := described(ctx, p, v, decrypted)
	out.Selector = optional(selector)
	return out, nil
}

func described(ctx context.Context, p *parameter, v *version, decrypted bool) *shapes.Parameter {
	return &shapes.Parameter{
		Name: &p.Name, Type: &v.Type, Value: v.read(decrypted), Version: &v.Number, LastModifiedDate: &v.Modified,
		ARN: arnOf(ctx, p.Name), DataType: &v.DataType,
	}
}

func (s *Service) getParameter(ctx context.Context, in *shapes.GetParameterInput) (*shapes.GetParameterOutput, error) {
	p, err := s.get(ctx, *in.Name, value(in.WithDecryption))
	if err != nil {
		return nil, err
	}
	return &shapes.GetParameterOutput{Parameter: p}, nil
}

func (s *Service) getParameters(ctx context.Context, in *shapes.GetParametersInput) (*shapes.GetParametersOutput, error) {
	out := &shapes.GetParametersOutput{Parameters: []*shapes.Parameter{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		p, err := s.get(ctx, name, value(in.WithDecryption))
		switch code := awsapi.Code(err); {
		case code == "ParameterNotFound" || code == "ParameterVersionNotFound":
			out.InvalidParameters = append(out.InvalidParameters, name)
		case err != nil:
			return nil, err
		default:
			out.Parameters = append(out.Parameters, p)
		}
	}
	return out, nil
}

func (s *Service) getParametersByPath(ctx context.Context, in *shapes.GetParametersByPathInput) (*shapes.GetParametersByPathOutput, error) {
	if !strings.HasPrefix(*in.Path, "/") {
		return nil, invalid(`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.`)
	}
	under := &shapes.ParameterStringFilter{Key: new("Path"), Option: new("OneLevel"), Values: []string{*in.Path}}
	if value(in.Recursive) {
		under.Option = new("Recursive")
	}
	all, err := s.list(ctx, append([]*shapes.ParameterStringFilter{under}, in.ParameterFilters...))
	if err != nil {
		return nil, err
	}
	limit := int64(10)
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	all, next, err := page(all, nameOf, limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.GetParametersByPathOutput{Parameters: []*shapes.Parameter{}, NextToken: next}
	for _, p := range all {
		out.Parameters = append(out.Parameters, described(ctx, p, p.newest(), value(in.WithDecryption)))
	}
	return out, nil
}

func (s *Service) describeParameters(ctx context.Context, in *shapes.DescribeParametersInput) (*shapes.DescribeParametersOutput, error) {
	filters := in.ParameterFilters
	for _, f := range in.Filters {
		option := "Equals"
		if *f.Key == "Name" {
			option = "BeginsWith"
		}
		filters = append(filters, &shapes.ParameterStringFilter{Key: f.Key, Option: &option, Values: f.Values})
	}
	all, err := s.list(ctx, filters)
	if err != nil {
		return nil, err
	}
	limit := int64(50)
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	all, next, err := page(all, nameOf, limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeParametersOutput{Parameters: []*shapes.ParameterMetadata{}, NextToken: next}
	for _, p := range all {
		v := p.newest()
		out.Parameters = append(out.Parameters, &shapes.ParameterMetadata{
			Name: &p.Name, ARN: arnOf(ctx, p.Name), Type: &v.Type, KeyId: optional(v.KeyID), LastModifiedDate: &v.Modified, LastModifiedUser: optional(v.ModifiedBy),
			Description: optional(v.Description), AllowedPattern: optional(v.Pattern), Version: &v.Number, Tier: &v.Tier,
			Policies: []*shapes.ParameterInlinePolicy{}, DataType: &v.DataType,
		})
	}
	return out, nil
}

func (s *Service) getParameterHistory(ctx context.Context, in *shapes.GetParameterHistoryInput) (*shapes.GetParameterHistoryOutput, error) {
	p, err := s.find(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, errNotFound()
	}
	limit := int64(50)
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	versions, next, err := page(p.Versions, func(v version) string { return strconv.FormatInt(1e9+v.Number, 10) }, limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.GetParameterHistoryOutput{Parameters: []*shapes.ParameterHistory{}, NextToken: next}
	for _, v := range versions {
		out.Parameters = append(out.Parameters, &shapes.ParameterHistory{
			Name: &p.Name, Type: &v.Type, KeyId: optional(v.KeyID), LastModifiedDate: &v.Modified, LastModifiedUser: optional(v.ModifiedBy),
			Description: optional(v.Description), Value: v.read(value(in.WithDecryption)), AllowedPattern: optional(v.Pattern), Version: &v.Number,
			Labels: []string{}, Tier: &v.Tier, Policies: []*shapes.ParameterInlinePolicy{}, DataType: &v.DataType,
		})
	}
	return out, nil
}

func nameOf(p *parameter) string { return p.Name }

// list returns the caller's parameters that all filters let pass, sorted by name.
func (s *Service) list(ctx context.Context, filters []*shapes.ParameterStringFilter) ([]*parameter, error) {
	all, err := s.parameters.List(ctx, prefix(ctx))
	if err != nil {
		return nil, err
	}
	var some []*parameter
	for _, p := range all {
		passes := true
		for _, f := range filters {
			ok, err := p.passes(f)
			if err != nil {
				return nil, err
			}
			passes = passes && ok
		}
		if passes {
			some = append(some, p)
		}
	}
	return some, nil
}

func (p *parameter) passes(f *shapes.ParameterStringFilter) (bool, error) {
	v := p.newest()
	fields := map[string]string{"Name": p.Name, "Type": v.Type, "KeyId": v.KeyID, "Tier": v.Tier, "DataType": v.DataType}
	option := value(f.Option)
	if *f.Key == "Path" {
		return slices.ContainsFunc(f.Values, func(path string) bool { return p.under(path, option == "Recursive") }), nil
	}
	field, known := fields[*f.Key]
	if tag, ok := strings.CutPrefix(*f.Key, "tag:"); ok {
		if field, known = p.Tags[tag]; !known {
			return false, nil
		}
		if len(f.Values) == 0 {
			return true, nil
		}
	}
	if !known {
		return false, awsapi.Errorf("InvalidFilterKey", 400, "The following filter key is not valid: %s.", *f.Key)
	}
	match := func(a, b string) bool { return a == b }
	switch option {
	case "", "Equals":
	case "BeginsWith":
		match = strings.HasPrefix
	case "Contains":
		match = strings.Contains
	default:
		return false, awsapi.Errorf("InvalidFilterOption", 400, "The following filter option is not valid: %s. Valid options include: [BeginsWith, Equals].", option)
	}
	return slices.ContainsFunc(f.Values, func(want string) bool { return match(field, want) }), nil
}

// under reports whether a parameter is below a path: directly, or anywhere.
func (p *parameter) under(path string, anywhere bool) bool {
	rest, ok := strings.CutPrefix(p.Name, strings.TrimSuffix(path, "/")+"/")
	if path == "/" && !strings.HasPrefix(p.Name, "/") { // AWS: names without hierarchy are at the top
		rest, ok = p.Name, true
	}
	return ok && (anywhere || !strings.Contains(rest, "/"))
}
