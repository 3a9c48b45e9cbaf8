//go:build linux

package packaging

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/blakesmith/ar"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/sassoftware/go-rpmutils"
)

// file is one file of a package.
type file struct {
	mode   os.FileMode // permissions only
	owner  string      // user:group
	config bool        // left as it is by an upgrade
	size   int64
	body   []byte // not of programs
}

// pack is a package, whichever its format.
type pack struct {
	files   map[string]file // by absolute path; directories are left out
	scripts map[string]string
	fields  map[string]string
	data    []byte // of a deb: its tar
}

// readDeb reads a deb: an ar of two tars (deb(5)).
func readDeb(name string) (*pack, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := &pack{files: map[string]file{}, scripts: map[string]string{}, fields: map[string]string{}}
	members := ar.NewReader(f)
	var conffiles string
	for {
		h, err := members.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		part, ext, _ := strings.Cut(strings.TrimSuffix(h.Name, "/"), ".tar")
		if part != "control" && part != "data" {
			continue
		}
		b, err := unpacked(members, ext)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
		if part == "data" {
			p.data = b
		}
		err = eachFile(b, func(h *tar.Header, body []byte) error {
			switch base := strings.TrimPrefix(h.Name, "./"); {
			case part == "data":
				p.files["/"+base] = file{mode: h.FileInfo().Mode().Perm(), owner: h.Uname + ":" + h.Gname, size: h.Size, body: body}
			case base == "conffiles":
				conffiles = string(body)
			case base == "control":
				for line := range strings.Lines(string(body)) {
					k, v, _ := strings.Cut(line, ":")
					p.fields[k] = strings.TrimSpace(v)
				}
			case strings.HasSuffix(base, "inst") || strings.HasSuffix(base, "rm"):
				p.scripts[base] = string(body)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, path := range strings.Fields(conffiles) {
		e, ok := p.files[path]
		if !ok {
			return nil, fmt.Errorf("conffile %s is not in the package", path)
		}
		e.config = true
		p.files[path] = e
	}
	return p, nil
}

func unpacked(r io.Reader, ext string) ([]byte, error) {
	switch ext {
	case ".zst":
		d, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		defer d.Close()
		return io.ReadAll(d)
	case ".gz":
		d, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(d)
	}
	return nil, fmt.Errorf("unknown compression %q", ext)
}

func eachFile(archive []byte, do func(*tar.Header, []byte) error) error {
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		body, err := io.ReadAll(r)
		if err == nil {
			err = do(h, body)
		}
		if err != nil {
			return err
		}
	}
}

// install unpacks a deb below root.
func (p *pack) install(root string) error {
	return eachFile(p.data, func(h *tar.Header, body []byte) error {
		name := filepath.Join(root, h.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, body, h.FileInfo().Mode().Perm())
	})
}

// rpmScripts are the rpm's tags of what a deb's scripts do.
var rpmScripts = map[string]int{"postinst": rpmutils.POSTIN, "prerm": rpmutils.PREUN, "postrm": rpmutils.POSTUN, "preinst": rpmutils.PREIN}

// configFlags: CONFIG and NOREPLACE, as rpm has them.
const configFlags = rpmutils.RPMFILE_CONFIG | rpmutils.RPMFILE_NOREPLACE

func readRPM(name string) (*pack, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := rpmutils.ReadRpm(f)
	if err != nil {
		return nil, err
	}
	p := &pack{files: map[string]file{}, scripts: map[string]string{}, fields: map[string]string{}}
	infos, err := r.Header.GetFiles()
	if err != nil {
		return nil, err
	}
	for _, i := range infos {
		if i.Mode()&0o170000 != 0o100000 {
			continue
		}
		p.files[i.Name()] = file{mode: os.FileMode(i.Mode()).Perm(), owner: i.UserName() + ":" + i.GroupName(),
			size: i.Size(), config: i.Flags()&configFlags == configFlags}
	}
	for name, tag := range rpmScripts {
		if s, err := r.Header.GetString(tag); err == nil {
			p.scripts[name] = s
		}
	}
	for name, tag := range map[string]int{"Package": rpmutils.NAME, "Version": rpmutils.VERSION, "License": rpmutils.LICENSE, "Architecture": rpmutils.ARCH} {
		if p.fields[name], err = r.Header.GetString(tag); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	requires, err := r.Header.GetStrings(rpmutils.REQUIRENAME)
	if err != nil {
		return nil, err
	}
	p.fields["Depends"] = strings.Join(requires, ", ")
	return p, p.readPayload(r)
}

// readPayload reads the payload whole: a header may promise what isn't there.
func (p *pack) readPayload(r *rpmutils.Rpm) error {
	payload, err := r.PayloadReaderExtended()
	if err != nil {
		return err
	}
	for {
		h, err := payload.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		e, ok := p.files[h.Name()]
		if !ok {
			continue
		}
		if e.body, err = io.ReadAll(payload); err != nil {
			return err
		}
		p.files[h.Name()] = e
	}
}
