package netsyctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"
)

// contextFile is ~/.config/netsy/contexts.json.
type contextFile struct {
	Current  string                    `json:"current,omitempty"`
	Contexts map[string]contextOfFiles `json:"contexts"`

	path string
}

// contextOfFiles is how one cluster is reached. Relative paths are relative to the file's
// directory.
type contextOfFiles struct {
	Config  string `json:"config"`
	TLSCA   string `json:"tls_ca,omitempty"`
	TLSCert string `json:"tls_cert,omitempty"`
	TLSKey  string `json:"tls_key,omitempty"`
}

// contextsPath is where the contexts are: $NETSY_CONTEXTS, or in the user's configuration.
func contextsPath() (string, error) {
	if p := os.Getenv("NETSY_CONTEXTS"); p != "" {
		return p, nil
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "netsy", "contexts.json"), nil
}

// readContexts reads the file; without one there are no contexts.
func readContexts() (*contextFile, error) {
	path, err := contextsPath()
	if err != nil {
		return &contextFile{}, nil // a process without a home has no contexts
	}
	f := &contextFile{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading contexts: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, wrongUse("%s: %w", path, err)
	}
	return f, nil
}

// get returns a context, its paths made absolute.
func (f *contextFile) get(name string) (contextOfFiles, error) {
	x, ok := f.Contexts[name]
	switch {
	case !ok:
		return x, wrongUse("%s has no context %q (see netsyctl context list)", f.path, name)
	case x.Config == "":
		return x, wrongUse("%s: context %q names no cluster file: set its config", f.path, name)
	}
	for _, p := range []*string{&x.Config, &x.TLSCA, &x.TLSCert, &x.TLSKey} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(f.path), *p)
		}
	}
	return x, nil
}

// write replaces the file in one step.
func (f *contextFile) write() error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	t, err := os.CreateTemp(filepath.Dir(f.path), ".contexts-*")
	if err != nil {
		return err
	}
	_, err = t.Write(append(b, '\n'))
	err = errors.Join(err, t.Sync(), t.Close())
	if err == nil {
		err = os.Rename(t.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(t.Name()) // the first error says it all
	}
	return err
}

// chosen is the cluster that a command is about: of --context or --config, else of
// NETSY_CONTEXT, else of NETSY_CONFIG, else of the current context. Files of --tls-* go before the context's. It is empty if nothing names one.
func chosen(c *cli.Context) (contextOfFiles, error) {
	name, config := c.String("context"), c.String("config")
	if name != "" && config != "" && config != os.Getenv("NETSY_CONFIG") {
		if name != os.Getenv("NETSY_CONTEXT") {
			return contextOfFiles{}, wrongUse("--config and --context both name a cluster: give one")
		}
		name = "" // a flag goes before a variable
	}
	x := contextOfFiles{Config: config}
	if name != "" || config == "" {
		f, err := readContexts()
		if err != nil {
			return x, err
		}
		if name == "" {
			name = f.Current
		}
		if name != "" {
			if x, err = f.get(name); err != nil {
				return x, err
			}
		}
	}
	for flag, p := range map[string]*string{"tls-ca": &x.TLSCA, "tls-cert": &x.TLSCert, "tls-key": &x.TLSKey} {
		if v := c.String(flag); v != "" {
			*p = v
		}
	}
	return x, nil
}

// clusterFile is the cluster file of a command that needs one.
func clusterFile(c *cli.Context) (string, error) {
	x, err := chosen(c)
	if err == nil && x.Config == "" {
		err = wrongUse("which cluster? name its cluster file with --config or NETSY_CONFIG, or a context with --context (see %s --help)", c.Command.HelpName)
	}
	return x.Config, err
}

func contextFlag() cli.Flag {
	return &cli.StringFlag{Name: "context", EnvVars: []string{"NETSY_CONTEXT"}, Usage: "instead of --config: a cluster of contexts.json (see netsyctl context)"}
}

func contextCommand() *cli.Command {
	return &cli.Command{
		Name:  "context",
		Usage: "give clusters names, and choose among them",
		Description: `A context is a cluster file and, for commands that ask nodes, an admin's certificate. They are in
~/.config/netsy/contexts.json (or where NETSY_CONTEXTS says), which is written by hand:

  {
    "current": "prod",
    "contexts": {
      "prod": {"config": "prod.jsonc", "tls_ca": "ca.crt", "tls_cert": "alice.crt", "tls_key": "alice.key"}
    }
  }

Relative paths are relative to that file. A command is about the cluster of --context or --config, else
of NETSY_CONTEXT, else of NETSY_CONFIG, else of the current context.

  netsyctl context list
  netsyctl context use prod`,
		Subcommands: []*cli.Command{contextListCommand(), contextUseCommand()},
	}
}

type shownContext struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	contextOfFiles
}

func contextListCommand() *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list the contexts",
		Description: `  netsyctl context list`,
		Flags:       []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			f, err := readContexts()
			if err != nil {
				return err
			}
			list := []shownContext{}
			for _, name := range slices.Sorted(maps.Keys(f.Contexts)) {
				list = append(list, shownContext{name, name == f.Current, f.Contexts[name]})
			}
			return show(c, list, func(w io.Writer) {
				row(w, "CURRENT", "NAME", "CONFIG", "CERTIFICATE")
				for _, x := range list {
					mark := ""
					if x.Current {
						mark = "*"
					}
					row(w, mark, x.Name, x.Config, orDash(x.TLSCert))
				}
			})
		},
	}
}

func contextUseCommand() *cli.Command {
	return &cli.Command{
		Name:        "use",
		Usage:       "choose the context of commands that name no other",
		ArgsUsage:   "NAME",
		Description: `  netsyctl context use prod`,
		Action: func(c *cli.Context) error {
			name, err := oneArg(c, "NAME")
			if err != nil {
				return err
			}
			f, err := readContexts()
			if err != nil {
				return err
			}
			if _, err := f.get(name); err != nil {
				return err
			}
			f.Current = name
			if err := f.write(); err != nil {
				return fmt.Errorf("writing contexts: %w", err)
			}
			_, err = fmt.Fprintf(c.App.Writer, "using %s\n", name)
			return err
		},
	}
}
