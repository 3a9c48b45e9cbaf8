package registry

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Members is members.json as of one version: the member id of every node that
// was ever seen. Ids are stable for ever and never used again for another node.
type Members struct {
	ClusterID string
	Seq       int64
	WriteID   string
	IDs       map[string]uint64 // by node id

	version objectstore.Version
	raw     object
}

func parseMembers(b []byte, v objectstore.Version, clusterID string) (Members, error) {
	m := Members{version: v}
	var err error
	if m.raw, err = parseObject(b); err != nil {
		return Members{}, &DamagedError{Key: MembersKey, Err: err}
	}
	f := &fields{key: MembersKey, obj: m.raw}
	if f.get("cluster_id", &m.ClusterID); f.err == nil && m.ClusterID != clusterID {
		return Members{}, &ClusterMismatchError{Key: MembersKey, Want: clusterID, Found: m.ClusterID}
	}
	f.get("seq", &m.Seq)
	f.get("write_id", &m.WriteID)
	ids := f.child("members")
	m.IDs = make(map[string]uint64, len(ids.obj))
	owner := map[uint64]string{}
	for node := range ids.obj {
		var id uint64
		ids.get(node, &id)
		if other, taken := owner[id]; ids.err == nil && (id == 0 || taken) {
			ids.fail(node, fmt.Errorf("member id %d is zero or also that of %q", id, other))
		}
		owner[id], m.IDs[node] = node, id
	}
	if ids.err != nil {
		return Members{}, ids.err
	}
	return m, nil
}

func (m *Members) encode() []byte {
	m.Seq++
	m.WriteID = newWriteID()
	o := m.raw.clone()
	o.set("cluster_id", m.ClusterID)
	o.set("seq", m.Seq)
	o.set("write_id", m.WriteID)
	o.set("members", m.IDs)
	m.raw = o
	return o.bytes()
}

// add gives each node that has none a new member id, and says whether it did.
func (m *Members) add(nodeIDs []string) bool {
	used := make(map[uint64]bool, len(m.IDs))
	for _, id := range m.IDs {
		used[id] = true
	}
	added := false
	for _, n := range nodeIDs {
		if m.IDs[n] != 0 {
			continue
		}
		id := newMemberID(used)
		used[id], m.IDs[n], added = true, id, true
	}
	return added
}

// newMemberID draws a random id: not zero (etcd's "no member") and not used. Ids
// of nodes that are gone stay in the document, so none comes back.
func newMemberID(used map[uint64]bool) uint64 {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails
		if id := binary.BigEndian.Uint64(b[:]); id != 0 && !used[id] {
			return id
		}
	}
}

// Members reads members.json. ErrNotFound if there is none yet.
func (r *Registry) Members(ctx context.Context) (Members, error) {
	b, info, err := objectstore.ReadAll(ctx, r.store, MembersKey, maxDocument)
	if err != nil {
		return Members{}, readError(MembersKey, err)
	}
	return parseMembers(b, info.Version, r.clusterID)
}

// AssignMembers gives a member id to each of the nodes that has none and returns
// the document. It writes only if there is something to assign; only the elector
// in office calls it. An unknown outcome is returned: calling it again settles it.
func (r *Registry) AssignMembers(ctx context.Context, nodeIDs []string) (Members, error) {
	for range maxConflicts {
		m, err := r.Members(ctx)
		cond := objectstore.IfMatch(m.version)
		if errors.Is(err, ErrNotFound) {
			m, cond = Members{ClusterID: r.clusterID, IDs: map[string]uint64{}}, objectstore.IfAbsent()
		} else if err != nil {
			return Members{}, err
		}
		if !m.add(nodeIDs) {
			return m, nil
		}
		body := m.encode()
		m.version, err = r.cas(ctx, MembersKey, body, m.WriteID, cond, func(ctx context.Context) (document, error) {
			now, err := r.Members(ctx)
			return document{now.WriteID, now.version}, err
		})
		if err == nil {
			return m, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Members{}, err
		}
	}
	return Members{}, fmt.Errorf("%w: %s", ErrBusy, MembersKey)
}

// Clone returns a copy whose map may be changed.
func (m Members) Clone() Members {
	m.IDs = maps.Clone(m.IDs)
	return m
}
