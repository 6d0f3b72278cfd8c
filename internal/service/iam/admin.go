package iam

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/internal/json"
)

// An AdminKey may do all. There is one, made at first start.
type AdminKey struct {
	AccessKeyID string `json:"accessKeyId"`
	Secret      string `json:"secretAccessKey"`
}

// AdminKey returns the administrator's key, and makes it if there is none yet: then created is true, and the caller should show
// it once. The file is readable by its owner only.
func (s *Service) AdminKey(_ context.Context) (key AdminKey, created bool, err error) {
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	if k := s.admin.Load(); k != nil {
		return *k, false, nil
	}
	data, err := os.ReadFile(s.cfg.AdminKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := s.newAdminKey()
		return key, err == nil, err
	} else if err != nil {
		return key, false, fmt.Errorf("read administrator's key: %w", err)
	}
	if err := json.Unmarshal(data, &key); err != nil || key.AccessKeyID == "" || key.Secret == "" {
		return key, false, fmt.Errorf("%s does not hold a key: remove it to get a new one", s.cfg.AdminKeyFile)
	}
	if err := os.Chmod(s.cfg.AdminKeyFile, 0o600); err != nil {
		return key, false, fmt.Errorf("protect administrator's key: %w", err)
	}
	s.admin.Store(&key)
	return key, false, nil
}

// RotateAdminKey replaces the administrator's key. The old one, and the sessions made with it, end at once.
func (s *Service) RotateAdminKey(_ context.Context) (AdminKey, error) {
	s.adminMu.Lock()
	defer s.adminMu.Unlock()
	return s.newAdminKey()
}

// newAdminKey makes a key and stores it. The file appears whole or not at all.
func (s *Service) newAdminKey() (AdminKey, error) {
	key := AdminKey{AccessKeyID: newID("AKIA"), Secret: newSecret()}
	data, err := json.MarshalIndent(key)
	if err != nil {
		return key, fmt.Errorf("encode administrator's key: %w", err)
	}
	dir := filepath.Dir(s.cfg.AdminKeyFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return key, fmt.Errorf("make folder for administrator's key: %w", err)
	}
	f, err := os.CreateTemp(dir, ".admin-*") // mode 0600
	if err != nil {
		return key, fmt.Errorf("store administrator's key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return key, fmt.Errorf("store administrator's key: %w", err)
	}
	if err := os.Rename(f.Name(), s.cfg.AdminKeyFile); err != nil {
		return key, fmt.Errorf("store administrator's key: %w", err)
	}
	s.admin.Store(&key)
	return key, nil
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
