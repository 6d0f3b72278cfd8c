package iam

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here. A step that is repeated finds what it made: things remember
// the token of the step.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{
		s.roleResource(), s.userResource(), s.groupResource(),
		s.policyResource(), s.managedPolicyResource(), s.rolePolicyResource(),
		s.accessKeyResource(), s.instanceProfileResource(),
	}
}

// inlinePolicy is a member of Policies.
type inlinePolicy struct {
	PolicyName     string `cfn:"required"`
	PolicyDocument any    `cfn:"required"`
}

// documentText returns a policy document of a template as text. Templates have it as an object, or as text.
func documentText(v any) (string, error) {
	if text, ok := v.(string); ok {
		return text, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "", errMalformed("This policy contains invalid Json")
	}
	return string(data), nil
}

func gone(err error) error {
	if awsapi.Code(err) == "NoSuchEntity" {
		return nil
	}
	return err
}

func tagList(r resource.Request, tags []resource.Tag) []tag {
	var out []tag
	all := r.WithTags(resource.TagMap(tags))
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range all {
			if !yield(k) {
				return
			}
		}
	}) {
		out = append(out, tag{k, all[k]})
	}
	return out
}

// A wanted state is what a template says of a principal.
type wanted struct {
	policies  []inlinePolicy
	managed   []string
	boundary  *string
	groups    []string
	tags      []tag
	configure func(*principal) error // the rest
}

// texts returns the inline policies by name, checked.
func (w wanted) texts() (map[string]string, error) {
	m := map[string]string{}
	for _, p := range w.policies {
		text, err := documentText(p.PolicyDocument)
		if err != nil {
			return nil, err
		}
		if err := checkDocument(text); err != nil {
			return nil, err
		}
		m[p.PolicyName] = text
	}
	return m, nil
}

// apply gives p the wanted state. Policies that old had and w lacks go; those that others added stay.
func (s *Service) apply(ctx context.Context, p *principal, w, old wanted) error {
	texts, err := w.texts()
	if err != nil {
		return err
	}
	for _, a := range w.managed {
		if err := s.checkAttachable(ctx, a); err != nil {
			return err
		}
	}
	for _, o := range old.policies {
		delete(p.Inline, o.PolicyName)
	}
	for name, text := range texts {
		if p.Inline == nil {
			p.Inline = map[string]string{}
		}
		p.Inline[name] = text
	}
	p.Attached = slices.DeleteFunc(p.Attached, func(a string) bool { return slices.Contains(old.managed, a) || slices.Contains(w.managed, a) })
	p.Attached = append(p.Attached, w.managed...)
	p.Groups = slices.DeleteFunc(p.Groups, func(g string) bool { return slices.Contains(old.groups, g) || slices.Contains(w.groups, g) })
	p.Groups = append(p.Groups, w.groups...)
	p.Boundary = deref(w.boundary)
	p.Tags = w.tags
	if w.configure != nil {
		return w.configure(p)
	}
	return nil
}

// makePrincipal creates a principal in the wanted state.
func (s *Service) makePrincipal(ctx context.Context, k kind, r resource.Request, name, path *string, w wanted) (resource.Result, error) {
	n := deref(name)
	if n == "" {
		n = r.PhysicalName(64)
	}
	p := s.newPrincipal(ctx, k, n, path)
	p.Token = r.Token
	if err := s.apply(ctx, p, w, wanted{}); err != nil {
		return resource.Result{}, err
	}
	err := create(ctx, s, p, errPrincipalExists(k, n))
	if awsapi.Code(err) == "EntityAlreadyExists" {
		there, _, loadErr := load[principal](ctx, s, p.key(), err)
		if loadErr != nil || there.Token != r.Token {
			return resource.Result{}, err
		}
		p, err = there, nil // made by this step before
	}
	return principalResult(p), err
}

func principalResult(p *principal) resource.Result {
	a := map[string]any{"Arn": p.arn()}
	if p.Kind == role {
		a["RoleId"] = p.ID
	}
	return resource.Result{PhysicalID: p.Name, Attributes: a}
}

func (s *Service) updatePrincipal(ctx context.Context, k kind, r resource.Request, w, old wanted) (resource.Result, error) {
	p, err := change(ctx, s, principalKey(account(ctx), k, r.PhysicalID), errNoPrincipal(k, r.PhysicalID), func(p *principal) error {
		return s.apply(ctx, p, w, old)
	})
	if err != nil {
		return resource.Result{}, err
	}
	return principalResult(p), nil
}

