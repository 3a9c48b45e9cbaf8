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
		for i := range 4 {
			stopping, handsOver := i&1 != 0, i&2 != 0
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
										s := situation{failure, stopping, handsOver, health, "reason", trouble, pb.PrimaryState(role), leader, loading, primary, unheard, time.Second}
										r := judge(s)
										count[r.Code]++
										serves := health == pb.Health_HEALTH_HEALTHY || trouble == storage
										if want := failure == nil && !stopping && serves && leader; r.OK() != want {
											t.Errorf("%+v: %+v", s, r)
										}
										var warning Code
										switch {
										case !r.OK():
										case trouble == storage:
											warning = CodeStorage
										case handsOver:
											warning = CodeHandingOver
										}
										if r.OK() != (r.Reason == "") || r.Warning.Code != warning || (warning == "") != (r.Warning.Reason == "") {
											t.Errorf("%+v: %+v", s, r)
										}
										count[warning]++
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
		if count[c] == 0 {
			t.Errorf("%s is never said", c)
		}
	}
}
