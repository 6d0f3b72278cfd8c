package iam

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
	"github.com/sallyport/sallyport/internal/resource"
)

// holders are the principals that a template gives a policy to.
type holders struct {
	roles, users, groups []string
}

// each calls f for every principal.
func (h holders) each(f func(kind, string) error) error {
	for _, l := range []struct {
		kind  kind
		names []string
	}{{role, h.roles}, {user, h.users}, {group, h.groups}} {
		for _, name := range l.names {
			if err := f(l.kind, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// without returns those of h that other lacks.
func (h holders) without(other holders) holders {
	minus := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(n string) bool { return slices.Contains(b, n) })
	}
	return holders{minus(h.roles, other.roles), minus(h.users, other.users), minus(h.groups, other.groups)}
}

// holdersOf reads the lists of a deletion's properties.
func holdersOf(r resource.Request) holders {
	read := func(name string) (out []string) {
		list, _ := r.Properties[name].([]any)
		for _, v := range list {
			out = append(out, fmt.Sprint(v))
		}
		return out
	}
	return holders{read("Roles"), read("Users"), read("Groups")}
}

type policyProperties struct {
	Groups         []string
	PolicyDocument any    `cfn:"required"`
	PolicyName     string `cfn:"required"`
	Roles          []string
	Users          []string
}

func (p *policyProperties) holders() holders { return holders{p.Roles, p.Users, p.Groups} }

// put gives the policy to all its holders.
func (s *Service) put(ctx context.Context, p *policyProperties) error {
	text, err := documentText(p.PolicyDocument)
	if err != nil {
		return err
	}
	if len(p.Roles)+len(p.Users)+len(p.Groups) == 0 {
		return awsapi.Errorf("ValidationError", 400, "At least one of [Groups,Roles,Users] must be non-empty.")
	}
	return p.holders().each(func(k kind, name string) error { return s.putInline(ctx, k, name, p.PolicyName, text) })
}

func (s *Service) policyResource() resource.Type {
	return resource.New("AWS::IAM::Policy", resource.Handlers[policyProperties]{
		Create: func(ctx context.Context, r resource.Request, p *policyProperties) (resource.Result, error) {
			return resource.Result{PhysicalID: r.PhysicalName(128)}, s.put(ctx, p)
		},
		Update: func(ctx context.Context, r resource.Request, p, old *policyProperties) (resource.Result, error) {
			if err := s.put(ctx, p); err != nil {
				return resource.Result{}, err
			}
			left := old.holders()
			if old.PolicyName == p.PolicyName {
				left = left.without(p.holders())
			}
			err := left.each(func(k kind, name string) error { return gone(s.deleteInline(ctx, k, name, old.PolicyName)) })
			return resource.Result{PhysicalID: r.PhysicalID}, err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			policyName := fmt.Sprint(r.Properties["PolicyName"])
			return holdersOf(r).each(func(k kind, name string) error { return gone(s.deleteInline(ctx, k, name, policyName)) })
		},
	})
}

type rolePolicyProperties struct {
	PolicyDocument any
	PolicyName     string `cfn:"required,createonly"`
	RoleName       string `cfn:"required,createonly"`
}

func (s *Service) rolePolicyResource() resource.Type {
	put := func(ctx context.Context, p *rolePolicyProperties) (resource.Result, error) {
		text, err := documentText(p.PolicyDocument)
		if err != nil {
			return resource.Result{}, err
		}
		return resource.Result{PhysicalID: p.PolicyName + "|" + p.RoleName}, s.putInline(ctx, role, p.RoleName, p.PolicyName, text)
	}
	return resource.New("AWS::IAM::RolePolicy", resource.Handlers[rolePolicyProperties]{
		Create: func(ctx context.Context, _ resource.Request, p *rolePolicyProperties) (resource.Result, error) {
			return put(ctx, p)
		},
		Update: func(ctx context.Context, _ resource.Request, p, _ *rolePolicyProperties) (resource.Result, error) {
			return put(ctx, p)
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			policyName, roleName, _ := strings.Cut(r.PhysicalID, "|")
			return gone(s.deleteInline(ctx, role, roleName, policyName))
		},
	})
}

type managedPolicyProperties struct {
	Description       *string `cfn:"createonly"`
	Groups            []string
	ManagedPolicyName *string `cfn:"createonly"`
	Path              *string `cfn:"createonly"`
	PolicyDocument    any     `cfn:"required"`
	Roles             []string
	Users             []string
}

func (p *managedPolicyProperties) holders() holders { return holders{p.Roles, p.Users, p.Groups} }

func (s *Service) managedPolicyResource() resource.Type {
	return resource.New("AWS::IAM::ManagedPolicy", resource.Handlers[managedPolicyProperties]{
		Create: s.createManaged,
		Update: s.updateManaged,
		Delete: func(ctx context.Context, r resource.Request) error {
			err := holdersOf(r).each(func(k kind, name string) error { return gone(s.detach(ctx, k, name, r.PhysicalID)) })
			if err != nil {
				return err
			}
			_, err = s.changePolicy(ctx, r.PhysicalID, func(m *managed) error {
				m.Versions = slices.DeleteFunc(m.Versions, func(v version) bool { return v.ID != m.Default })
				return nil
			})
			if err != nil {
				return gone(err)
			}
			_, err = s.deletePolicy(ctx, &shapes.DeletePolicyInput{PolicyArn: &r.PhysicalID})
			return gone(err)
		},
	})
}

func managedResult(m *managed) resource.Result {
	return resource.Result{PhysicalID: m.arn(), Attributes: map[string]any{"PolicyArn": m.arn(), "PolicyId": m.ID, "DefaultVersionId": m.Default}}
}

func (s *Service) createManaged(ctx context.Context, r resource.Request, p *managedPolicyProperties) (resource.Result, error) {
	text, err := documentText(p.PolicyDocument)
	if err != nil {
		return resource.Result{}, err
	}
	if err := checkDocument(text); err != nil {
		return resource.Result{}, err
	}
	name := deref(p.ManagedPolicyName)
	if name == "" {
		name = r.PhysicalName(128)
	}
	m := &managed{
		Account: account(ctx), Name: name, Path: cmp.Or(deref(p.Path), "/"), ID: newID("ANPA"), Description: deref(p.Description),
		Created: s.second(), Updated: s.second(), Token: r.Token,
	}
	m.addVersion(text, true, m.Created)
	exists := awsapi.Errorf("EntityAlreadyExists", 409, "A policy called %s already exists. Duplicate names are not allowed.", name)
	if err := create(ctx, s, m, exists); awsapi.Code(err) == exists.Code {
		there, _, loadErr := load[managed](ctx, s, m.key(), err)
		if loadErr != nil || there.Token != r.Token {
			return resource.Result{}, err
		}
		m = there // made by this step before
	} else if err != nil {
		return resource.Result{}, err
	}
	return managedResult(m), p.holders().each(func(k kind, name string) error { return s.attach(ctx, k, name, m.arn()) })
}

func (s *Service) updateManaged(ctx context.Context, r resource.Request, p, old *managedPolicyProperties) (resource.Result, error) {
	text, err := documentText(p.PolicyDocument)
	if err != nil {
		return resource.Result{}, err
	}
	if err := checkDocument(text); err != nil {
		return resource.Result{}, err
	}
	m, err := s.changePolicy(ctx, r.PhysicalID, func(m *managed) error {
		if m.document(m.Default) == text {
			return nil
		}
		if len(m.Versions) >= maxVersions { // the oldest that is not in force
			i := slices.IndexFunc(m.Versions, func(v version) bool { return v.ID != m.Default })
			m.Versions = slices.Delete(m.Versions, i, i+1)
		}
		m.addVersion(text, true, s.second())
		return nil
	})
	if err != nil {
		return resource.Result{}, err
	}
	if err := p.holders().each(func(k kind, name string) error { return s.attach(ctx, k, name, m.arn()) }); err != nil {
		return resource.Result{}, err
	}
	return managedResult(m), old.holders().without(p.holders()).each(func(k kind, name string) error { return gone(s.detach(ctx, k, name, m.arn())) })
}

type accessKeyProperties struct {
	Serial   *int64 `cfn:"createonly"`
	Status   *string
	UserName string `cfn:"required,createonly"`
}

func (s *Service) accessKeyResource() resource.Type {
	status := func(ctx context.Context, id string, p *accessKeyProperties) (resource.Result, error) {
		k, err := change(ctx, s, "key/"+id, errNoKey(id), func(k *accessKey) error {
			k.Inactive = deref(p.Status) == "Inactive"
			return ownKey(ctx, p.UserName, id)(k)
		})
		if err != nil {
			return resource.Result{}, err
		}
		return resource.Result{PhysicalID: id, Attributes: map[string]any{"SecretAccessKey": k.Secret}}, nil
	}
	return resource.New("AWS::IAM::AccessKey", resource.Handlers[accessKeyProperties]{
		Create: func(ctx context.Context, r resource.Request, p *accessKeyProperties) (resource.Result, error) {
			id := "AKIA" + stableText(account(ctx)+r.Token, 16) // the same when the step is repeated
			if e, err := s.lookup(ctx, "key/"+id); err != nil {
				return resource.Result{}, err
			} else if e.key == nil {
				if _, err := s.makeAccessKey(ctx, p.UserName, id); err != nil {
					return resource.Result{}, err
				}
			}
			return status(ctx, id, p)
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *accessKeyProperties) (resource.Result, error) {
			return status(ctx, r.PhysicalID, p)
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			return gone(remove(ctx, s, "key/"+r.PhysicalID, errNoKey(r.PhysicalID), func(k *accessKey) error {
				if k.Account != account(ctx) {
					return errNoKey(k.ID)
				}
				return nil
			}))
		},
	})
}

type instanceProfileProperties struct {
	InstanceProfileName *string  `cfn:"createonly"`
	Path                *string  `cfn:"createonly"`
	Roles               []string `cfn:"required"`
}

func (s *Service) instanceProfileResource() resource.Type {
	setRoles := func(ctx context.Context, name string, roles []string) (resource.Result, error) {
		p, err := change(ctx, s, profileKey(ctx, name), errNoProfile(name), func(p *profile) error {
			p.Roles = roles
			return nil
		})
		if err != nil {
			return resource.Result{}, err
		}
		sh, err := s.profileShape(ctx, p)
		if err != nil {
			return resource.Result{}, err
		}
		return resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": *sh.Arn}}, nil
	}
	return resource.New("AWS::IAM::InstanceProfile", resource.Handlers[instanceProfileProperties]{
		Create: func(ctx context.Context, r resource.Request, p *instanceProfileProperties) (resource.Result, error) {
			name := deref(p.InstanceProfileName)
			if name == "" {
				name = r.PhysicalName(128)
			}
			_, err := s.createInstanceProfile(ctx, &shapes.CreateInstanceProfileInput{InstanceProfileName: &name, Path: p.Path})
			if err != nil && (awsapi.Code(err) != "EntityAlreadyExists" || p.InstanceProfileName != nil) {
				return resource.Result{}, err
			}
			return setRoles(ctx, name, p.Roles)
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *instanceProfileProperties) (resource.Result, error) {
			return setRoles(ctx, r.PhysicalID, p.Roles)
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			if _, err := setRoles(ctx, r.PhysicalID, nil); err != nil {
				return gone(err)
			}
			_, err := s.deleteInstanceProfile(ctx, &shapes.DeleteInstanceProfileInput{InstanceProfileName: &r.PhysicalID})
			return gone(err)
		},
	})
}
