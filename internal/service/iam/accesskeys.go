package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/iam"
)

const maxAccessKeys = 2 // of one user

// userName is the user that an operation on access keys is about: the caller, if it names none.
func userName(ctx context.Context, name *string) (string, error) {
	if name != nil {
		return *name, nil
	}
	a, _ := arn.Parse(awsapi.CallerOf(ctx).ARN)
	if !strings.HasPrefix(a.Resource, "user/") {
		return "", awsapi.Errorf("ValidationError", 400, "Must specify userName when calling with non-User credentials")
	}
	return a.Resource[strings.LastIndexByte(a.Resource, '/')+1:], nil
}

// keysOf lists a user's access keys, oldest first.
func (s *Service) keysOf(ctx context.Context, name string) ([]*accessKey, error) {
	all, err := list[accessKey](ctx, s, "key/")
	if err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(all, func(k *accessKey) bool { return k.Account != account(ctx) || k.User != name })
	slices.SortStableFunc(own, func(a, b *accessKey) int { return a.Created.Compare(b.Created) })
	return own, nil
}

func (k *accessKey) status() *string {
	if k.Inactive {
		return new("Inactive")
	}
	return new("Active")
}

func errNoKey(id string) error {
	return errNoEntity("The Access Key with id %s cannot be found.", id)
}

func (s *Service) createAccessKey(ctx context.Context, in *shapes.CreateAccessKeyInput) (*shapes.CreateAccessKeyOutput, error) {
	name, err := userName(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	k, err := s.makeAccessKey(ctx, name, newID("AKIA"))
	if err != nil {
		return nil, err
	}
	return &shapes.CreateAccessKeyOutput{AccessKey: &shapes.AccessKey{
		AccessKeyId: &k.ID, SecretAccessKey: &k.Secret, CreateDate: &k.Created, Status: k.status(), UserName: &k.User,
	}}, nil
}

func (s *Service) makeAccessKey(ctx context.Context, name, id string) (*accessKey, error) {
	if _, _, err := load[principal](ctx, s, principalKey(account(ctx), user, name), errNoPrincipal(user, name)); err != nil {
		return nil, err
	}
	old, err := s.keysOf(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(old) >= maxAccessKeys {
		return nil, errLimit("Cannot exceed quota for AccessKeysPerUser: %d", maxAccessKeys)
	}
	k := &accessKey{ID: id, Secret: newSecret(), Account: account(ctx), User: name, Created: s.second()}
	return k, create(ctx, s, k, awsapi.Errorf("EntityAlreadyExists", 409, "The Access Key with id %s already exists.", k.ID))
}

// ownKey reads an access key and checks that it is the user's.
func ownKey(ctx context.Context, name, id string) func(*accessKey) error {
	return func(k *accessKey) error {
		if k.Account != account(ctx) || k.User != name {
			return errNoKey(id)
		}
		return nil
	}
}

func (s *Service) updateAccessKey(ctx context.Context, in *shapes.UpdateAccessKeyInput) (*shapes.UpdateAccessKeyOutput, error) {
	name, err := userName(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	id := *in.AccessKeyId
	_, err = change(ctx, s, "key/"+id, errNoKey(id), func(k *accessKey) error {
		k.Inactive = *in.Status != "Active"
		return ownKey(ctx, name, id)(k)
	})
	return nil, err
}

func (s *Service) deleteAccessKey(ctx context.Context, in *shapes.DeleteAccessKeyInput) (*shapes.DeleteAccessKeyOutput, error) {
	name, err := userName(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	id := *in.AccessKeyId
	return nil, remove(ctx, s, "key/"+id, errNoKey(id), ownKey(ctx, name, id))
}

func (s *Service) listAccessKeys(ctx context.Context, in *shapes.ListAccessKeysInput) (*shapes.ListAccessKeysOutput, error) {
	name, err := userName(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	if _, _, err := load[principal](ctx, s, principalKey(account(ctx), user, name), errNoPrincipal(user, name)); err != nil {
		return nil, err
	}
	keys, err := s.keysOf(ctx, name)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListAccessKeysOutput{AccessKeyMetadata: []*shapes.AccessKeyMetadata{}, IsTruncated: new(false)}
	for _, k := range keys {
		out.AccessKeyMetadata = append(out.AccessKeyMetadata, &shapes.AccessKeyMetadata{AccessKeyId: &k.ID, CreateDate: &k.Created, Status: k.status(), UserName: &k.User})
	}
	return out, nil
}

// getAccessKeyLastUsed knows the user only: uses are not recorded.
func (s *Service) getAccessKeyLastUsed(ctx context.Context, in *shapes.GetAccessKeyLastUsedInput) (*shapes.GetAccessKeyLastUsedOutput, error) {
	id := *in.AccessKeyId
	k, _, err := load[accessKey](ctx, s, "key/"+id, errNoKey(id))
	if err != nil {
		return nil, err
	}
	if k.Account != account(ctx) {
		return nil, errNoKey(id)
	}
	return &shapes.GetAccessKeyLastUsedOutput{UserName: &k.User, AccessKeyLastUsed: &shapes.AccessKeyLastUsed{Region: new("N/A"), ServiceName: new("N/A")}}, nil
}
