package iam

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/store"
)

// Claims are what a session token says, sealed so that only we can read and write it. So sessions need no storage, and outlive restarts.
type claims struct {
	KeyID   string   `json:"k"`
	ARN     string   `json:"a"`           // of the principal
	UserID  string   `json:"u"`           // AROA…:session
	Account string   `json:"c"`           // account
	Expires int64    `json:"e"`           // Unix seconds
	Admin   string   `json:"m,omitempty"` // the administrator's key that made the session
	Parent  string   `json:"p,omitempty"` // the user's access key that made the session
	Limits  []string `json:"l,omitempty"` // documents and ARNs of session policies
}

// A sealKey encrypts tokens. All nodes share it.
type sealKey struct {
	Key []byte `json:"key"`
}

func (*sealKey) key() string { return "seal" }

// A sealer has the cipher once the key is known, and remembers tokens that it has opened.
type sealer struct {
	mu     sync.Mutex
	secret []byte // guarded by mu
	aead   cipher.AEAD
	opened map[string]*claims // guarded by mu, by token
}

// maxOpened bounds the memory for opened tokens; beyond it, it starts anew.
const maxOpened = 4096

// ready returns the cipher and the secret, reading or making the key at first.
func (s *Service) ready(ctx context.Context) (cipher.AEAD, []byte, error) {
	s.sealer.mu.Lock()
	defer s.sealer.mu.Unlock()
	if s.sealer.aead != nil {
		return s.sealer.aead, s.sealer.secret, nil
	}
	k, _, err := load[sealKey](ctx, s, "seal", store.ErrNotFound)
	if errors.Is(err, store.ErrNotFound) {
		k = &sealKey{Key: make([]byte, 32)}
		_, _ = rand.Read(k.Key) // crypto/rand does not fail
		if err = create(ctx, s, k, store.ErrConflict); errors.Is(err, store.ErrConflict) {
			k, _, err = load[sealKey](ctx, s, "seal", store.ErrNotFound) // another node was faster
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("key of session tokens: %w", err)
	}
	block, err := aes.NewCipher(k.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("key of session tokens: %w", err)
	}
	s.sealer.aead, err = cipher.NewGCM(block)
	s.sealer.secret = k.Key
	return s.sealer.aead, s.sealer.secret, err
}

// seal makes credentials of claims.
func (s *Service) seal(ctx context.Context, c claims, valid time.Duration) (awsapi.Credentials, error) {
	aead, secret, err := s.ready(ctx)
	if err != nil {
		return awsapi.Credentials{}, err
	}
	c.KeyID = newID("ASIA")
	expires := s.second().Add(valid)
	c.Expires = expires.Unix()
	plain, err := json.Marshal(c)
	if err != nil {
		return awsapi.Credentials{}, fmt.Errorf("encode session: %w", err)
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // crypto/rand does not fail
	token := base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, []byte(c.KeyID)))
	return awsapi.Credentials{AccessKeyID: c.KeyID, Secret: sessionSecret(secret, c.KeyID), SessionToken: token, Expires: expires}, nil
}

// sessionSecret derives a session's secret, so that the token need not carry it.
func sessionSecret(secret []byte, keyID string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("secret access key " + keyID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))[:40]
}

var errInvalidToken = awsapi.Errorf("UnrecognizedClientException", 403, "The security token included in the request is invalid.")

// open returns the claims of a token, which must have been made with the key.
func (s *Service) open(ctx context.Context, keyID, token string) (*claims, string, error) {
	aead, secret, err := s.ready(ctx)
	if err != nil {
		return nil, "", err
	}
	s.sealer.mu.Lock()
	c := s.sealer.opened[token]
	s.sealer.mu.Unlock()
	if c == nil {
		sealed, err := base64.StdEncoding.DecodeString(token)
		if err != nil || len(sealed) < aead.NonceSize() {
			return nil, "", errInvalidToken
		}
		nonce := sealed[:aead.NonceSize()]
		plain, err := aead.Open(nil, nonce, sealed[len(nonce):], []byte(keyID))
		if err != nil {
			return nil, "", errInvalidToken
		}
		c = new(claims)
		if err := json.Unmarshal(plain, c); err != nil {
			return nil, "", fmt.Errorf("decode session: %w", err)
		}
		s.sealer.remember(token, c)
	}
	if c.KeyID != keyID {
		return nil, "", errInvalidToken
	}
	if s.now().Unix() >= c.Expires {
		return nil, "", awsapi.Errorf("ExpiredTokenException", 403, "The security token included in the request is expired")
	}
	return c, sessionSecret(secret, keyID), nil
}

func (s *sealer) remember(token string, c *claims) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened == nil || len(s.opened) >= maxOpened {
		s.opened = map[string]*claims{}
	}
	s.opened[strings.Clone(token)] = c
}

// sessionValid is how long credentials of functions last; workers are replaced before they end.
const sessionValid = 12 * time.Hour

// SessionCredentials returns credentials of a role for a service of ours that runs code under it. The role need not exist:
// then the session is allowed nothing.
func (s *Service) SessionCredentials(ctx context.Context, roleARN, sessionName string) (accessKeyID, secret, token string, expires time.Time, err error) {
	c, err := s.roleClaims(ctx, roleARN, sessionName)
	if err != nil {
		return "", "", "", time.Time{}, err
	}
	cred, err := s.seal(ctx, c, sessionValid)
	return cred.AccessKeyID, cred.Secret, cred.SessionToken, cred.Expires, err
}

// roleClaims are those of any session of a role.
func (s *Service) roleClaims(ctx context.Context, roleARN, sessionName string) (claims, error) {
	a, err := arn.Parse(roleARN)
	if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") {
		return claims{}, errInvalidARN(roleARN)
	}
	name := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
	e, err := s.lookup(ctx, principalKey(a.Account, role, name))
	if err != nil {
		return claims{}, err
	}
	id := "AROA" + stableText(a.Account+name, 17) // of a role that is not there
	if e.principal != nil {
		id = e.principal.ID
	}
	return claims{
		ARN: arn.New("sts", "", a.Account, "assumed-role/"+name+"/"+sessionName).String(), UserID: id + ":" + sessionName, Account: a.Account,
	}, nil
}

func errInvalidARN(text string) error {
	return awsapi.Errorf("ValidationError", 400, "%s is invalid", text)
}

// stableText returns n letters and digits that depend on text alone.
func stableText(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	b := sum[:n]
	for i := range b {
		b[i] = idAlphabet[int(b[i])%len(idAlphabet)]
	}
	return string(b)
}
