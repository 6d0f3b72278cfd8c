package sts

import (
	"context"
	"regexp"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/sts"
)

// Sessions makes credentials for the caller of ctx.
type Sessions interface {
	// AssumeRole makes a session of a role, if the caller may; it also returns the session's ARN and unique ID.
	AssumeRole(ctx context.Context, in awsapi.AssumeRole) (cred awsapi.Credentials, sessionARN, sessionID string, err error)

	// SessionToken makes a session of the caller itself.
	SessionToken(ctx context.Context, valid time.Duration) (awsapi.Credentials, error)

	// AccountOfKey returns the account that an access key belongs to.
	AccountOfKey(ctx context.Context, accessKeyID string) (string, error)
}

// Service is STS.
type Service struct {
	sessions Sessions
}

// New returns the service.
func New(sessions Sessions) *Service { return &Service{sessions: sessions} }

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"GetCallerIdentity": awsapi.Op(s.getCallerIdentity),
		"AssumeRole":        awsapi.Op(s.assumeRole),
		"GetSessionToken":   awsapi.Op(s.getSessionToken),
		"GetAccessKeyInfo":  awsapi.Op(s.getAccessKeyInfo),

		"AssumeRoleWithWebIdentity": awsapi.Op(s.assumeRoleWithWebIdentity).Refused("there are no identity providers here"),
	}
}

func (s *Service) getCallerIdentity(ctx context.Context, _ *shapes.GetCallerIdentityInput) (*shapes.GetCallerIdentityOutput, error) {
	c := awsapi.CallerOf(ctx)
	return &shapes.GetCallerIdentityOutput{Account: &c.Account, Arn: &c.ARN, UserId: &c.UserID}, nil
}

var roleARN = regexp.MustCompile(`^role/.+$`)

func (s *Service) assumeRole(ctx context.Context, in *shapes.AssumeRoleInput) (*shapes.AssumeRoleOutput, error) {
	a, err := arn.Parse(*in.RoleArn)
	if err != nil || a.Service != "iam" || len(a.Account) != 12 || !roleARN.MatchString(a.Resource) {
		return nil, awsapi.Errorf("ValidationError", 400, "%s is invalid", *in.RoleArn)
	}
	req := awsapi.AssumeRole{RoleARN: *in.RoleArn, SessionName: *in.RoleSessionName}
	if in.DurationSeconds != nil {
		req.Duration = time.Duration(*in.DurationSeconds) * time.Second
	}
	if in.Policy != nil {
		req.Policy = *in.Policy
		if len(req.Policy) > maxPacked {
			return nil, errPacked()
		}
	}
	if in.ExternalId != nil {
		req.ExternalID = *in.ExternalId
	}
	for _, p := range in.PolicyArns {
		if p.Arn != nil {
			req.PolicyARNs = append(req.PolicyARNs, *p.Arn)
		}
	}
	cred, sessionARN, sessionID, err := s.sessions.AssumeRole(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &shapes.AssumeRoleOutput{
		Credentials:     credentials(cred),
		AssumedRoleUser: &shapes.AssumedRoleUser{Arn: &sessionARN, AssumedRoleId: &sessionID},
		SourceIdentity:  in.SourceIdentity,
	}
	if in.Policy != nil {
		out.PackedPolicySize = new(int64(100 * len(req.Policy) / maxPacked))
	}
	return out, nil
}

// maxPacked is the longest session policy; it travels in the token.
const maxPacked = 2048

func errPacked() error {
	return awsapi.Errorf("PackedPolicyTooLarge", 400, "The session policy is longer than %d characters.", maxPacked)
}

func credentials(c awsapi.Credentials) *shapes.Credentials {
	return &shapes.Credentials{AccessKeyId: &c.AccessKeyID, SecretAccessKey: &c.Secret, SessionToken: &c.SessionToken, Expiration: &c.Expires}
}

func (s *Service) getSessionToken(ctx context.Context, in *shapes.GetSessionTokenInput) (*shapes.GetSessionTokenOutput, error) {
	var valid time.Duration
	if in.DurationSeconds != nil {
		valid = time.Duration(*in.DurationSeconds) * time.Second
	}
	c, err := s.sessions.SessionToken(ctx, valid)
	if err != nil {
		return nil, err
	}
	return &shapes.GetSessionTokenOutput{Credentials: credentials(c)}, nil
}

// assumeRoleWithWebIdentity refuses as AWS does in an account that trusts no provider of identities.
func (s *Service) assumeRoleWithWebIdentity(context.Context, *shapes.AssumeRoleWithWebIdentityInput) (*shapes.AssumeRoleWithWebIdentityOutput, error) {
	return nil, awsapi.Errorf("InvalidIdentityToken", 400, "No OpenIDConnect provider found in your account: Sallyport trusts no identities but its own. Use AssumeRole")
}

func (s *Service) getAccessKeyInfo(ctx context.Context, in *shapes.GetAccessKeyInfoInput) (*shapes.GetAccessKeyInfoOutput, error) {
	account, err := s.sessions.AccountOfKey(ctx, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	return &shapes.GetAccessKeyInfoOutput{Account: &account}, nil
}
