package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in the configuration.
type Problem struct {
	File    string `json:"file,omitempty"`   // empty: in the environment or on the command line
	Line    int    `json:"line,omitempty"`   // from 1; 0: nowhere in particular
	Column  int    `json:"column,omitempty"` // in bytes, from 1
	Path    string `json:"path,omitempty"`   // replication.quorum, or NETSY_NODE_ID (--node-id)
	Message string `json:"message"`          // what is wrong, and what is wanted

	// Delivered: it is about a file that isn't there or not all of it, or a certificate, which
	// somebody else may deliver or replace at any time.
	Delivered bool `json:"-"`
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	for _, s := range []string{p.Path, p.Message} {
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(s)
	}
	return b.String()
}

// Problems is every mistake found, in the order of the file, the environment's
// after it. It is never empty when returned as an error.
type Problems []Problem

func (ps Problems) Error() string {
	if len(ps) == 1 {
		return "configuration: " + ps[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "configuration: %d problems", len(ps))
	for _, p := range ps {
		b.WriteString("\n  ")
		b.WriteString(p.String())
	}
	return b.String()
}

// Lasting says whether a start will fail until somebody changes the configuration: not all
// that is wrong may mend by itself.
func (ps Problems) Lasting() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return !p.Delivered })
}

// orNil avoids an error that is a non-nil interface around no problems.
func (ps Problems) orNil() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}
