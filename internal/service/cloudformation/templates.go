package cloudformation

import (
	"context"
	"slices"
	"strings"

	api "github.com/sallyport/sallyport/internal/awsapi/shapes/cloudformation"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

func (s *Service) getTemplate(ctx context.Context, in *api.GetTemplateInput) (*api.GetTemplateOutput, error) {
	uuid, name, err := s.templateName(ctx, in)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return &api.GetTemplateOutput{TemplateBody: new(""), StagesAvailable: []string{"Original", "Processed"}}, nil
	}
	text, err := s.templateOf(ctx, uuid, name)
	if err != nil {
		return nil, err
	}
	out := &api.GetTemplateOutput{TemplateBody: &text.Original, StagesAvailable: []string{"Original", "Processed"}}
	if str(in.TemplateStage) == "Processed" {
		doc, err := template.Parse([]byte(text.Original))
		if err != nil {
			return nil, err
		}
		transforms, err := template.Transforms(doc)
		if err != nil {
			return nil, err
		}
		if len(transforms) > 0 {
			out.TemplateBody = new(string(text.Processed))
		}
	}
	return out, nil
}

func (s *Service) templateName(ctx context.Context, in *api.GetTemplateInput) (uuid, name string, err error) {
	if in.ChangeSetName != nil {
		if in.StackName == nil && !strings.HasPrefix(*in.ChangeSetName, "arn:") {
			return "", "", errValidation("StackName is a required parameter.")
		}
		cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
		if err != nil {
			return "", "", err
		}
		return cs.StackUUID, cs.Template, nil
	}
	if in.StackName == nil {
		return "", "", errValidation("StackName is required if ChangeSetName is not specified.")
	}
	st, ok, err := s.stackNamed(ctx, *in.StackName)
	if err != nil {
		return "", "", err
	}
	if !ok {
		return "", "", errNoStackID(*in.StackName)
	}
	return st.UUID, st.Template, nil
}

// A summary is what a template asks for and needs.
type summary struct {
	doc          *template.Document
	description  string
	parameters   []*template.Parameter
	transforms   []string
	capabilities []string
	reason       string
	types        []string
	ids          map[string][]string // logical ids by type
}

// summarize reads a template without values for its parameters.
func (s *Service) summarize(text []byte) (*summary, error) {
	doc, err := template.Parse(text)
	if err != nil {
		return nil, err
	}
	sum := &summary{doc: doc, ids: map[string][]string{}}
	if sum.transforms, err = template.Transforms(doc); err != nil {
		return nil, err
	}
	resources, _ := doc.Root["Resources"].(map[string]any)
	if len(resources) == 0 {
		return nil, &template.Error{Message: "Template format error: At least one Resources member must be defined."}
	}
	if sum.parameters, err = template.Parameters(doc); err != nil {
		return nil, err
	}
	sum.description, _ = doc.Root["Description"].(string)
	iam := &template.Template{Resources: map[string]*template.Resource{}}
	for _, id := range doc.Keys("Resources") {
		r, _ := resources[id].(map[string]any)
		typ, _ := r["Type"].(string)
		properties, _ := r["Properties"].(map[string]any)
		iam.Resources[id] = &template.Resource{ID: id, Type: typ, Properties: properties}
		if typ == "AWS::Serverless::Function" || typ == "AWS::Serverless::StateMachine" {
			if _, hasRole := properties["Role"]; !hasRole {
				iam.Resources[id].Type = "AWS::IAM::Role" // AWS: what the transform will make counts
			}
		}
		if len(sum.ids[typ]) == 0 && typ != "" {
			sum.types = append(sum.types, typ)
		}
		sum.ids[typ] = append(sum.ids[typ], id)
	}
	if len(sum.transforms) == 0 {
		if _, err := template.New(doc); err != nil {
			return nil, err
		}
	}
	capabilities, types := iam.Capabilities()
	sum.capabilities = capabilities
	if len(types) > 0 {
		sum.reason = "The following resource(s) require capabilities: [" + strings.Join(types, ", ") + "]"
	}
	if len(sum.transforms) > 0 {
		sum.capabilities = append(sum.capabilities, "CAPABILITY_AUTO_EXPAND")
	}
	return sum, nil
}

func (s *Service) validateTemplate(ctx context.Context, in *api.ValidateTemplateInput) (*api.ValidateTemplateOutput, error) {
	text, err := s.body(ctx, in.TemplateBody, in.TemplateURL)
	if err != nil {
		return nil, err
	}
	sum, err := s.summarize(text)
	if err != nil {
		return nil, err
	}
	out := &api.ValidateTemplateOutput{
		Description: optional(sum.description), Capabilities: sum.capabilities, CapabilitiesReason: optional(sum.reason), DeclaredTransforms: sum.transforms,
		Parameters: []*api.TemplateParameter{},
	}
	for _, p := range sum.parameters {
		out.Parameters = append(out.Parameters, &api.TemplateParameter{
			ParameterKey: new(p.Name), DefaultValue: p.Default, NoEcho: new(p.NoEcho), Description: optional(p.Description),
		})
	}
	return out, nil
}

