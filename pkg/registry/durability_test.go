package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// A change of the voters keeps what a later version says of those that stay, and of
// the rule.
func TestVotersThatStayKeepTheirFields(t *testing.T) {
	r, f, ctx := setup(t)
	mustCluster(t, r)
	a, b, c := NodeRef{"a", "1"}, NodeRef{"b", "1"}, NodeRef{"c", "1"}
	set := func(voters ...NodeRef) string {
		t.Helper()
		got, err := r.UpdateCluster(ctx, func(c *Cluster) error {
			c.Durability = Durability{Mode: ModeQuorum, Quorum: 1, Voters: voters}
			return nil
		})
		if now, rerr := r.Cluster(ctx); err != nil || rerr != nil || !slices.Equal(now.Durability.Voters, voters) || !now.Durability.Equal(got.Durability) {
			t.Fatalf("%v, %v: %+v, %+v", err, rerr, now.Durability, got.Durability)
		}
		return content(t, f, ClusterKey)
	}
	doc := set(a, b)
	for _, id := range []string{"a", "b"} {
		doc = strings.Replace(doc, fmt.Sprintf(`"node_id": %q`, id), fmt.Sprintf(`"node_id": %q, "zone": "zone-of-%[1]s"`, id), 1)
	}
	overwrite(t, f, ClusterKey, strings.Replace(doc, `"quorum":`, `"witness": "w1", "quorum":`, 1))
	for name, step := range map[string]struct {
		voters       []NodeRef
		zoneA, zoneB bool
	}{
		"1 added":   {[]NodeRef{a, b, c}, true, true},
		"2 ordered": {[]NodeRef{c, b, a}, true, true},
		"3 wiped":   {[]NodeRef{c, {"b", "2"}, a}, true, false},
		"4 removed": {[]NodeRef{a}, true, false},
	} {
		before := content(t, f, ClusterKey)
		doc := set(step.voters...)
		if strings.Contains(doc, "zone-of-a") != step.zoneA || strings.Contains(doc, "zone-of-b") != step.zoneB || !strings.Contains(doc, "w1") {
			t.Errorf("%s:\n%s", name, doc)
		}
		overwrite(t, f, ClusterKey, before)
	}
}

// Nobody's later change of a list of voters changes another's.
func TestVotersAreNotShared(t *testing.T) {
	r, _, ctx := setup(t)
	from := mustCluster(t, r)
	mine := []NodeRef{{"a", "1"}, {"b", "1"}}
	got, err := r.SwapCluster(ctx, from, func(c *Cluster) error {
		c.Durability = Durability{Mode: ModeQuorum, Quorum: 1, Voters: mine}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mine[0].NodeID = "x"
	if got.Durability.Voters[0].NodeID != "a" {
		t.Error("the caller's list became the document's")
	}
	next, err := r.SwapCluster(ctx, got, func(c *Cluster) error { c.Durability.Voters[1].NodeID = "c"; return nil })
	if err != nil || next.Durability.Voters[1].NodeID != "c" || got.Durability.Voters[1].NodeID != "b" {
		t.Errorf("%v: the older version became %v", err, got.Durability.Voters)
	}
}

// A Primary changes the durability rule while an elector begins a new reign: over
// every way in which the Primary's write can go wrong, at every moment at which
// the elector's can fall, with late writes landing or not.
func TestDurabilityAgainstANewReign(t *testing.T) {
	const (
		never = iota
		beforeWrite
		beforeAnswer
		afterwards
	)
	faults := map[string]func(*fault.Late) fault.Fault{
		"none":        func(*fault.Late) fault.Fault { return fault.Hook(func(*fault.Request) {}) },
		"lost reply":  func(*fault.Late) fault.Fault { return fault.LostReply() },
		"echo":        func(*fault.Late) fault.Fault { return fault.EchoedRetry() },
		"late":        func(l *fault.Late) fault.Fault { return l.Fault() },
		"lost":        func(*fault.Late) fault.Fault { return fault.Fail(objectstore.ErrUnknownOutcome) },
		"unavailable": func(*fault.Late) fault.Fault { return fault.Fail(objectstore.ErrUnavailable) },
	}
	for name, broken := range faults {
		for reign := never; reign <= afterwards; reign++ {
			t.Run(fmt.Sprintf("%s %d", name, reign), func(t *testing.T) {
				r, f, ctx := setup(t)
				mustCluster(t, r)
				me := NodeRef{"n1", "i1"}
				if _, err := r.UpdateCluster(ctx, func(c *Cluster) error { c.Epoch, c.Primary = 1, me; return nil }); err != nil {
					t.Fatal(err)
				}
				newReign := func(when int) {
					if when != reign {
						return
					}
					if _, err := r.UpdateCluster(ctx, func(c *Cluster) error { c.Epoch, c.Primary = 2, NodeRef{}; return nil }); err != nil {
						t.Error(err)
					}
				}
				var late fault.Late
				inject := broken(&late)
				f.Inject(fault.Once(fault.Puts(ClusterKey), func(ctx context.Context, q *fault.Request, next fault.Next) (fault.Response, error) {
					newReign(beforeWrite)
					resp, err := inject(ctx, q, next)
					newReign(beforeAnswer)
					return resp, err
				}))
				want := Durability{Mode: ModeQuorum, Quorum: 1, Voters: []NodeRef{me, {"n2", "i2"}}}
				got, err := r.UpdateAsPrimary(ctx, 1, me, func(c *Cluster) error { c.Durability = want; return nil })
				at, rerr := r.Cluster(ctx)
				if rerr != nil {
					t.Fatal(rerr)
				}
				newReign(afterwards)
				landed, lerr := late.Land(ctx)
				now, rerr := r.Cluster(ctx)
				if rerr != nil {
					t.Fatal(rerr)
				}
				switch there := now.Durability.Equal(want); {
				case err == nil && (!there || got.Seq != 3 || got.Epoch != 1 || at.Seq < got.Seq):
					t.Errorf("reported as written: %+v, then %+v", got, now)
				case errors.Is(err, ErrDeposed) && now.Epoch != 2:
					t.Errorf("deposed by nobody: %+v", now)
				case err != nil && !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrDeposed) && there:
					t.Errorf("%v, and yet it was written", err)
				case err == nil && reign == beforeWrite:
					t.Error("a deposed Primary wrote")
				case landed && lerr == nil && !errors.Is(err, ErrUnknownOutcome):
					t.Errorf("%v, and yet it could land", err)
				}
				if settled := reign == beforeWrite || reign == beforeAnswer; settled && errors.Is(err, ErrUnknownOutcome) {
					t.Errorf("unknown, though another version is there: %v", err)
				}
				if wantEpoch := map[bool]int64{true: 1, false: 2}[reign == never]; int64(now.Epoch) != wantEpoch {
					t.Errorf("epoch %d, expected %d", now.Epoch, wantEpoch)
				}
			})
		}
	}
}
