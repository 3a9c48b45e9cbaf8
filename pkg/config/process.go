package config

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/identity"
)

// Process is everything one process is told. Addresses are host:port. What its
// program doesn't use is empty.
type Process struct {
	ConfigFile, NodeID, DataDir string
	ValueCacheMB                string // see ValueCache

	BindClient, AdvertiseClient     string
	BindPeer, AdvertisePeer         string
	BindElection, AdvertiseElection string
	BindHealth                      string
	StatusPage                      string // "true" or "false"; empty for a compactor, which has none

	TLS                 identity.Files
	LogLevel, LogFormat string

	Cluster *Cluster // the content of ConfigFile
}

// ValueCache is the bound of the memory for values in bytes; 0: none. It is of a node's Process
// that Resolve has checked.
func (p *Process) ValueCache() int64 {
	mb, _ := strconv.ParseInt(p.ValueCacheMB, 10, 64)
	return mb << 20
}

const maxValueCacheMB = 1 << 20

var (
	logLevels  = []string{"trace", "debug", "info", "warn", "error"}
	logFormats = []string{"text", "json"}
	switches   = []string{"true", "false"}
)

// Resolve makes a Process from its settings' values: get returns what was given
// for a flag's name, or "" for its default. It reads the cluster file and looks at the
// certificate. An error is Problems: those of the environment and of the file.
func Resolve(program Program, get func(flag string) string) (*Process, error) {
	r := &resolver{program: program, process: &Process{}, bad: map[string]bool{}, hostname: os.Hostname}
	r.take(get)
	r.cluster()
	r.checkNames()
	r.checkAddresses()
	r.checkIdentity()
	return r.process, r.problems.orNil()
}

type resolver struct {
	program  Program
	process  *Process
	problems Problems
	bad      map[string]bool // flags with a problem already
	hostname func() (string, error)
}

func (r *resolver) add(flag, format string, args ...any) {
	r.bad[flag] = true
	r.problems = append(r.problems, Problem{Path: settingOf(flag).label(), Message: fmt.Sprintf(format, args...)})
}

func (r *resolver) uses(s *setting) bool { return s.programs&r.program != 0 }

// take copies the values, with defaults. An empty value is none: manifests and
// unit files often set variables to nothing.
func (r *resolver) take(get func(string) string) {
	for i := range settings {
		s := &settings[i]
		if !r.uses(s) {
			continue
		}
		v := get(s.flag)
		if v == "" {
			v = s.def
		}
		if v == "" && s.required&r.program != 0 {
			r.add(s.flag, "is required: %s", s.doc)
		}
		*s.at(r.process) = v
	}
}

func (r *resolver) cluster() {
	if r.bad["config"] {
		return
	}
	c, err := Load(r.process.ConfigFile)
	if ps, ok := err.(Problems); ok { //nolint:errorlint // Load returns nothing else
		r.problems = append(r.problems, ps...)
	}
	r.process.Cluster = c
}

func (r *resolver) checkNames() {
	p := r.process
	if !r.bad["node-id"] && p.NodeID != "" {
		if err := identity.ValidateName(p.NodeID); err != nil {
			r.add("node-id", "%v", err)
		}
	}
	if !slices.Contains(logLevels, p.LogLevel) {
		r.add("log-level", "must be one of %v (got %q)", logLevels, p.LogLevel)
	}
	if !slices.Contains(logFormats, p.LogFormat) {
		r.add("log-format", "must be one of %v (got %q)", logFormats, p.LogFormat)
	}
	if mb, err := strconv.ParseInt(p.ValueCacheMB, 10, 64); r.program&NodeProgram != 0 && (err != nil || mb < 0 || mb > maxValueCacheMB) {
		r.add("value-cache-mb", "must be a number from 0 (no bound) to %d (got %q)", maxValueCacheMB, p.ValueCacheMB)
	}
	if r.program&overTLS != 0 && !slices.Contains(switches, p.StatusPage) {
		r.add("status-page", "must be one of %v (got %q)", switches, p.StatusPage)
	}
}

// checkIdentity finds out at start, rather than by refused connections later,
// that the certificate is another process's.
func (r *resolver) checkIdentity() {
	if r.program&overTLS == 0 || r.bad["tls-ca"] || r.bad["tls-cert"] || r.bad["tls-key"] {
		return
	}
	src, err := identity.Open(identity.Options{Files: r.process.TLS})
	if err != nil {
		r.add("tls-cert", "%v", err)
		r.problems[len(r.problems)-1].Delivered = true
		return
	}
	if r.bad["node-id"] || r.process.Cluster == nil {
		return
	}
	want := identity.Identity{ClusterID: r.process.Cluster.ClusterID, Role: r.role(), Name: r.process.NodeID}
	if got := src.Identity(); got != want {
		r.add("tls-cert", "%s is for %s, but this process is %s", r.process.TLS.Cert, got, want)
		r.problems[len(r.problems)-1].Delivered = true
	}
}

func (r *resolver) role() identity.Role {
	if r.program == ElectorProgram {
		return identity.RoleElector
	}
	return identity.RolePeer
}

func settingOf(flag string) *setting {
	for i := range settings {
		if settings[i].flag == flag {
			return &settings[i]
		}
	}
	panic("config: no setting --" + flag) // a typo in this package
}

// NewLogger makes the process's logger as the settings say.
func (p *Process) NewLogger(name string, w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name: name, Level: hclog.LevelFromString(p.LogLevel), JSONFormat: p.LogFormat == "json", Output: w,
	})
}
