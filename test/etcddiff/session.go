package etcddiff

import (
	"context"
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// leaseTTL, in seconds, outlasts any test.
const leaseTTL = 3600

// slots is how many leases a case may use.
const slots = 2

// session is a pair of servers that have had the same requests since they were empty, and thus
// should be in the same state. After a difference they may not be, and the session is spent.
type session struct {
	etcd, subject side
}

// side is one server and what relative requests mean there.
type side struct {
	*server
	place
}

// newSession takes two empty servers.
func newSession(ctx context.Context, etcd, subject *server) (*session, error) {
	s := &session{etcd: side{server: etcd}, subject: side{server: subject}}
	for _, side := range []*side{&s.etcd, &s.subject} {
		side.leases = map[int64]int64{}
		for slot := int64(1); slot <= slots; slot++ {
			resp, err := side.Lease.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: leaseTTL})
			if err != nil {
				return nil, fmt.Errorf("grant a lease: %w", err)
			}
			side.leases[slot] = resp.ID
		}
	}
	return s, nil
}

func (s *session) close() error {
	return errors.Join(s.etcd.close(), s.subject.close())
}

// difference says that the servers disagreed, as opposed to a harness that failed.
type difference struct {
	step          string
	etcd, subject string
}

func (d *difference) Error() string {
	return fmt.Sprintf("%s\n  etcd:    %s\n  subject: %s", d.step, d.etcd, d.subject)
}

// same compares two outcomes of a step.
func same(step any, etcd, subject string) error {
	if etcd == subject {
		return nil
	}
	return &difference{step: fmt.Sprintf("%T{%v}", step, step), etcd: etcd, subject: subject}
}

// run puts the servers through a case, and returns a *difference if they disagree.
func (s *session) run(ctx context.Context, steps []request) error {
	if err := s.reset(ctx); err != nil {
		return err
	}
	var watches []*watchPair
	defer func() {
		for _, w := range watches {
			w.close()
		}
	}()
	for _, step := range steps {
		if r, ok := step.(*pb.WatchCreateRequest); ok {
			w, err := s.openWatch(ctx, r)
			if err != nil {
				return err
			}
			watches = append(watches, w)
			continue
		}
		if _, ok := step.(*pb.CompactionRequest); ok {
			// Whether an event still gets its prev_kv when it is sent during a compaction is chance.
			for _, w := range watches {
				if err := s.catchUp(ctx, w); err != nil {
					return err
				}
			}
		}
		if err := s.step(ctx, step); err != nil {
			return err
		}
	}
	if err := s.finishWatches(ctx, watches); err != nil {
		return err
	}
	return s.step(ctx, everything)
}

// everything reads the whole store.
var everything = &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}

// reset deletes all keys, one by one as Netsy has it, and compacts, so that the next case starts
// from the same state as on an empty store, but for the revision.
func (s *session) reset(ctx context.Context) error {
	all, err := s.etcd.KV.Range(ctx, everything)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	for _, kv := range all.Kvs {
		if err := s.step(ctx, &pb.DeleteRangeRequest{Key: kv.Key}); err != nil {
			return fmt.Errorf("between cases: %w", err)
		}
	}
	base := all.Header.Revision + int64(len(all.Kvs))
	for _, side := range []*side{&s.etcd, &s.subject} {
		side.base = base
		// Of two cases without a write between them, the second finds its base compacted.
		_, err := side.KV.Compact(ctx, &pb.CompactionRequest{Revision: base})
		if err != nil && status.Code(err) != codes.OutOfRange {
			return fmt.Errorf("compact at %d between cases: %w", base, err)
		}
	}
	return s.step(ctx, everything)
}

// step sends one request to both servers, or, if it is documented as unsupported, to the subject
// alone, which must refuse it.
func (s *session) step(ctx context.Context, req request) error {
	if why := unsupported(req); s.subject.limits && why != nil {
		return s.refused(ctx, req, why)
	}
	return same(req, s.etcd.do(ctx, req), s.subject.do(ctx, req))
}

// refused checks that the subject refuses a request; that it also left the state alone shows in
// the revisions of later answers.
func (s *session) refused(ctx context.Context, req request, why *refusal) error {
	_, err := s.subject.send(ctx, s.subject.resolve(req))
	if status.Code(err) == why.code {
		return nil
	}
	return &difference{
		step: fmt.Sprintf("%T{%v}", req, req), subject: fmt.Sprint(err),
		etcd: fmt.Sprintf("(not asked: %s, so Netsy answers %s)", why.reason, why.code),
	}
}

// do sends a request and returns the outcome as text.
func (s side) do(ctx context.Context, req request) string {
	return s.text(s.send(ctx, s.resolve(req)))
}

func (s *server) send(ctx context.Context, req request) (fmt.Stringer, error) {
	switch r := req.(type) {
	case *pb.RangeRequest:
		return s.KV.Range(ctx, r)
	case *pb.PutRequest:
		return s.KV.Put(ctx, r)
	case *pb.DeleteRangeRequest:
		return s.KV.DeleteRange(ctx, r)
	case *pb.TxnRequest:
		return s.KV.Txn(ctx, r)
	case *pb.CompactionRequest:
		return s.KV.Compact(ctx, r)
	case *pb.LeaseGrantRequest:
		return s.Lease.LeaseGrant(ctx, r)
	}
	panic(fmt.Sprintf("no RPC for %T", req))
}