// emptyPrincipal takes from a principal what the template gave it, before it is deleted.
func (s *Service) emptyPrincipal(ctx context.Context, k kind, r resource.Request) error {
	names, _ := r.Properties["Policies"].([]any)
	attached, _ := r.Properties["ManagedPolicyArns"].([]any)
	groups, _ := r.Properties["Groups"].([]any)
	_, err := change(ctx, s, principalKey(account(ctx), k, r.PhysicalID), errNoPrincipal(k, r.PhysicalID), func(p *principal) error {
		for _, n := range names {
			if m, ok := n.(map[string]any); ok {
				delete(p.Inline, fmt.Sprint(m["PolicyName"]))
			}
		}
		p.Attached = slices.DeleteFunc(p.Attached, func(a string) bool { return slices.Contains(attached, any(a)) })
		p.Groups = slices.DeleteFunc(p.Groups, func(g string) bool { return slices.Contains(groups, any(g)) })
		return nil
	})
	return gone(err)
}

type roleProperties struct {
	AssumeRolePolicyDocument any `cfn:"required"`
	Description              *string
	ManagedPolicyArns        []string
	MaxSessionDuration       *int64
	Path                     *string `cfn:"createonly"`
	PermissionsBoundary      *string
	Policies                 []inlinePolicy
	RoleName                 *string `cfn:"createonly"`
	Tags                     []resource.Tag
}

func (p *roleProperties) wanted(r resource.Request) wanted {
	return wanted{policies: p.Policies, managed: p.ManagedPolicyArns, boundary: p.PermissionsBoundary, tags: tagList(r, p.Tags), configure: func(pr *principal) error {
		trust, err := documentText(p.AssumeRolePolicyDocument)
		if err != nil {
			return err
		}
		if err := checkTrust(trust); err != nil {
			return err
		}
		pr.Trust, pr.Description, pr.MaxSession = trust, deref(p.Description), defaultSession
		if p.MaxSessionDuration != nil {
			pr.MaxSession = *p.MaxSessionDuration
		}
		return nil
	}}
}

func (s *Service) roleResource() resource.Type {
	return resource.New("AWS::IAM::Role", resource.Handlers[roleProperties]{
		Create: func(ctx context.Context, r resource.Request, p *roleProperties) (resource.Result, error) {
			return s.makePrincipal(ctx, role, r, p.RoleName, p.Path, p.wanted(r))
		},
		Update: func(ctx context.Context, r resource.Request, p, old *roleProperties) (resource.Result, error) {
			return s.updatePrincipal(ctx, role, r, p.wanted(r), old.wanted(r))
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			if err := s.emptyPrincipal(ctx, role, r); err != nil {
				return err
			}
			_, err := s.deleteRole(ctx, &shapes.DeleteRoleInput{RoleName: &r.PhysicalID})
			return gone(err)
		},
	})
}

type userProperties struct {
	Groups              []string
	LoginProfile        any
	ManagedPolicyArns   []string
	Path                *string
	PermissionsBoundary *string
	Policies            []inlinePolicy
	Tags                []resource.Tag
	UserName            *string `cfn:"createonly"`
}

func (p *userProperties) wanted(r resource.Request) wanted {
	return wanted{policies: p.Policies, managed: p.ManagedPolicyArns, boundary: p.PermissionsBoundary, groups: p.Groups, tags: tagList(r, p.Tags)}
}

func (s *Service) userResource() resource.Type {
	return resource.New("AWS::IAM::User", resource.Handlers[userProperties]{
		Create: func(ctx context.Context, r resource.Request, p *userProperties) (resource.Result, error) {
			return s.makePrincipal(ctx, user, r, p.UserName, p.Path, p.wanted(r))
		},
		Update: func(ctx context.Context, r resource.Request, p, old *userProperties) (resource.Result, error) {
			return s.updatePrincipal(ctx, user, r, p.wanted(r), old.wanted(r))
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			if err := s.emptyPrincipal(ctx, user, r); err != nil {
				return err
			}
			_, err := s.deleteUser(ctx, &shapes.DeleteUserInput{UserName: &r.PhysicalID})
			return gone(err)
		},
	})
}

type groupProperties struct {
	GroupName         *string `cfn:"createonly"`
	ManagedPolicyArns []string
	Path              *string
	Policies          []inlinePolicy
}

func (p *groupProperties) wanted() wanted {
	return wanted{policies: p.Policies, managed: p.ManagedPolicyArns}
}

func (s *Service) groupResource() resource.Type {
	return resource.New("AWS::IAM::Group", resource.Handlers[groupProperties]{
		Create: func(ctx context.Context, r resource.Request, p *groupProperties) (resource.Result, error) {
			return s.makePrincipal(ctx, group, r, p.GroupName, p.Path, p.wanted())
		},
		Update: func(ctx context.Context, r resource.Request, p, old *groupProperties) (resource.Result, error) {
			return s.updatePrincipal(ctx, group, r, p.wanted(), old.wanted())
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			if err := s.emptyPrincipal(ctx, group, r); err != nil {
				return err
			}
			_, err := s.deleteGroup(ctx, &shapes.DeleteGroupInput{GroupName: &r.PhysicalID})
			return gone(err)
		},
	})
}
