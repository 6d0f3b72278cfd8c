package iam

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
	"github.com/sallyport/sallyport/internal/store"
)

// Config is what a Service must be told.
type Config struct {
	Account      string // of the administrator; empty means 000000000000
	AdminKeyFile string // where the administrator's key is kept; empty means that there is none

	// ShareAdminKey keeps the key in the store too: all nodes of a cluster have one.
	ShareAdminKey bool

	// EnforceAll denies whatever policies do not allow. Otherwise only execute-api:* is denied, and for all else the log has a
	// warning, once per principal and action.
	EnforceAll bool
}

// Service is IAM. It is also the Authenticator and Authorizer of the whole server.
type Service struct {
	docs store.Later
	cfg  Config
	log  *slog.Logger
	now  func() time.Time

	adminMu sync.Mutex // serializes reading and writing the administrator's key
	admin   atomic.Pointer[AdminKey]

	watched  watched
	sealer   sealer
	warnings warnings
}

// New returns the service.
func New(stores store.Stores, log *slog.Logger, cfg Config) *Service {
	if cfg.Account == "" {
		cfg.Account = "000000000000"
	}
	return &Service{docs: store.Later{Stores: stores, Name: storeName}, cfg: cfg, log: log, now: time.Now}
}

// Run keeps what decisions need in memory, until ctx is done. Before it has caught up, decisions read the store.
func (s *Service) Run(ctx context.Context) error { return s.watch(ctx) }

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	ops := map[string]awsapi.Operation{
		"CreateUser": awsapi.Op(s.createUser),
		"GetUser":    awsapi.Op(s.getUser),
		"UpdateUser": awsapi.Op(s.updateUser),
		"DeleteUser": awsapi.Op(s.deleteUser),
		"ListUsers":  awsapi.Op(s.listUsers),

		"CreateAccessKey":      awsapi.Op(s.createAccessKey),
		"UpdateAccessKey":      awsapi.Op(s.updateAccessKey),
		"DeleteAccessKey":      awsapi.Op(s.deleteAccessKey),
		"ListAccessKeys":       awsapi.Op(s.listAccessKeys),
		"GetAccessKeyLastUsed": awsapi.Op(s.getAccessKeyLastUsed),

		"CreateRole":              awsapi.Op(s.createRole),
		"GetRole":                 awsapi.Op(s.getRole),
		"UpdateRole":              awsapi.Op(s.updateRole),
		"UpdateRoleDescription":   awsapi.Op(s.updateRoleDescription),
		"UpdateAssumeRolePolicy":  awsapi.Op(s.updateAssumeRolePolicy),
		"DeleteRole":              awsapi.Op(s.deleteRole),
		"ListRoles":               awsapi.Op(s.listRoles),
		"CreateServiceLinkedRole": awsapi.Op(s.createServiceLinkedRole),

		"CreateGroup":         awsapi.Op(s.createGroup),
		"GetGroup":            awsapi.Op(s.getGroup),
		"DeleteGroup":         awsapi.Op(s.deleteGroup),
		"ListGroups":          awsapi.Op(s.listGroups),
		"AddUserToGroup":      awsapi.Op(s.addUserToGroup),
		"RemoveUserFromGroup": awsapi.Op(s.removeUserFromGroup),
		"ListGroupsForUser":   awsapi.Op(s.listGroupsForUser),

		"CreatePolicy":            awsapi.Op(s.createPolicy),
		"GetPolicy":               awsapi.Op(s.getPolicy),
		"DeletePolicy":            awsapi.Op(s.deletePolicy),
		"ListPolicies":            awsapi.Op(s.listPolicies),
		"ListEntitiesForPolicy":   awsapi.Op(s.listEntitiesForPolicy),
		"CreatePolicyVersion":     awsapi.Op(s.createPolicyVersion),
		"GetPolicyVersion":        awsapi.Op(s.getPolicyVersion),
		"DeletePolicyVersion":     awsapi.Op(s.deletePolicyVersion),
		"ListPolicyVersions":      awsapi.Op(s.listPolicyVersions),
		"SetDefaultPolicyVersion": awsapi.Op(s.setDefaultPolicyVersion),

		"CreateInstanceProfile":         awsapi.Op(s.createInstanceProfile),
		"GetInstanceProfile":            awsapi.Op(s.getInstanceProfile),
		"DeleteInstanceProfile":         awsapi.Op(s.deleteInstanceProfile),
		"ListInstanceProfiles":          awsapi.Op(s.listInstanceProfiles),
		"ListInstanceProfilesForRole":   awsapi.Op(s.listInstanceProfilesForRole),
		"AddRoleToInstanceProfile":      awsapi.Op(s.addRoleToInstanceProfile),
		"RemoveRoleFromInstanceProfile": awsapi.Op(s.removeRoleFromInstanceProfile),

		"TagRole": awsapi.Op(s.tagRole), "UntagRole": awsapi.Op(s.untagRole), "ListRoleTags": awsapi.Op(s.listRoleTags),
		"TagUser": awsapi.Op(s.tagUser), "UntagUser": awsapi.Op(s.untagUser), "ListUserTags": awsapi.Op(s.listUserTags),
		"TagPolicy": awsapi.Op(s.tagPolicy), "UntagPolicy": awsapi.Op(s.untagPolicy), "ListPolicyTags": awsapi.Op(s.listPolicyTags),

		"SimulatePrincipalPolicy":        awsapi.Op(s.simulatePrincipalPolicy),
		"ListAccountAliases":             awsapi.Op(s.listAccountAliases),
		"GetAccountAuthorizationDetails": awsapi.Op(s.getAccountAuthorizationDetails).Partly("all on one page"),
	}
	for name, op := range s.policyOperations() {
		ops[name] = op
	}
	return ops
}

func (s *Service) listAccountAliases(context.Context, *shapes.ListAccountAliasesInput) (*shapes.ListAccountAliasesOutput, error) {
	return &shapes.ListAccountAliasesOutput{AccountAliases: []string{}, IsTruncated: new(false)}, nil
}

// account is that of the caller.
func account(ctx context.Context) string { return awsapi.CallerOf(ctx).Account }

// second is the time as IAM shows it.
func (s *Service) second() time.Time { return s.now().UTC().Truncate(time.Second) }
