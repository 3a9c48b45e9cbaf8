package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/retry"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// documents are those of the registry, as they were at one time, or what is wrong with them.
type documents struct {
	clusterID  string
	cluster    *registry.Cluster // nil: missing or damaged
	members    *registry.Members
	nodes      []registry.Node
	findings   []Finding
	unreadable map[string]bool // keys of which findings tell
}

// maxDocument bounds what is read to find out whose bucket it is.
const maxDocument = 1 << 20

func (v *verifier) readDocuments(ctx context.Context) (*documents, error) {
	d := &documents{clusterID: v.o.ClusterID, unreadable: map[string]bool{}}
	if d.clusterID == "" {
		id, err := v.clusterID(ctx)
		if err != nil {
			return nil, err
		}
		d.clusterID = id
	}
	reg := registry.New(v.o.Store, d.clusterID)
	err := again(ctx, func() error {
		c, err := reg.Cluster(ctx)
		if d.cluster = &c; err != nil {
			d.cluster = nil
		}
		return d.note(registry.ClusterKey, err)
	})
	if err != nil {
		return nil, err
	}
	if err := d.readNodes(ctx, reg); err != nil {
		return nil, err
	}
	err = again(ctx, func() error {
		m, err := reg.Members(ctx)
		if d.members = &m; err != nil {
			d.members = nil
		}
		return d.note(registry.MembersKey, err)
	})
	for _, key := range []string{bucket.ElectorLockKey, bucket.CompactorLockKey} {
		if err == nil {
			err = again(ctx, func() error {
				_, err := leaderlock.Read(ctx, v.o.Store, key, d.clusterID)
				return d.note(key, err)
			})
		}
	}
	return d, err
}

func (d *documents) readNodes(ctx context.Context, reg *registry.Registry) error {
	return again(ctx, func() error {
		nodes, problems, err := reg.NewNodeList().Refresh(ctx)
		if err != nil {
			return err
		}
		d.nodes = nodes
		for _, p := range problems {
			if err := d.note(keyOf(p, registry.NodesPrefix), p); err != nil {
				return err
			}
		}
		return nil
	})
}

// clusterID is what the documents say themselves; "" if none says anything. That they
// agree is checked when they are read.
func (v *verifier) clusterID(ctx context.Context) (id string, err error) {
	keys := []string{registry.ClusterKey, registry.MembersKey, bucket.ElectorLockKey}
	for _, key := range keys {
		var b []byte
		err := again(ctx, func() (err error) {
			b, _, err = objectstore.ReadAll(ctx, v.o.Store, key, maxDocument)
			return err
		})
		var doc struct {
			ClusterID string `json:"cluster_id"`
		}
		switch {
		case bucket.Gone(err):
		case err != nil:
			return "", fmt.Errorf("verify: %w", err)
		case json.Unmarshal(b, &doc) == nil && doc.ClusterID != "":
			return doc.ClusterID, nil
		}
	}
	return "", nil
}

func again(ctx context.Context, fn func() error) error {
	return retry.Do(ctx, retry.Attempts, func(int, error) {}, fn)
}

// note keeps what is wrong with a document; other errors are returned. That one is
// missing is judged later.
func (d *documents) note(key string, err error) error {
	var damaged *registry.DamagedError
	var mismatch *registry.ClusterMismatchError
	var lock *leaderlock.DamagedError
	f := Finding{Severity: Error, Kind: KindDocument, Key: key, Next: "bring it back from an older version of the object; netsyctl never overwrites what it can't understand"}
	switch {
	case err == nil, errors.Is(err, registry.ErrNotFound), bucket.Gone(err):
		return nil
	case errors.As(err, &mismatch):
		f.Kind, f.Next = KindCluster, "two clusters must not share a bucket and key prefix: find out whose object this is"
	case errors.As(err, &damaged), errors.As(err, &lock), errors.Is(err, objectstore.ErrPermanent) && strings.Contains(err.Error(), "expected at most"):
	default:
		return fmt.Errorf("verify: %w", err)
	}
	f.Message = err.Error()
	d.findings, d.unreadable[key] = append(d.findings, f), true
	return nil
}

// keyOf is the key that a document's error names.
func keyOf(err error, otherwise string) string {
	var damaged *registry.DamagedError
	var mismatch *registry.ClusterMismatchError
	switch {
	case errors.As(err, &damaged):
		return damaged.Key
	case errors.As(err, &mismatch):
		return mismatch.Key
	default:
		return otherwise
	}
}

// origin is the revision that the history begins behind; -1 if nobody knows.
func (d *documents) origin(c *bucket.Contents) record.Revision {
	switch {
	case d.cluster != nil:
		return d.cluster.Origin
	case len(c.Chunks) == 0 && len(c.Snapshots) == 1:
		return c.Snapshots[0].Revision // not begun yet
	case len(c.Snapshots) == 0:
		return 0
	default:
		return -1
	}
}

// judgeDocuments holds the documents against each other and against the history. was is
// how they were before the history was read, now how they are after.
func judgeDocuments(r *Report, was, now *documents, c *bucket.Contents, h *pass) {
	for _, f := range now.findings {
		r.add(f)
	}
	judgePresence(r, now, c)
	if now.cluster != nil {
		judgeEpochs(r, now.cluster, h.epoch)
	}
	if was.cluster != nil {
		judgeRevisions(r, was.cluster, c, r.Totals.Last)
	}
	if was.members != nil || now.members != nil {
		judgeMembers(r, was, now)
	}
}

