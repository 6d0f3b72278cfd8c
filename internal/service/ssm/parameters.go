package ssm

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/ssm"
)

const (
	secure      = "SecureString"
	standard    = "Standard"
	advanced    = "Advanced"
	textData    = "text"
	defaultKey  = "alias/aws/ssm"
	maxVersions = 100
	maxKept     = 700 << 10 // bytes of all versions together, which are one document
	maxLevels   = 15
)

// A parameter is a name with its values, the newest last.
type parameter struct {
	Name     string
	Versions []version
	Tags     map[string]string `json:",omitempty"`
}

type version struct {
	Number      int64
	Type        string
	Value       string
	Description string `json:",omitempty"`
	Pattern     string `json:",omitempty"`
	KeyID       string `json:",omitempty"`
	Tier        string
	DataType    string
	Modified    time.Time
	ModifiedBy  string
	Token       string `json:",omitempty"` // of the step of CloudFormation that wrote it
}

func (p *parameter) newest() *version { return &p.Versions[len(p.Versions)-1] }

// number returns a version; zero is the newest.
func (p *parameter) number(n int64) *version {
	if n == 0 {
		return p.newest()
	}
	i := slices.IndexFunc(p.Versions, func(v version) bool { return v.Number == n })
	if i < 0 {
		return nil
	}
	return &p.Versions[i]
}

