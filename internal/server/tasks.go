package server

import (
	"context"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/iam"
	"github.com/sallyport/sallyport/internal/service/s3"
)

// tasks makes the calls of state machines: operations of this server, as far as policies let the role that makes them.
type tasks struct {
	catalog *awsapi.Catalog
	objects s3.Calls
	authz   awsapi.Authorizer
}

// Call implements states.Caller.
func (t tasks) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	if service == "s3" {
		return t.objects.Call(ctx, operation, in)
	}
	return t.catalog.CallAs(ctx, t.authz, service, operation, in)
}

// machineRoles are the roles of state machines. Unless policies are enforced a machine does its tasks whatever they say, as ever; then the
// log tells what AWS would deny.
type machineRoles struct {
	*iam.Service
	enforce bool
}

func (r machineRoles) ServiceRole(ctx context.Context, service, roleARN, sessionName string) (awsapi.Caller, error) {
	c, err := r.Service.ServiceRole(ctx, service, roleARN, sessionName)
	if err != nil && !r.enforce { // a role of another account, as in a definition that came from there
		own := awsapi.CallerOf(ctx)
		own.Admin = true
		return own, nil
	}
	return c, err
}

func (r machineRoles) AssumeRole(ctx context.Context, in awsapi.AssumeRole) (cred awsapi.Credentials, sessionARN, roleID string, err error) {
	cred, sessionARN, roleID, err = r.Service.AssumeRole(ctx, in)
	if err != nil && !r.enforce {
		own := awsapi.CallerOf(ctx)
		return cred, own.ARN, own.UserID, nil
	}
	return cred, sessionARN, roleID, err
}

func (r machineRoles) Authorize(ctx context.Context, action, resource string, conditions map[string][]string) error {
	err := r.Service.Authorize(ctx, action, resource, conditions)
	if !r.enforce {
		return nil
	}
	return err
}
