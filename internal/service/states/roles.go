package states

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// Roles knows the roles that state machines act in. Its errors are AWS's; one that only warns returns none.
type Roles interface {
	// ServiceRole returns who acts when a service takes on a role, for the resource and the account that ctx names.
	ServiceRole(ctx context.Context, service, roleARN, sessionName string) (awsapi.Caller, error)
	// AssumeRole makes a session of another role for the role of ctx: that of a task's Credentials.
	AssumeRole(ctx context.Context, in awsapi.AssumeRole) (cred awsapi.Credentials, sessionARN, roleID string, err error)
	// Authorize tells whether the role of ctx may do action on resource.
	awsapi.Authorizer
}

// principal is who takes on the roles of state machines.
const principal = "states.amazonaws.com"

// assume returns ctx with the role that the task acts in.
func (c *taskCall) assume(ctx context.Context) (context.Context, *asl.Failure) {
	if c.s.cfg.Roles == nil {
		return ctx, nil
	}
	session := strings.ReplaceAll(c.task.RequestID, "-", "")
	who, err := c.s.assume(ctx, c.x.MachineARN, c.x.RoleARN, session)
	if err != nil {
		return ctx, &asl.Failure{Error: asl.ErrPermissions, Cause: apiError(err).Message}
	}
	if c.task.Role == "" {
		return awsapi.WithCaller(ctx, who), nil
	}
	_, who.ARN, who.UserID, err = c.s.cfg.Roles.AssumeRole(awsapi.WithCaller(ctx, who), awsapi.AssumeRole{RoleARN: c.task.Role, SessionName: session})
	if err != nil {
		return ctx, &asl.Failure{Error: asl.ErrTaskFailed, Cause: "The role " + c.x.RoleARN + " is not authorized to assume the task state's role, " + c.task.Role + "."}
	}
	if a, err := arn.Parse(c.task.Role); err == nil {
		who.Account = a.Account
	}
	return awsapi.WithCaller(ctx, who), nil
}

// assume returns who a machine is in its role. AWS: the role may trust the service as a whole, or in this region only.
func (s *Service) assume(ctx context.Context, machineARN, roleARN, session string) (awsapi.Caller, error) {
	own := awsapi.CallerOf(ctx)
	by := own
	by.ARN = machineARN
	ctx = awsapi.WithCaller(ctx, by)
	who, err := s.cfg.Roles.ServiceRole(ctx, principal, roleARN, session)
	if err != nil {
		if who, err = s.cfg.Roles.ServiceRole(ctx, "states."+own.Region+".amazonaws.com", roleARN, session); err != nil {
			return who, errNotTrusted()
		}
	}
	if who.Admin {
		return who, nil
	}
	own.Account, own.ARN, own.UserID, own.Session, own.Service, own.Admin = who.Account, who.ARN, who.UserID, who.Session, "", false
	return own, nil
}

// checkTrust refuses a role that the service may not take on.
func (s *Service) checkTrust(ctx context.Context, machineARN, roleARN string) error {
	if s.cfg.Roles == nil {
		return nil
	}
	_, err := s.assume(ctx, machineARN, roleARN, "check")
	return err
}

func errNotTrusted() error {
	return failure("AccessDeniedException", "Neither the global service principal %s, nor the regional one is authorized to assume the provided role.", principal)
}

// allowed asks whether the role of ctx may do what is no call of a service: reading an object, starting an execution, pushing.
func (s *Service) allowed(ctx context.Context, action, resource string) error {
	if s.cfg.Roles == nil || awsapi.CallerOf(ctx).Admin {
		return nil
	}
	return s.cfg.Roles.Authorize(ctx, action, resource, nil)
}