// read returns the value as it is shown to those who ask for decryption, and to others.
func (v *version) read(decrypted bool) *string {
	if v.Type != secure || decrypted {
		return &v.Value
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", v.KeyID, v.Number, v.Value))
	return new("AQICAHg" + base64.StdEncoding.EncodeToString(sum[:]))
}

func (s *Service) putParameter(ctx context.Context, in *shapes.PutParameterInput) (*shapes.PutParameterOutput, error) {
	if value(in.Policies) != "" && *in.Policies != "[]" {
		return nil, awsapi.Errorf("InvalidPolicyTypeException", 400, "Sallyport does not support policies of parameters.")
	}
	tags := tagMap(in.Tags)
	if len(tags) > 0 && value(in.Overwrite) {
		return nil, invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	}
	p, err := s.put(ctx, *in.Name, value(in.Overwrite), tags, version{
		Type: value(in.Type), Value: *in.Value, Description: value(in.Description), Pattern: value(in.AllowedPattern),
		KeyID: value(in.KeyId), Tier: value(in.Tier), DataType: value(in.DataType),
	})
	if err != nil {
		return nil, err
	}
	return &shapes.PutParameterOutput{Version: &p.newest().Number, Tier: &p.newest().Tier}, nil
}

// put writes a version of a parameter. What it does not say stays as it is.
func (s *Service) put(ctx context.Context, name string, overwrite bool, tags map[string]string, v version) (*parameter, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	v.Modified, v.ModifiedBy = time.Now().UTC().Truncate(time.Millisecond), awsapi.CallerOf(ctx).ARN
	return s.parameters.Edit(ctx, prefix(ctx)+name, func(p *parameter) (*parameter, error) {
		switch {
		case p == nil && v.Type == "":
			return nil, invalid("A parameter type is required when you create a parameter.")
		case p == nil:
			p = &parameter{Name: name, Tags: tags}
			v.Number = 1
		case v.Token != "" && p.newest().Token == v.Token: // the same step again
			v.Number = p.newest().Number
			p.Versions = p.Versions[:len(p.Versions)-1]
		case !overwrite:
			return nil, awsapi.Errorf("ParameterAlreadyExists", 400, "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
		default:
			v.follow(p.newest())
		}
		v.complete()
		if err := v.check(); err != nil {
			return nil, err
		}
		p.Versions = append(p.Versions, v)
		p.trim()
		return p, nil
	})
}

// follow takes over from the version before what a new one does not say.
func (v *version) follow(old *version) {
	v.Number = old.Number + 1
	for _, f := range []struct{ to, from *string }{
		{&v.Type, &old.Type}, {&v.Description, &old.Description}, {&v.Pattern, &old.Pattern}, {&v.DataType, &old.DataType}, {&v.Tier, &old.Tier},
	} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if v.KeyID == "" && v.Type == old.Type {
		v.KeyID = old.KeyID
	}
}

func (v *version) complete() {
	if v.DataType == "" {
		v.DataType = textData
	}
	if v.Tier == "Intelligent-Tiering" {
		v.Tier = standard
		if utf8.RuneCountInString(v.Value) > 4096 {
			v.Tier = advanced
		}
	}
	if v.Tier == "" {
		v.Tier = standard
	}
	if v.Type == secure && v.KeyID == "" {
		v.KeyID = defaultKey
	}
	if v.Type != secure {
		v.KeyID = ""
	}
}

func (v *version) check() error {
	length := utf8.RuneCountInString(v.Value)
	switch {
	case length == 0:
		return invalid("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.")
	case v.Tier == standard && length > 4096:
		return invalid("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html")
	case length > 8192:
		return invalid("Advanced tier parameters support a maximum parameter value of 8192 characters.")
	case !slices.Contains([]string{textData, "aws:ec2:image", "aws:ssm:integration"}, v.DataType):
		return invalid("The following data type is not supported: %s (Data type names are all lowercase.)", v.DataType)
	}
	if v.Pattern == "" {
		return nil
	}
	pattern, err := regexp.Compile(`^(?:` + v.Pattern + `)$`)
	if err != nil {
		return awsapi.Errorf("InvalidAllowedPatternException", 400, "The request does not meet the regular expression requirement.")
	}
	if !pattern.MatchString(v.Value) {
		return awsapi.Errorf("ParameterPatternMismatchException", 400, "Parameter value, cannot be validated against allowedPattern: %s", v.Pattern)
	}
	return nil
}

// trim drops the oldest versions of too many.
func (p *parameter) trim() {
	total := 0
	for _, v := range p.Versions {
		total += len(v.Value) + len(v.Description) + 512
	}
	for len(p.Versions) > maxVersions || total > maxKept && len(p.Versions) > 1 {
		total -= len(p.Versions[0].Value) + len(p.Versions[0].Description) + 512
		p.Versions = p.Versions[1:]
	}
}

var nameForm = regexp.MustCompile(`^/?[a-zA-Z0-9_.-]+(/[a-zA-Z0-9_.-]+)*$`)

func checkName(name string) error {
	if strings.Contains(name, "/") && !strings.HasPrefix(name, "/") {
		return invalid("Parameter name must be a fully qualified name.")
	}
	first := strings.ToLower(strings.TrimPrefix(name, "/"))
	if strings.HasPrefix(first, "aws") {
		return awsapi.Errorf("AccessDeniedException", 400, "No access to reserved parameter name: %s.", name)
	}
	if !nameForm.MatchString(name) || strings.HasPrefix(first, "ssm") {
		return invalid(`Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`)
	}
	if strings.Count(name, "/") > maxLevels {
		return awsapi.Errorf("HierarchyLevelLimitExceededException", 400, "A parameter name can't contain more than %d levels.", maxLevels)
	}
	return nil
}

// remove removes a parameter, and reports whether it was there.
func (s *Service) remove(ctx context.Context, name string) (bool, error) {
	errGone := errors.New("gone")
	_, err := s.parameters.Edit(ctx, prefix(ctx)+name, func(p *parameter) (*parameter, error) {
		if p == nil {
			return nil, errGone
		}
		return nil, nil
	})
	if errors.Is(err, errGone) {
		return false, nil
	}
	return err == nil, err
}

func (s *Service) deleteParameter(ctx context.Context, in *shapes.DeleteParameterInput) (*shapes.DeleteParameterOutput, error) {
	found, err := s.remove(ctx, *in.Name)
	if err == nil && !found {
		err = errNotFound()
	}
	return &shapes.DeleteParameterOutput{}, err
}

func (s *Service) deleteParameters(ctx context.Context, in *shapes.DeleteParametersInput) (*shapes.DeleteParametersOutput, error) {
	out := &shapes.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		found, err := s.remove(ctx, name)
		if err != nil {
			return nil, err
		}
		if found {
			out.DeletedParameters = append(out.DeletedParameters, name)
		} else {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, nil
}