// judgePresence says which documents are missing.
func judgePresence(r *Report, d *documents, c *bucket.Contents) {
	begun := len(c.Chunks) > 0 || len(d.nodes) > 0 || d.members != nil
	switch {
	case d.cluster != nil || d.unreadable[registry.ClusterKey]:
	case begun:
		r.add(Finding{Error, KindDocument, registry.ClusterKey, "is missing, but there was a cluster", "bring it back from an older version of the object; without it no elector goes on"})
	case len(c.Snapshots) > 0:
		r.add(Finding{Note, KindBootstrap, registry.ClusterKey, "is not there yet: the cluster that is started here begins with the snapshot", ""})
	default:
		r.add(Finding{Note, KindBootstrap, registry.ClusterKey, "is not there: no cluster has begun here", "check storage in the cluster file if there should be one"})
	}
	if d.cluster != nil && d.cluster.Epoch > 0 && d.members == nil && !d.unreadable[registry.MembersKey] {
		r.add(Finding{Error, KindDocument, registry.MembersKey, "is missing, but Primaries have been elected", "bring it back from an older version of the object; otherwise nodes get other member ids"})
	}
}

// judgeEpochs: each reign begins in cluster.json.
func judgeEpochs(r *Report, c *registry.Cluster, highest record.Epoch) {
	if highest > c.Epoch {
		r.add(Finding{Error, KindEpochs, registry.ClusterKey, fmt.Sprintf("says epoch %d, but there are files of epoch %d", c.Epoch, highest),
			"an older version of it was brought back, or the files are another cluster's: bring back its newest version"})
	}
}

// judgeRevisions holds the numbers of cluster.json against how far the log goes.
func judgeRevisions(r *Report, c *registry.Cluster, b *bucket.Contents, end record.Revision) {
	if c.CompactionRevision > end {
		f := Finding{Error, KindDocument, registry.ClusterKey, fmt.Sprintf("says that history is compacted up to revision %d, but the log ends at %d", c.CompactionRevision, end),
			"the end of the log is missing: see the other findings, and look for lifecycle rules on the bucket"}
		if c.Durability.Mode == registry.ModeQuorum { // the nodes have what is between
			f.Severity, f.Next = Note, "the rest of the log is on the nodes, and comes within replication.chunk_buffer.threshold_age_minutes"
		}
		r.add(f)
	}
	if c.Origin == 0 {
		return
	}
	// The two newest snapshots are never deleted: what is left of fewer is the origin's own.
	if n := len(b.Snapshots); n == 0 || n == 1 && b.Snapshots[0].Revision != c.Origin {
		r.add(Finding{Error, KindSnapshot, objectlog.SnapshotKey(c.Origin), "is missing: the cluster began with it, and no two newer ones are there", "something other than Netsy removed it: look for lifecycle rules on the bucket, and bring it back"})
	}
	for _, ch := range b.Chunks {
		if ch.Revision <= c.Origin {
			r.add(Finding{Warning, KindForeign, ch.Key, fmt.Sprintf("lies before the history that the cluster began with, at revision %d", c.Origin), "nothing reads it; move it away from chunks/"})
		}
	}
}

// judgeMembers: who takes part has a member id. A node that has just come gets one within
// a heartbeat or two, so that only what both looks show counts.
func judgeMembers(r *Report, was, now *documents) {
	has := func(id string) bool { return now.members != nil && now.members.IDs[id] != 0 }
	for _, n := range was.nodes {
		if !has(n.NodeID) {
			r.add(Finding{Warning, KindMember, registry.NodeKey(n.NodeID), "is registered, but has no member id in members.json", "an elector gives it one: see that one runs"})
		}
	}
	if was.cluster == nil {
		return
	}
	for _, ref := range append([]registry.NodeRef{was.cluster.Primary}, was.cluster.Durability.Voters...) {
		if !ref.IsZero() && !has(ref.NodeID) {
			r.add(Finding{Error, KindMember, registry.ClusterKey, fmt.Sprintf("names %s, who has no member id in members.json", ref), "members.json was replaced by an older version: bring back its newest"})
			return
		}
	}
}

// judgeForeign reports keys that Netsy doesn't make, and what is left of a beginning.
func judgeForeign(r *Report, c *bucket.Contents) {
	for _, o := range c.Foreign {
		f := Finding{Warning, KindForeign, o.Key, "Netsy makes no such key", "move it away, or give Netsy a key prefix of its own"}
		if strings.HasPrefix(o.Key, "chunks/") || strings.HasPrefix(o.Key, objectlog.SnapshotPrefix) {
			f.Severity, f.Next = Error, "move it away: nodes and the compactor stop where they meet it, since it may be a file that somebody renamed"
		}
		r.add(f)
	}
	if c.Has(bucket.BootstrapKey) {
		r.add(Finding{Note, KindBootstrap, bucket.BootstrapKey, "is there", "once the cluster has begun it is not looked at any more"})
	}
}
