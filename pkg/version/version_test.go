package version

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestInfo(t *testing.T) {
	vcs := &debug.BuildInfo{GoVersion: "go1.26.8", Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}}
	for _, c := range []struct {
		b       *debug.BuildInfo
		commit  string
		want    string
		wantAll string
	}{
		{vcs, "", "v1 (commit 0123456789ab, modified, go1.26.8, ", "0123456789abcdef"},
		{vcs, "feed", "v1 (commit feed, modified, go1.26.8, ", "feed"},
		{&debug.BuildInfo{GoVersion: "go1.26.8"}, "", "v1 (commit unknown, go1.26.8, ", "unknown"},
		{&debug.BuildInfo{}, "feed", "v1 (commit feed, go1", "feed"},
	} {
		i := infoOf(c.b, "v1", c.commit)
		if !strings.HasPrefix(i.String(), c.want) || i.Commit != c.wantAll || i.Version != "v1" {
			t.Errorf("%q, want %q; %+v", i, c.want, i)
		}
	}
	if i := Get(); i.Version != String() || i.Go == "" || i.Commit == "" {
		t.Errorf("%+v", i)
	}
}
