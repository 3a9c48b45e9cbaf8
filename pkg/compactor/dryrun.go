package compactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// Plan is what a pass would do now.
type Plan struct {
	NoCluster bool              `json:"no_cluster,omitempty"` // there is no cluster.json: nothing
	Snapshots []record.Revision `json:"snapshots"`
	Beyond    Beyond            `json:"beyond"` // the newest of them

	// Write is the revision of the snapshot that would be written, 0: none; Because is why.
	// More will be in it if the log goes on.
	Write   record.Revision `json:"write,omitempty"`
	Because string          `json:"because,omitempty"`

	// Prove are the snapshots that would be read whole first: nothing is freed unless they
	// are sound. Steps are what would be freed then.
	Prove []record.Revision `json:"prove,omitempty"`
	Steps []Step            `json:"steps"`

	// Now is what ages were judged by: the newest time that the store is known to have
	// written something at. A pass writes its lock and so knows better.
	Now time.Time `json:"now"`
}

// Plan says what a pass would do now. It writes nothing, the lock included, and reads no
// snapshot.
func (c *Compactor) Plan(ctx context.Context) (Plan, error) {
	c.pass.Lock()
	defer c.pass.Unlock()
	if err := c.o.check(); err != nil {
		return Plan{}, fmt.Errorf("%w: %w", errOptions, err)
	}
	_, err := c.registry.Cluster(ctx)
	if errors.Is(err, registry.ErrNotFound) {
		return Plan{NoCluster: true}, nil
	}
	if err != nil {
		return Plan{}, err
	}
	listed, err := c.snapshots.List(ctx)
	if err != nil {
		return Plan{}, err
	}
	list := c.judge(listed)
	plan := Plan{Snapshots: []record.Revision{}, Steps: []Step{}}
	for _, s := range list {
		plan.Snapshots = append(plan.Snapshots, s.Revision)
	}
	if plan.Now, err = c.now(ctx, list); err != nil {
		return Plan{}, err
	}
	base, _ := newestUsable(list)
	var last slot
	if plan.Beyond, last, err = c.beyond(ctx, base, plan.Now); err != nil {
		return Plan{}, err
	}
	if m := last.info.Modified; m.After(plan.Now) {
		plan.Beyond.Age, plan.Now = plan.Beyond.Age+m.Sub(plan.Now), m
	}
	if plan.Because = c.o.Thresholds.due(plan.Beyond); plan.Because != "" {
		plan.Write = base.Revision + record.Revision(plan.Beyond.Records)
		list = append(list, judged{Listed: snapshot.Listed{Revision: plan.Write, Modified: plan.Now}, state: sound})
	}
	return plan, c.planFreeing(ctx, &plan, list)
}

func (c *Compactor) planFreeing(ctx context.Context, plan *Plan, list []judged) error {
	l := limits{second: secondSound(assumed(list)), now: plan.Now, retention: c.o.Retention, keep: c.o.Keep}
	if l.second > 0 {
		err := c.bucket.slots(ctx, l.second, func(page []slot) error {
			known, _, err := c.read(ctx, page, &l)
			plan.Steps = append(plan.Steps, l.freeChunks(page, known)...)
			return err
		})
		if err != nil {
			return err
		}
	}
	plan.Steps = append(plan.Steps, l.freeSnapshots(list)...)
	if len(plan.Steps) > 0 {
		for _, s := range list {
			if s.Revision >= l.second && s.state == unknown {
				plan.Prove = append(plan.Prove, s.Revision)
			}
		}
	}
	return nil
}

// now is a time that the store's clock has reached: that of the newest of the objects that
// are written often, and of the snapshots.
func (c *Compactor) now(ctx context.Context, list []judged) (now time.Time, err error) {
	for _, s := range list {
		if s.Modified.After(now) {
			now = s.Modified
		}
	}
	for _, key := range []string{"leader/elector.json", LockKey, registry.ClusterKey} {
		t, err := c.bucket.modified(ctx, key)
		if err != nil && !errors.Is(err, objectstore.ErrNotFound) {
			return time.Time{}, err
		}
		if t.After(now) {
			now = t
		}
	}
	return now, nil
}
