package iam

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/store"
)

// An AdminKey may do all. There is one, made at first start. Nodes of a cluster share it: then it stands in the store, and each
// node's file is a copy.
type AdminKey struct {
	AccessKeyID string `json:"accessKeyId"`
	Secret      string `json:"secretAccessKey"`
}

const adminDocument = "admin"

func (*AdminKey) key() string { return adminDocument }

func makeAdminKey() AdminKey { return AdminKey{AccessKeyID: newID("AKIA"), Secret: newSecret()} }

// AdminKey returns the administrator's key, and makes it if there is none yet: then created is true, and the caller should show
// it once. The file is readable by its owner only.
func (s *Service) AdminKey(ctx context.Context) (key AdminKey, created bool, err error) {
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	if k := s.admin.Load(); k != nil {
		return *k, false, nil
	}
	if s.cfg.ShareAdminKey {
		key, created, err = s.sharedAdminKey(ctx)
	} else if key, err = s.readAdminFile(); errors.Is(err, fs.ErrNotExist) {
		key, created, err = makeAdminKey(), true, nil
	}
	if err != nil {
		return key, false, err
	}
	return key, created, s.keepAdminKey(key)
}

// sharedAdminKey returns the key of the cluster. The first node brings its own, if it has one from a time when it was alone.
func (s *Service) sharedAdminKey(ctx context.Context) (key AdminKey, created bool, err error) {
	shared, _, err := load[AdminKey](ctx, s, adminDocument, store.ErrNotFound)
	if errors.Is(err, store.ErrNotFound) {
		if key, err = s.readAdminFile(); err != nil {
			key, created = makeAdminKey(), true
		}
		if err = create(ctx, s, &key, store.ErrConflict); err == nil {
			return key, created, nil
		}
		if errors.Is(err, store.ErrConflict) { // another node was faster
			shared, _, err = load[AdminKey](ctx, s, adminDocument, store.ErrNotFound)
		}
	}
	if err != nil {
		return key, false, fmt.Errorf("administrator's key of the cluster: %w", err)
	}
	return *shared, false, nil
}

// RotateAdminKey replaces the administrator's key. The old one, and the sessions made with it, end at once.
func (s *Service) RotateAdminKey(ctx context.Context) (AdminKey, error) {
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	key := makeAdminKey()
	if s.cfg.ShareAdminKey {
		_, err := change(ctx, s, adminDocument, store.ErrNotFound, func(k *AdminKey) error {
			*k = key
			return nil
		})
		if err != nil {
			return key, fmt.Errorf("replace administrator's key of the cluster: %w", err)
		}
	}
	return key, s.keepAdminKey(key)
}

// followAdminKey is called when the key of the cluster may have changed. An event may be older than what this node has just written:
// the store knows.
func (s *Service) followAdminKey(ctx context.Context) {
	if !s.cfg.ShareAdminKey {
		return
	}
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	s.admin.Store(nil) // if the store cannot tell, the next decision asks again
	key, _, err := load[AdminKey](ctx, s, adminDocument, store.ErrNotFound)
	if err == nil {
		err = s.keepAdminKey(*key)
	}
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "the administrator's key of the cluster may have been replaced, and could not be read or kept", "file", s.cfg.AdminKeyFile, "err", err)
	}
}

// readAdminFile returns fs.ErrNotExist if there is no key on this machine.
func (s *Service) readAdminFile() (key AdminKey, err error) {
	data, err := os.ReadFile(s.cfg.AdminKeyFile)
	if err != nil {
		return key, fmt.Errorf("read administrator's key: %w", err)
	}
	if err := json.Unmarshal(data, &key); err != nil || key.AccessKeyID == "" || key.Secret == "" {
		return key, fmt.Errorf("%s does not hold a key: remove it to get a new one", s.cfg.AdminKeyFile)
	}
	return key, nil
}

// keepAdminKey uses a key from now on, and stores it in the file, which appears whole or not at all.
func (s *Service) keepAdminKey(key AdminKey) error {
	if onFile, err := s.readAdminFile(); err == nil && onFile == key {
		if err := os.Chmod(s.cfg.AdminKeyFile, 0o600); err != nil {
			return fmt.Errorf("protect administrator's key: %w", err)
		}
		s.admin.Store(&key)
		return nil
	}
	data, err := json.MarshalIndent(key)
	if err != nil {
		return fmt.Errorf("encode administrator's key: %w", err)
	}
	dir := filepath.Dir(s.cfg.AdminKeyFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder for administrator's key: %w", err)
	}
	f, err := os.CreateTemp(dir, ".admin-*") // mode 0600
	if err != nil {
		return fmt.Errorf("store administrator's key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("store administrator's key: %w", err)
	}
	if err := os.Rename(f.Name(), s.cfg.AdminKeyFile); err != nil {
		return fmt.Errorf("store administrator's key: %w", err)
	}
	s.admin.Store(&key)
	return nil
}

// adminKey returns the key for decisions; ok is false if there is none.
func (s *Service) adminKey(ctx context.Context) (key AdminKey, ok bool, err error) {
	if k := s.admin.Load(); k != nil {
		return *k, true, nil
	}
	if s.cfg.AdminKeyFile == "" {
		return key, false, nil
	}
	key, _, err = s.AdminKey(ctx)
	return key, err == nil, err
}
