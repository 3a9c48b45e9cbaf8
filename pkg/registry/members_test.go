package registry

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

func TestMembersAreStable(t *testing.T) {
	r, f, ctx := setup(t)
	m, err := r.AssignMembers(ctx, []string{"n1", "n2"})
	if err != nil || m.IDs["n1"] == 0 || m.IDs["n2"] == 0 || m.IDs["n1"] == m.IDs["n2"] {
		t.Fatalf("%+v, %v", m, err)
	}
	before := content(t, f, MembersKey)
	if again, err := r.AssignMembers(ctx, []string{"n2", "n1"}); err != nil || again.IDs["n1"] != m.IDs["n1"] || content(t, f, MembersKey) != before {
		t.Errorf("assigning again wrote, or changed: %+v, %v", again, err)
	}
	f.Inject(fault.Once(fault.Puts(MembersKey), fault.LostReply()))
	grown, err := r.AssignMembers(ctx, []string{"n3"})
	if err != nil || grown.IDs["n1"] != m.IDs["n1"] || grown.IDs["n3"] == 0 || len(grown.IDs) != 3 {
		t.Errorf("%+v, %v", grown, err)
	}
}
