// Package version says which Netsy this is.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// Set by the linker, as in -X github.com/netsy-io/netsy/pkg/version.version=v1.2.3. commit
// is needed only where sources are built outside of their repository.
var (
	version = "dev"
	commit  = ""
)

// Info is what is known of a build.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`   // "unknown" if the build doesn't say
	Modified bool   `json:"modified"` // the sources differed from that commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// String returns the version of the build.
func String() string { return version }

// Get says what is known of this build.
var Get = sync.OnceValue(func() Info {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		b = &debug.BuildInfo{}
	}
	return infoOf(b, version, commit)
})

func infoOf(b *debug.BuildInfo, version, commit string) Info {
	i := Info{Version: version, Go: cmp.Or(b.GoVersion, runtime.Version()), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	for _, s := range b.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = cmp.Or(commit, s.Value)
		case "vcs.modified":
			i.Modified = s.Value == "true"
		}
	}
	i.Commit = cmp.Or(commit, "unknown")
	return i
}

// String is one line, the same of every program.
func (i Info) String() string {
	commit := i.Commit[:min(len(i.Commit), 12)]
	if i.Modified {
		commit += ", modified"
	}
	return fmt.Sprintf("%s (commit %s, %s, %s)", i.Version, commit, i.Go, i.Platform)
}
