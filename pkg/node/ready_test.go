package node

import (
	"errors"
	"testing"
	"time"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// TestReadiness tries every situation: it is ready exactly if it serves and has a leader,
// and what is said comes of what is.
func TestReadiness(t *testing.T) {
	bools := []bool{false, true}
	count := map[Code]int{}
	for _, failure := range []error{nil, errors.New("broken")} {
		for _, stopping := range bools {
			for _, health := range []pb.Health{pb.Health_HEALTH_LOADING, pb.Health_HEALTH_HEALTHY, pb.Health_HEALTH_DEGRADED} {
				for _, trouble := range []need{"", disk, storage} {
					for role := range pb.PrimaryState_name {
						for _, leader := range bools {
							for _, loading := range bools {
								for _, primary := range []string{"", "node-2"} {
									for _, unheard := range []time.Duration{0, time.Minute} {
										if (trouble != "") != (health == pb.Health_HEALTH_DEGRADED && !stopping) {
											continue // trouble makes it degraded, and stopping without one
										}
										s := situation{failure, stopping, health, "reason", trouble, pb.PrimaryState(role), leader, loading, primary, unheard, time.Second}
										r := judge(s)
										count[r.Code]++
										serves := health == pb.Health_HEALTH_HEALTHY || trouble == storage
										if want := failure == nil && !stopping && serves && leader; r.OK() != want {
											t.Errorf("%+v: %+v", s, r)
										}
										if r.OK() != (r.Reason == "") || (r.Warning.Code != "") != (r.OK() && trouble == storage) {
											t.Errorf("%+v: %+v", s, r)
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
	for _, c := range Codes {
		if count[c] == 0 && c != CodeStorage { // a warning
			t.Errorf("%s is never said", c)
		}
	}
}
