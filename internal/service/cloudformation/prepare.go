package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation/sam"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

// Limits of templates, in bytes.
const (
	maxBody = 51_200
	maxURL  = 1 << 20
)

// A request is what all operations that deploy a template are given.
type request struct {
	Text      []byte
	Document  *template.Document // instead of Text
	Given     map[string]string  // values of parameters
	Settings  settings           // all but Template, Description and Parameters
	Trusted   bool               // capabilities need not be given
	StackName string
	StackID   string
}

// A prepared is a template whose macros are expanded and which has been checked, with its parameters.
type prepared struct {
	text       templateText
	template   *template.Template
	evaluation *template.Evaluation
	settings   settings
}

// prepare checks a template and its parameters, without anything being known of resources. Its errors are what callers see.
func (s *Service) prepare(ctx context.Context, req *request) (*prepared, error) {
	doc, text := req.Document, req.Text
	var err error
	if doc != nil {
		text = doc.JSON()
	} else if doc, err = template.Parse(text); err != nil {
		return nil, err
	}
	transforms, err := template.Transforms(doc)
	if err != nil {
		return nil, err
	}
	if m, isMap := doc.Root["Resources"].(map[string]any); doc.Root["Resources"] != nil && !isMap {
		return nil, &template.Error{Message: "Template format error: Any Resources member must be an object.", Position: doc.At("Resources")}
	} else if len(m) == 0 {
		return nil, &template.Error{Message: "Template format error: At least one Resources member must be defined."}
	}
	declared, err := template.Parameters(doc)
	if err != nil {
		return nil, err
	}
	values, err := s.parameterValues(ctx, declared, req.Given)
	if err != nil {
		return nil, err
	}
	if len(transforms) > 0 && !req.Trusted && !slices.Contains(req.Settings.Capabilities, "CAPABILITY_AUTO_EXPAND") {
		return nil, errCapabilities("CAPABILITY_AUTO_EXPAND")
	}
	p := &prepared{settings: req.Settings}
	p.settings.Parameters = values
	refs := parameterRefs(declared, values)
	processed, err := s.transform(ctx, doc, transforms, refs, req)
	if err != nil {
		return nil, err
	}
	if p.template, err = template.New(processed); err != nil {
		return nil, err
	}
	p.settings.Description = p.template.Description
	p.text = templateText{Original: string(text), Processed: encode(processed.Root)}
	if err := s.checkTypes(p.template); err != nil {
		return nil, err
	}
	if err := checkCapabilities(p.template, req); err != nil {
		return nil, err
	}
	st := &stack{ID: req.StackID, Name: req.StackName, settings: p.settings}
	env := s.environment(ctx, st)
	env.Parameters = refs
	env.Dynamic = nil
	if p.evaluation, err = p.template.Evaluate(env); err != nil {
		return nil, err
	}
	return p, resolveAll(p.evaluation)
}

// resolveAll finds what is wrong with functions before anything is made.
func resolveAll(e *template.Evaluation) error {
	for _, id := range e.Active() {
		if _, err := e.Properties(id); err != nil {
			return err
		}
	}
	return nil
}

