package machines

import "testing"

func TestSizing(t *testing.T) {
	o := world(t, "sizing.md")
	// The page's own measurements take minutes; this shows that they can be made.
	o.Before += `; . "$LAB/cluster.sh"; keys=${FILL_KEYS:-2000} seconds=${FILL_SECONDS:-5}`
	run(t, o)
}
