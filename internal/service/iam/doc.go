// Package iam keeps users, groups, roles, access keys and policies, and decides who calls and what they may do.
//
//   - iam.go: Service, Config, operations.
//   - documents.go: what is stored, under which keys; watched.go: the same in memory, for decisions.
//   - users.go, roles.go, groups.go, profiles.go, accesskeys.go: the things of IAM. inline.go, attached.go: the policies that users,
//     groups and roles have; managed.go: policies of their own; awsmanaged.go: those that AWS gives everybody. tags.go, page.go: lists.
//   - admin.go: the administrator's key, in a file.
//   - session.go: temporary credentials that are not stored: the token is sealed and tells all.
//   - authenticate.go (awsapi.Authenticator), authorize.go (awsapi.Authorizer), assume.go (sessions of roles).
//   - resources.go: AWS::IAM::… for CloudFormation.
//
// IAM is global: state is kept by account, not by region. There are no passwords, MFA devices, SAML or OIDC providers.
package iam
