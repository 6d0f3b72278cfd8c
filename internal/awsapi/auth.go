package awsapi

import (
	"context"
	"time"
)

// An Authenticator knows who holds an access key.
type Authenticator interface {
	// Credential returns the secret that signatures with the access key are made with, and the caller that the key stands for:
	// Account, ARN, UserID, AccessKeyID and Admin are filled in. sessionToken is the token sent with the key, or "".
	// The error is an *Error: UnrecognizedClientException for a key that is unknown or inactive and for a wrong token,
	// ExpiredTokenException for a session that has ended.
	Credential(ctx context.Context, accessKeyID, sessionToken string) (secret string, caller Caller, err error)
}

// An Authorizer knows what the caller of a context may do.
type Authorizer interface {
	// Authorize returns nil if the caller of ctx may do action ("execute-api:ManageConnections") on resource (an ARN), or an
	// *Error AccessDeniedException in AWS's words. conditions adds condition keys ("lambda:FunctionUrlAuthType") to those that
	// come from the caller. Some authorizers only warn about what they would deny; then they return nil.
	Authorize(ctx context.Context, action, resource string, conditions map[string][]string) error
}

// Credentials are those of a session.
type Credentials struct {
	AccessKeyID  string // "ASIA…"
	Secret       string
	SessionToken string
	Expires      time.Time
}

// An AssumeRole asks for a session of a role.
type AssumeRole struct {
	RoleARN     string
	SessionName string
	Duration    time.Duration
	Policy      string   // restricts the session; "" does not
	PolicyARNs  []string // of managed policies, which restrict it too
	ExternalID  string
}