func (s *Service) getTemplateSummary(ctx context.Context, in *api.GetTemplateSummaryInput) (*api.GetTemplateSummaryOutput, error) {
	text, err := s.summaryText(ctx, in)
	if err != nil {
		return nil, err
	}
	sum, err := s.summarize(text)
	if err != nil {
		return nil, err
	}
	out := &api.GetTemplateSummaryOutput{
		Description: optional(sum.description), Capabilities: sum.capabilities, CapabilitiesReason: optional(sum.reason), DeclaredTransforms: sum.transforms,
		ResourceTypes: sum.types, Parameters: []*api.ParameterDeclaration{}, ResourceIdentifierSummaries: []*api.ResourceIdentifierSummary{},
	}
	if v, ok := sum.doc.Root["AWSTemplateFormatVersion"].(string); ok {
		out.Version = &v
	}
	if m, ok := sum.doc.Root["Metadata"]; ok && m != nil {
		out.Metadata = new(string(encode(m)))
	}
	for _, p := range sum.parameters {
		d := &api.ParameterDeclaration{
			ParameterKey: new(p.Name), ParameterType: new(p.Type), DefaultValue: p.Default, NoEcho: new(p.NoEcho), Description: optional(p.Description),
			ParameterConstraints: &api.ParameterConstraints{AllowedValues: p.AllowedValues},
		}
		out.Parameters = append(out.Parameters, d)
	}
	for _, typ := range sum.types {
		out.ResourceIdentifierSummaries = append(out.ResourceIdentifierSummaries, &api.ResourceIdentifierSummary{ResourceType: new(typ), LogicalResourceIds: sum.ids[typ]})
	}
	return out, nil
}

func (s *Service) summaryText(ctx context.Context, in *api.GetTemplateSummaryInput) ([]byte, error) {
	if in.StackName == nil {
		return s.body(ctx, in.TemplateBody, in.TemplateURL)
	}
	st, ok, err := s.stackNamed(ctx, *in.StackName)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoStack(*in.StackName)
	}
	if st.Status == "REVIEW_IN_PROGRESS" {
		return nil, errValidation("GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")
	}
	text, err := s.templateOf(ctx, st.UUID, st.Template)
	if err != nil {
		return nil, err
	}
	return []byte(text.Original), nil
}

func (s *Service) estimateTemplateCost(ctx context.Context, in *api.EstimateTemplateCostInput) (*api.EstimateTemplateCostOutput, error) {
	text, err := s.body(ctx, in.TemplateBody, in.TemplateURL)
	if err != nil {
		return nil, err
	}
	if _, err := s.summarize(text); err != nil {
		return nil, err
	}
	return &api.EstimateTemplateCostOutput{Url: new("https://calculator.aws/")}, nil
}

func (s *Service) describeAccountLimits(context.Context, *api.DescribeAccountLimitsInput) (*api.DescribeAccountLimitsOutput, error) {
	return &api.DescribeAccountLimitsOutput{AccountLimits: []*api.AccountLimit{
		{Name: new("StackLimit"), Value: new(int64(2000))},
		{Name: new("StackOutputsLimit"), Value: new(int64(template.MaxOutputs))},
	}}, nil
}

// describeType says of a type what the service knows: that it is there.
func (s *Service) describeType(_ context.Context, in *api.DescribeTypeInput) (*api.DescribeTypeOutput, error) {
	name := str(in.TypeName)
	if s.typeOf(name) == nil {
		return nil, errTypeNotFound(name)
	}
	return &api.DescribeTypeOutput{
		TypeName: &name, Type: new("RESOURCE"), ProvisioningType: new("FULLY_MUTABLE"), Visibility: new("PUBLIC"), DeprecatedStatus: new("LIVE"),
		IsActivated: new(true),
	}, nil
}

func (s *Service) listTypes(_ context.Context, in *api.ListTypesInput) (*api.ListTypesOutput, error) {
	names := sortedNames(s.types)
	from, to, next, err := page(in.NextToken, len(names), 100)
	if err != nil {
		return nil, err
	}
	out := &api.ListTypesOutput{NextToken: next, TypeSummaries: []*api.TypeSummary{}}
	for _, n := range slices.Clone(names[from:to]) {
		out.TypeSummaries = append(out.TypeSummaries, &api.TypeSummary{TypeName: new(n), Type: new("RESOURCE")})
	}
	return out, nil
}
