package compactor

import (
	"slices"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// state is what this process knows of one version of a snapshot.
type state uint8

const (
	unknown state = iota // not read by this process
	sound                // read whole and verified by this process
	corrupt              // read, and found damaged
)

// judged is a listed snapshot with what is known of it.
type judged struct {
	snapshot.Listed
	state state
}

// secondSound returns the second-newest snapshot known to be sound: what is at or below
// it may be freed. 0: there is none, nothing may. It is pure; list is ascending.
func secondSound(list []judged) record.Revision {
	found := 0
	for _, s := range slices.Backward(list) {
		if s.state == sound {
			if found++; found == 2 {
				return s.Revision
			}
		}
	}
	return 0
}

// assumed is list with every snapshot taken for sound that isn't known to be corrupt: what
// a pass would do once it had read them.
func assumed(list []judged) []judged {
	out := slices.Clone(list)
	for i := range out {
		if out[i].state == unknown {
			out[i].state = sound
		}
	}
	return out
}

// newestUsable returns the newest snapshot that isn't known to be corrupt.
func newestUsable(list []judged) (judged, bool) {
	for _, s := range slices.Backward(list) {
		if s.state != corrupt {
			return s, true
		}
	}
	return judged{}, false
}
