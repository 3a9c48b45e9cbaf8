package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/netsy-io/netsy/pkg/record"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

var errModelCompacted = errors.New("model: compacted")

// store is the reference: every revision since the beginning, and a History.
type store struct {
	mu          sync.Mutex
	rev         record.Revision
	compact     record.Revision
	compactions map[record.Revision]bool // all there ever were
	events      []*mvccpb.Event          // all, in order
	live        map[string]*mvccpb.KeyValue
	fail        error             // what Events answers, if set
	gate        func()            // called at the start of Events, if set
	calls       []record.Revision // from of each call of Events
}

func newStore() *store { return &store{live: map[string]*mvccpb.KeyValue{}} }

// write makes one revision: keys with a value are put, with "" deleted. Keys come
// in order: k1, v1, k2, v2 ...
func (s *store) write(kvs ...string) []*mvccpb.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rev++
	var evs []*mvccpb.Event
	for i := 0; i < len(kvs); i += 2 {
		if ev := s.change(kvs[i], kvs[i+1]); ev != nil {
			evs = append(evs, ev)
		}
	}
	s.events = append(s.events, evs...)
	return evs
}

func (s *store) change(key, value string) *mvccpb.Event {
	prev := s.live[key]
	kv := &mvccpb.KeyValue{Key: []byte(key), ModRevision: int64(s.rev)}
	ev := &mvccpb.Event{Type: mvccpb.DELETE, Kv: kv, PrevKv: prev}
	if value == "" {
		if prev == nil {
			return nil
		}
		delete(s.live, key)
		return ev
	}
	ev.Type, kv.Value, kv.CreateRevision, kv.Version = mvccpb.PUT, []byte(value), int64(s.rev), 1
	if prev != nil {
		kv.CreateRevision, kv.Version = prev.CreateRevision, prev.Version+1
	}
	s.live[key] = kv
	return ev
}

func (s *store) CompactRevision() record.Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.compact
}

func (s *store) setCompact(rev record.Revision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compact = rev
	if s.compactions == nil {
		s.compactions = map[record.Revision]bool{}
	}
	s.compactions[rev] = true
}

// forget compacts at rev for good.
func (s *store) forget(rev record.Revision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compact = max(s.compact, rev)
	for len(s.events) > 0 && s.events[0].Kv.ModRevision < int64(s.compact) {
		s.events = s.events[1:]
	}
}

func (s *store) Events(ctx context.Context, from, to record.Revision, key, end []byte,
	fn func(record.Revision, []*mvccpb.Event) error,
) error {
	s.mu.Lock()
	s.calls = append(s.calls, from)
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		gate()
	}
	s.mu.Lock()
	fail, compact, all := s.fail, s.compact, slices.Clone(s.events)
	s.mu.Unlock()
	switch {
	case fail != nil:
		return fail
	case from < compact:
		return fmt.Errorf("from %d: %w", from, errModelCompacted)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	sp, _ := parseSpan(key, end)
	for len(all) > 0 {
		rev := all[0].Kv.ModRevision
		var evs []*mvccpb.Event
		for len(all) > 0 && all[0].Kv.ModRevision == rev {
			if sp.contains(string(all[0].Kv.Key)) {
				evs = append(evs, all[0])
			}
			all = all[1:]
		}
		if r := record.Revision(rev); len(evs) > 0 && from <= r && r <= to {
			if err := fn(r, evs); err != nil {
				return err
			}
		}
	}
	return nil
}

func newerEvents(rev int64) []*mvccpb.Event {
	return []*mvccpb.Event{{Kv: &mvccpb.KeyValue{Key: []byte("a"), ModRevision: rev}}}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
