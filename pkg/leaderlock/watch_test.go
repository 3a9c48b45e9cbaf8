package leaderlock

import (
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// TestWatch: since when a version is known to have been there.
func TestWatch(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(1000+int64(n), 0) }
	v := func(id string) seen { return seen{body: body{WriteID: id}, version: objectstore.Version("v" + id)} }
	absent := seen{}
	for _, c := range []struct {
		name string
		do   func(*watch)
		want time.Time
	}{
		{"looked at", func(w *watch) { w.see(v("a"), at(3)) }, at(3)},
		{"again", func(w *watch) { w.see(v("a"), at(3)); w.see(v("a"), at(5)) }, at(3)},
		{"renewed", func(w *watch) { w.see(v("a"), at(3)); w.see(v("b"), at(5)) }, at(5)},
		{"heard of before", func(w *watch) { w.hear("a", at(1)); w.see(v("a"), at(3)) }, at(1)},
		{"heard of twice", func(w *watch) { w.hear("a", at(1)); w.hear("a", at(2)); w.see(v("a"), at(3)) }, at(1)},
		{"another was heard of", func(w *watch) { w.hear("a", at(1)); w.hear("b", at(2)); w.see(v("a"), at(3)) }, at(3)},
		{"renewed since", func(w *watch) { w.hear("a", at(1)); w.see(v("b"), at(3)) }, at(3)},
		{"seen before it was heard of", func(w *watch) { w.see(v("a"), at(1)); w.hear("a", at(2)); w.see(v("a"), at(3)) }, at(1)},
		{"renewed, heard of, seen", func(w *watch) { w.see(v("a"), at(1)); w.hear("b", at(2)); w.see(v("b"), at(3)) }, at(2)},
		{"it doesn't tell", func(w *watch) { w.hear("", at(1)); w.see(absent, at(3)) }, at(3)},
		{"removed", func(w *watch) { w.hear("a", at(1)); w.see(v("a"), at(2)); w.see(absent, at(3)) }, at(3)},
	} {
		var w watch
		if c.do(&w); !w.since.Equal(c.want) {
			t.Errorf("%s: since %v, want %v", c.name, w.since.Unix()-1000, c.want.Unix()-1000)
		}
	}
}
