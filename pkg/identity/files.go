package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrExists: a file that must not be overwritten is there.
var ErrExists = errors.New("file exists")

// WriteFiles stores the pair, the key (mode 0600) before the certificate (0644),
// each file whole or not at all. Without replace, existing files are refused with
// ErrExists. With it, a reader may see the new key beside the old certificate for
// a moment; Source then keeps what it has.
func (p *KeyPair) WriteFiles(certFile, keyFile string, replace bool) error {
	if !replace {
		for _, f := range []string{certFile, keyFile} {
			if _, err := os.Lstat(f); err == nil {
				return fmt.Errorf("identity: %s: %w", f, ErrExists)
			}
		}
	}
	if err := WriteFile(keyFile, p.KeyPEM, 0o600, replace); err != nil {
		return err
	}
	return WriteFile(certFile, p.CertPEM, 0o644, replace)
}

// WriteFile stores data atomically and durably: a temporary file beside it,
// fsync, link or rename, fsync of the directory.
func WriteFile(name string, data []byte, mode os.FileMode, replace bool) error {
	if err := writeFile(name, data, mode, replace); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("identity: %s: %w", name, ErrExists)
		}
		return fmt.Errorf("identity: writing %s: %w", name, err)
	}
	return nil
}

func writeFile(name string, data []byte, mode os.FileMode, replace bool) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".netsy-*") // mode 0600 from the first byte on
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone already after a rename
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if replace {
		err = os.Rename(f.Name(), name)
	} else {
		err = os.Link(f.Name(), name) // fails if name exists, where rename would not
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
