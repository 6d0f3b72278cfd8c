package iam

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/store"
)

// Keys of the store "iam":
//
//	{account}/user/{name}  {account}/group/{name}  {account}/role/{name}    principal
//	{account}/policy/{name}                                                 managed
//	{account}/profile/{name}                                                profile
//	key/{access key id}                                                     accessKey
//	seal                                                                    sealKey
const storeName = "iam"

// A kind is a sort of principal. Its words stand in keys, ARNs and messages.
type kind string

const (
	user  kind = "user"
	group kind = "group"
	role  kind = "role"
)

// idPrefix begins the unique IDs of a kind.
func (k kind) idPrefix() string { return map[kind]string{user: "AIDA", group: "AGPA", role: "AROA"}[k] }

// A principal is a user, a group or a role: each has policies.
type principal struct {
	Kind     kind              `json:"kind"`
	Account  string            `json:"account"`
	Name     string            `json:"name"`
	Path     string            `json:"path"`
	ID       string            `json:"id"`
	Created  time.Time         `json:"created"`
	Tags     []tag             `json:"tags,omitempty"`
	Inline   map[string]string `json:"inline,omitempty"`   // documents by name
	Attached []string          `json:"attached,omitempty"` // ARNs of managed policies, as attached
	Boundary string            `json:"boundary,omitempty"` // ARN

	Groups []string `json:"groups,omitempty"` // of users

	Trust       string `json:"trust,omitempty"` // of roles: who may assume them
	Description string `json:"description,omitempty"`
	MaxSession  int64  `json:"maxSession,omitempty"` // seconds

	Token string `json:"token,omitempty"` // of the CloudFormation step that made it
}

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (p *principal) arn() string {
	return arn.New("iam", "", p.Account, string(p.Kind)+p.Path+p.Name).String()
}

func (p *principal) key() string { return principalKey(p.Account, p.Kind, p.Name) }

func principalKey(account string, k kind, name string) string {
	return account + "/" + string(k) + "/" + name
}

// A managed policy has versions.
type managed struct {
	Account     string    `json:"account"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	ID          string    `json:"id"`
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	Tags        []tag     `json:"tags,omitempty"`
	Versions    []version `json:"versions"` // oldest first
	Default     string    `json:"default"`
	Last        int       `json:"last"` // number of the newest version ever
	Token       string    `json:"token,omitempty"`
}

type version struct {
	ID       string    `json:"id"`
	Document string    `json:"document"`
	Created  time.Time `json:"created"`
}

func (m *managed) arn() string {
	return arn.New("iam", "", m.Account, "policy"+m.Path+m.Name).String()
}

func (m *managed) key() string { return m.Account + "/policy/" + m.Name }

// document returns the text of a version, or "".
func (m *managed) document(id string) string {
	for _, v := range m.Versions {
		if v.ID == id {
			return v.Document
		}
	}
	return ""
}

// policyKey returns the key for the ARN of a managed policy of an account; ok is false for what is no such ARN.
func policyKey(policyARN string) (key string, ok bool) {
	a, err := arn.Parse(policyARN)
	if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "policy/") {
		return "", false
	}
	return a.Account + "/policy/" + a.Resource[strings.LastIndexByte(a.Resource, '/')+1:], true
}

// An accessKey is a user's.
type accessKey struct {
	ID       string    `json:"id"`
	Secret   string    `json:"secret"`
	Account  string    `json:"account"`
	User     string    `json:"user"`
	Inactive bool      `json:"inactive,omitempty"`
	Created  time.Time `json:"created"`
}

func (k *accessKey) key() string { return "key/" + k.ID }

// A profile is an instance profile; nothing here runs on instances, but templates have them.
type profile struct {
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Roles   []string  `json:"roles,omitempty"`
	Tags    []tag     `json:"tags,omitempty"`
}

func (p *profile) key() string { return p.Account + "/profile/" + p.Name }

// A document knows its key.
type document[T any] interface {
	*T
	key() string
}

func (s *Service) db(ctx context.Context) (store.Store, error) { return s.docs.Open(ctx) }

// load reads a document; missing is the error if there is none.
func load[T any](ctx context.Context, s *Service, key string, missing error) (*T, uint64, error) {
	st, err := s.db(ctx)
	if err != nil {
		return nil, 0, err
	}
	doc, err := st.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, missing
	} else if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", key, err)
	}
	v := new(T)
	if err := json.Unmarshal(doc.Data, v); err != nil {
		return nil, 0, fmt.Errorf("decode %s: %w", key, err)
	}
	return v, doc.Rev, nil
}

// list reads all documents under prefix, sorted by key.
func list[T any](ctx context.Context, s *Service, prefix string) ([]*T, error) {
	st, err := s.db(ctx)
	if err != nil {
		return nil, err
	}
	docs, err := st.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	out := make([]*T, 0, len(docs))
	for _, d := range docs {
		v := new(T)
		if err := json.Unmarshal(d.Data, v); err != nil {
			return nil, fmt.Errorf("decode %s: %w", d.Key, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// save writes a document if its revision is still rev; zero means that it must be new. The error may be store.ErrConflict.
func save[T any, D document[T]](ctx context.Context, s *Service, v D, rev uint64) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", v.key(), err)
	}
	st, err := s.db(ctx)
	if err != nil {
		return err
	}
	newRev, err := store.Put(ctx, st, v.key(), data, store.AtRev(rev))
	if err != nil {
		return fmt.Errorf("write %s: %w", v.key(), err)
	}
	s.watched.set(v.key(), data, newRev)
	return nil
}

// create writes a new document; exists is the error if there is one.
func create[T any, D document[T]](ctx context.Context, s *Service, v D, exists error) error {
	err := save[T](ctx, s, v, 0)
	if errors.Is(err, store.ErrConflict) {
		return exists
	}
	return err
}

// change reads a document, lets f change it, and writes it, again if somebody else was faster.
func change[T any, D document[T]](ctx context.Context, s *Service, key string, missing error, f func(*T) error) (*T, error) {
	for {
		v, rev, err := load[T](ctx, s, key, missing)
		if err != nil {
			return nil, err
		}
		if err := f(v); err != nil {
			return nil, err
		}
		if err := save[T, D](ctx, s, v, rev); !errors.Is(err, store.ErrConflict) {
			return v, err
		}
	}
}

// remove deletes a document if check allows it.
func remove[T any](ctx context.Context, s *Service, key string, missing error, check func(*T) error) error {
	for {
		v, rev, err := load[T](ctx, s, key, missing)
		if err != nil {
			return err
		}
		if err := check(v); err != nil {
			return err
		}
		st, err := s.db(ctx)
		if err != nil {
			return err
		}
		newRev, err := st.Apply(ctx, store.Write{Key: key, Delete: true, When: store.AtRev(rev)})
		if err == nil {
			s.watched.set(key, nil, newRev)
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("delete %s: %w", key, err)
		}
	}
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// newID returns prefix and upper-case letters and digits: 20 characters for access keys, 21 for everything else, as on AWS.
func newID(prefix string) string {
	n := 21 - len(prefix)
	if strings.HasPrefix(prefix, "AKIA") || strings.HasPrefix(prefix, "ASIA") {
		n = 16
	}
	return prefix + randomText(idAlphabet, n)
}

func randomText(alphabet string, n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand does not fail
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

// newSecret returns 40 characters, as secrets of access keys have.
func newSecret() string {
	return randomText("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 40)
}
