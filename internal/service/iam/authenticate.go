package iam

import (
	"context"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
)

// Credential implements awsapi.Authenticator.
func (s *Service) Credential(ctx context.Context, accessKeyID, sessionToken string) (secret string, caller awsapi.Caller, err error) {
	admin, ok, err := s.adminKey(ctx)
	if err != nil {
		return "", caller, err
	}
	if sessionToken != "" {
		return s.session(ctx, accessKeyID, sessionToken, admin.AccessKeyID)
	}
	if ok && accessKeyID == admin.AccessKeyID {
		return admin.Secret, s.root(accessKeyID), nil
	}
	k, p, err := s.keyAndUser(ctx, accessKeyID)
	if err != nil {
		return "", caller, err
	}
	return k.Secret, awsapi.Caller{Account: k.Account, ARN: p.arn(), UserID: p.ID, AccessKeyID: accessKeyID}, nil
}

// root is the administrator as a caller.
func (s *Service) root(accessKeyID string) awsapi.Caller {
	return awsapi.Caller{
		Account: s.cfg.Account, ARN: arn.New("iam", "", s.cfg.Account, "root").String(), UserID: s.cfg.Account, AccessKeyID: accessKeyID, Admin: true,
	}
}

// keyAndUser returns an active access key and whose it is.
func (s *Service) keyAndUser(ctx context.Context, accessKeyID string) (*accessKey, *readyPrincipal, error) {
	e, err := s.lookup(ctx, "key/"+accessKeyID)
	if err != nil {
		return nil, nil, err
	}
	if e.key == nil || e.key.Inactive {
		return nil, nil, errInvalidToken
	}
	u, err := s.lookup(ctx, principalKey(e.key.Account, user, e.key.User))
	if err != nil {
		return nil, nil, err
	}
	if u.principal == nil {
		return nil, nil, errInvalidToken
	}
	return e.key, u.principal, nil
}

// session is Credential for temporary keys. A session ends with the key that made it.
func (s *Service) session(ctx context.Context, accessKeyID, token, adminKeyID string) (string, awsapi.Caller, error) {
	c, secret, err := s.open(ctx, accessKeyID, token)
	if err != nil {
		return "", awsapi.Caller{}, err
	}
	if c.Admin != "" && c.Admin != adminKeyID {
		return "", awsapi.Caller{}, errInvalidToken
	}
	if c.Parent != "" {
		if _, _, err := s.keyAndUser(ctx, c.Parent); err != nil {
			return "", awsapi.Caller{}, err
		}
	}
	return secret, awsapi.Caller{
		Account: c.Account, ARN: c.ARN, UserID: c.UserID, AccessKeyID: accessKeyID, Admin: c.Admin != "" && c.ARN == s.root("").ARN, Session: c.Limits,
	}, nil
}
