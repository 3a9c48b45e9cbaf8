package primary

import (
	"slices"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/replication"
)

// TestHorizon: at every minute, of marks at every set of minutes, the horizon is the
// newest mark that is old enough, and no mark that is needed later is dropped.
func TestHorizon(t *testing.T) {
	const window, last = 2, 7 // minutes
	t0 := time.Unix(0, 0)
	at := func(min int) time.Time { return t0.Add(time.Duration(min) * time.Minute) }
	for set := range 1 << (last + 1) {
		var all []mark
		for min := range last + 1 {
			if set>>min&1 == 1 {
				all = append(all, mark{at(min), record.Revision(10 + min)})
			}
		}
		newest := func(now, age int) (rev record.Revision) {
			for _, m := range all {
				if !m.at.After(at(now - age)) {
					rev = m.rev
				}
			}
			return rev
		}
		left := all
		for now := range last + 6 {
			var h horizon
			h, left = horizonOf(left, at(now), window*time.Minute)
			if want := (horizon{wanted: newest(now, window), forced: newest(now, 2*window)}); h != want {
				t.Fatalf("marks %v at minute %d: %+v, want %+v", all, now, h, want)
			}
		}
		if len(left) > 1 {
			t.Fatalf("%d marks are kept for ever", len(left))
		}
	}
}

// TestTarget goes through all small horizons and needs.
func TestTarget(t *testing.T) {
	for wanted := record.Revision(0); wanted < 6; wanted++ {
		for forced := record.Revision(0); forced <= wanted; forced++ {
			for needed := record.Revision(0); needed < 7; needed++ {
				rev, force := horizon{wanted, forced}.target(needed)
				switch {
				case rev > wanted, rev < forced: // never too young; what is too old always goes
				case force != (needed > 0 && rev > needed): // no watch loses anything without force
				case force && rev != forced: // nor more than it must
				case !force && rev != wanted && rev != needed: // as far as one can
				default:
					continue
				}
				t.Errorf("wanted %d, forced %d, needed %d: %d, %v", wanted, forced, needed, rev, force)
			}
		}
	}
}

// TestRefusals goes through all answers of three nodes.
func TestRefusals(t *testing.T) {
	var says []replication.CompactionAnswer
	for needed := record.Revision(0); needed < 4; needed++ {
		for _, answered := range []bool{false, true} {
			for _, agreed := range []bool{false, true} {
				says = append(says, replication.CompactionAnswer{Ref: registry.NodeRef{NodeID: "n"}, Answered: answered, Agreed: agreed, Needed: needed})
			}
		}
	}
	if needed, by := refusals(nil); needed != 0 || by != nil {
		t.Errorf("nobody was asked, and %v needs %d", by, needed)
	}
	for _, a := range says {
		for _, b := range says {
			for _, c := range says {
				answers := []replication.CompactionAnswer{a, b, c}
				needed, by := refusals(answers)
				all := true
				for _, x := range answers {
					all = all && x.Answered && x.Agreed
					if refuses := !x.Answered || !x.Agreed; refuses && (needed > max(x.Needed, 1) || !x.Answered && needed != 1 || !slices.Contains(by, x)) {
						t.Errorf("%+v: needed %d", answers, needed)
					}
				}
				if all != (needed == 0) || all != (len(by) == 0) {
					t.Errorf("%+v: needed %d, refused by %v", answers, needed, by)
				}
			}
		}
	}
}
