package server

import (
	"context"
	"net/http"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/iam"
	"github.com/sallyport/sallyport/internal/service/s3"
)

// tasks makes the calls of state machines: operations of this server, as far as policies let the role that makes them, and of services that
// endpoints sends elsewhere, with the credentials of the environment.
type tasks struct {
	catalog *awsapi.Catalog
	objects s3.Calls
	remote  *awsapi.Remote
	authz   awsapi.Authorizer
}

func (s *Server) newTasks(buckets http.Handler, authz awsapi.Authorizer) tasks {
	t := tasks{catalog: s.catalog, objects: s3.Calls{Handler: buckets}, authz: authz}
	t.remote = &awsapi.Remote{Catalog: s.catalog, Endpoints: s.cfg.Endpoints, By: s.client.Internet()}
	if t.remote.Has("s3") {
		t.objects.Handler = t.remote.Handler("s3", "s3")
	}
	return t
}

// Call implements states.Caller.
func (t tasks) Call(ctx context.Context, service, operation string, in []byte) ([]byte, error) {
	if service == "s3" {
		return t.objects.Call(ctx, operation, in)
	}
	if t.remote.Has(service) {
		return t.remote.Call(ctx, service, operation, in)
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