// transform applies the macros of a document.
func (s *Service) transform(ctx context.Context, doc *template.Document, names []string, refs map[string]any, req *request) (*template.Document, error) {
	c := awsapi.CallerOf(ctx)
	env := &template.Env{AccountID: c.Account, Region: c.Region, StackName: req.StackName, StackID: req.StackID, Parameters: refs}
	var err error
	for _, name := range names {
		switch name {
		case template.LanguageExtensions:
			doc, err = template.Extend(doc, env)
		case sam.Name:
			doc, err = sam.Transform(doc, sam.Env{Account: c.Account, Region: c.Region, Partition: "aws", Parameters: refs})
		case "AWS::SecretsManager-2020-07-23", "AWS::SecretsManager-2024-09-16":
		case "AWS::Include":
			doc, err = template.Include(doc, func(location string) ([]byte, error) { return s.fetch(ctx, location) })
		default:
			err = awsapi.Errorf("ValidationError", 400, "No transform named %s found.", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return template.Include(doc, func(location string) ([]byte, error) { return s.fetch(ctx, location) })
}

// parameterValues completes the given values, and looks up those that are SSM parameters.
func (s *Service) parameterValues(ctx context.Context, declared []*template.Parameter, given map[string]string) ([]parameterValue, error) {
	values, err := template.Values(declared, given)
	if err != nil {
		return nil, err
	}
	var all []parameterValue
	for _, p := range declared {
		v := parameterValue{Key: p.Name, Value: values[p.Name], NoEcho: p.NoEcho}
		if p.SSM() {
			if v.Resolved, err = s.ssm(ctx, v.Value, 0); err != nil {
				return nil, awsapi.Errorf("ValidationError", 400, "Unable to fetch parameters [%s] from parameter store for this account.", v.Value)
			}
		}
		all = append(all, v)
	}
	return all, nil
}

// parameterRefs returns what a Ref to each parameter is.
func parameterRefs(declared []*template.Parameter, values []parameterValue) map[string]any {
	refs := map[string]any{}
	for _, p := range declared {
		for _, v := range values {
			if v.Key != p.Name {
				continue
			}
			text := v.Value
			if p.SSM() {
				text = v.Resolved
			}
			refs[p.Name] = p.Value(text)
		}
	}
	return refs
}

// environment is what a stack's template sees of the world but for resources and imports.
func (s *Service) environment(ctx context.Context, st *stack) *template.Env {
	c := awsapi.CallerOf(ctx)
	return &template.Env{
		AccountID: c.Account, Region: c.Region, StackID: st.ID, StackName: st.Name, NotificationARNs: st.NotificationARNs,
		Dynamic: func(service, reference string) (string, error) { return s.dynamic(ctx, service, reference) },
	}
}

// evaluate reads a stored template under a stack's parameters.
func (s *Service) evaluate(_ context.Context, text *templateText, st *stack, env *template.Env) (*template.Evaluation, error) {
	t, err := readProcessed(text)
	if err != nil {
		return nil, err
	}
	env.Parameters = parameterRefs(t.Parameters, st.Parameters)
	return t.Evaluate(env)
}

func readProcessed(text *templateText) (*template.Template, error) {
	original, err := template.Parse([]byte(text.Original)) // for the places of things in the text
	if err != nil {
		return nil, err
	}
	var root map[string]any
	if err := decode(text.Processed, &root); err != nil {
		return nil, fmt.Errorf("decode a processed template: %w", err)
	}
	return template.New(original.Derive(root))
}

// checkTypes refuses a template with a type that no service has, before anything is made of it.
func (s *Service) checkTypes(t *template.Template) error {
	var unknown []string
	var at template.Position
	for _, id := range t.Keys("Resources") {
		typ := t.Resources[id].Type
		if s.typeOf(typ) == nil && !slices.Contains(unknown, typ) {
			if len(unknown) == 0 {
				at = t.At("Resources", id, "Type")
			}
			unknown = append(unknown, typ)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return &template.Error{Message: fmt.Sprintf("Template format error: Unrecognized resource types: [%s]", strings.Join(unknown, ", ")), Position: at}
}

// typeOf returns the resource type of this name, or nil.
func (s *Service) typeOf(name string) resource.Type {
	if t := s.types[name]; t != nil {
		return t
	}
	if name == "AWS::CloudFormation::CustomResource" || strings.HasPrefix(name, "Custom::") {
		return &customResource{s, name}
	}
	return nil
}

// taggable reports whether a resource's type has tags, which then follow the stack's.
func (s *Service) taggable(res *resourceState) bool {
	typ := s.typeOf(res.Type)
	probe := map[string]any{"Tags": resource.Unknown}
	for k, v := range res.Properties {
		if k != "Tags" {
			probe[k] = v
		}
	}
	var bad *resource.InvalidProperties
	return typ != nil && !errors.As(typ.Check(probe), &bad)
}

func checkCapabilities(t *template.Template, req *request) error {
	needed, _ := t.Capabilities()
	for _, c := range needed {
		given := req.Settings.Capabilities
		if req.Trusted || slices.Contains(given, c) || c == "CAPABILITY_IAM" && slices.Contains(given, "CAPABILITY_NAMED_IAM") {
			continue
		}
		return errCapabilities(c)
	}
	return nil
}

// imported returns the value that another stack exports.
func (s *Service) imported(ctx context.Context, name string) (any, error) {
	e, ok, err := get[export](ctx, s.docs(), keysOf(ctx).export(name))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("No export named %s found.", name)
	}
	return e.Value, nil
}

// importers returns the names of the stacks that use an export.
func (s *Service) importers(ctx context.Context, name string) ([]string, error) {
	stacks, err := list[stack](ctx, s.docs(), keysOf(ctx).stacks())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, st := range stacks {
		if st.Status != "DELETE_COMPLETE" && slices.Contains(st.Imports, name) {
			names = append(names, st.Name)
		}
	}
	return names, nil
}

func (s *Service) ssm(ctx context.Context, name string, version int64) (string, error) {
	if s.options.Parameters == nil {
		return "", awsapi.Errorf("ValidationError", 400, "Unable to fetch parameters [%s] from parameter store for this account.", name)
	}
	return s.options.Parameters.Parameter(ctx, name, version)
}

// dynamic returns the value of {{resolve:service:reference}}.
func (s *Service) dynamic(ctx context.Context, service, reference string) (string, error) {
	switch service {
	case "ssm", "ssm-secure":
		name, version := reference, int64(0)
		if i := strings.LastIndexByte(reference, ':'); i >= 0 {
			n, err := strconv.ParseInt(reference[i+1:], 10, 64)
			if err != nil {
				return "", fmt.Errorf("Incorrect format is used in the following SSM reference: [{{resolve:%s:%s}}]", service, reference)
			}
			name, version = reference[:i], n
		}
		v, err := s.ssm(ctx, name, version)
		if err != nil {
			return "", fmt.Errorf("Parameters: [%s:%s:%d] cannot be found. ", service, name, version)
		}
		return v, nil
	}
	return "", fmt.Errorf("dynamic references to %s are not supported: {{resolve:%s:%s}}", service, service, reference)
}

// body returns the template of a request: given inline or by URL.
func (s *Service) body(ctx context.Context, inline, location *string) ([]byte, error) {
	switch {
	case inline != nil && location != nil:
		return nil, errValidation("Either Template URL or Template Body must be specified, but not both.")
	case inline != nil:
		if len(*inline) > maxBody {
			return nil, errValidation("1 validation error detected: Value '%s' at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", *inline, maxBody)
		}
		return []byte(*inline), nil
	case location != nil:
		return s.fetch(ctx, *location)
	}
	return nil, errValidation("Either Template URL or Template Body must be specified.")
}

// fetch reads a template from Amazon S3.
func (s *Service) fetch(ctx context.Context, location string) ([]byte, error) {
	bucket, key, version, ok := objectOf(location)
	if !ok {
		return nil, errValidation("TemplateURL must be a supported URL.")
	}
	if s.options.Objects == nil {
		return nil, errValidation("S3 error: Access Denied")
	}
	r, err := s.options.Objects.Open(ctx, bucket, key, version)
	if err != nil {
		var e *awsapi.Error
		if errors.As(err, &e) {
			return nil, errValidation("S3 error: %s", e.Message)
		}
		return nil, fmt.Errorf("read template %s: %w", location, err)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxURL+1))
	if err != nil {
		return nil, fmt.Errorf("read template %s: %w", location, err)
	}
	if len(text) > maxURL {
		return nil, errValidation("Template may not exceed 1000000 bytes in size.")
	}
	return text, nil
}

// objectOf returns the object that a URL names, in one of Amazon S3's forms or in that of our own endpoint.
func objectOf(location string) (bucket, key, version string, ok bool) {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return "", "", "", false
	}
	path := strings.TrimPrefix(u.Path, "/")
	version = u.Query().Get("versionId")
	if u.Scheme == "s3" {
		return u.Host, path, version, path != ""
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return "", "", "", false
	}
	host := u.Hostname()
	if i := strings.Index(host, ".s3."); i > 0 {
		return host[:i], path, version, path != ""
	}
	if i := strings.Index(host, ".s3-"); i > 0 {
		return host[:i], path, version, path != ""
	}
	bucket, key, ok = strings.Cut(path, "/")
	return bucket, key, version, ok && bucket != "" && key != ""
}
