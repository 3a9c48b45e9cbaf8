package etcddiff

import (
	"context"
	"fmt"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

const (
	// progressRetry is how long to wait for progress before asking again: servers drop requests
	// that come while a watch is behind.
	progressRetry = 50 * time.Millisecond
	// watchPatience ends the wait for a watch that never catches up.
	watchPatience = 20 * time.Second
)

// watchPair is the same watch on both servers, each on a stream of its own.
type watchPair struct {
	req           *pb.WatchCreateRequest
	start         int64 // absolute
	etcd, subject *watch
}

func (w *watchPair) close() {
	w.etcd.close()
	w.subject.close()
}

// openWatch creates a watch on both servers. One that starts in the past has caught up when
// openWatch returns: whether a compaction overtakes it would be chance otherwise.
func (s *session) openWatch(ctx context.Context, req *pb.WatchCreateRequest) (*watchPair, error) {
	start := s.etcd.rev(req.StartRevision)
	etcd, err := openWatch(ctx, s.etcd, req)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	w := &watchPair{req: req, start: start, etcd: etcd}
	if w.subject, err = openWatch(ctx, s.subject, req); err != nil {
		etcd.close()
		return nil, fmt.Errorf("subject: %w", err)
	}
	if err := s.catchUp(ctx, w); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// catchUp waits until both watches have had everything up to the current revision, unless they
// start later, and compares what they had.
func (s *session) catchUp(ctx context.Context, w *watchPair) error {
	all, err := s.etcd.KV.Range(ctx, everything)
	if err != nil {
		return fmt.Errorf("read the current revision: %w", err)
	}
	if now := all.Header.Revision; w.start <= now {
		w.etcd.catchUp(ctx, now)
		w.subject.catchUp(ctx, now)
	}
	return same(w.req, w.etcd.String(), w.subject.String())
}

// finishWatches compares what the watches have seen. Before that it writes until the last of them
// has started: a watch in the future must not have had anything earlier.
func (s *session) finishWatches(ctx context.Context, watches []*watchPair) error {
	all, err := s.etcd.KV.Range(ctx, everything)
	if err != nil {
		return fmt.Errorf("read the current revision: %w", err)
	}
	now := all.Header.Revision
	for _, w := range watches {
		for ; now < w.start; now++ {
			if err := s.step(ctx, &pb.PutRequest{Key: []byte("b")}); err != nil {
				return err
			}
		}
	}
	for _, w := range watches {
		if err := s.catchUp(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// watch is one watch on one server, and what it has said. Only one goroutine may use it.
type watch struct {
	place
	stream pb.Watch_WatchClient
	cancel context.CancelFunc
	recv   chan received // closed by the receiving goroutine, which the stream's end ends
	lines  []string
	ended  bool // cancelled by the server, or broken
	synced int64
}

type received struct {
	resp *pb.WatchResponse
	err  error
}

// openWatch opens a stream with one watch on it and waits for the answer to its creation.
func openWatch(ctx context.Context, s side, req *pb.WatchCreateRequest) (*watch, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := s.Watch.Watch(ctx)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open a watch stream: %w", err)
	}
	w := &watch{place: s.place, stream: stream, cancel: cancel, recv: make(chan received)}
	go w.receive(ctx)
	create := s.resolve(req).(*pb.WatchCreateRequest)
	if err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create}}); err != nil {
		w.close()
		return nil, fmt.Errorf("create a watch: %w", err)
	}
	w.take(<-w.recv)
	return w, nil
}

// receive passes on what the stream brings until it ends.
func (w *watch) receive(ctx context.Context) {
	defer close(w.recv)
	for {
		resp, err := w.stream.Recv()
		select {
		case w.recv <- received{resp, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// close ends the stream and waits for its goroutine.
func (w *watch) close() {
	w.cancel()
	for range w.recv {
	}
}

// take notes one response. How events are spread over responses is a server's own affair, and so
// is the header of those; of all others the revision counts.
func (w *watch) take(r received) {
	if r.err != nil {
		w.lines, w.ended = append(w.lines, w.text(nil, r.err)), true
		return
	}
	resp := r.resp
	for _, e := range resp.Events {
		w.kv(e.Kv)
		w.kv(e.PrevKv)
		w.lines = append(w.lines, e.String())
	}
	if len(resp.Events) > 0 && !resp.Canceled {
		return
	}
	progress := !resp.Created && !resp.Canceled
	if progress {
		w.synced = max(w.synced, resp.Header.Revision)
		return
	}
	if resp.Canceled && !resp.Created {
		resp.Header = nil // see differences.go
	}
	w.header(resp.Header)
	w.lines = append(w.lines, fmt.Sprintf("created=%v canceled=%v id=%d compact_revision=%d reason=%q header=%v",
		resp.Created, resp.Canceled, resp.WatchId, resp.CompactRevision, resp.CancelReason, resp.Header))
	w.ended = w.ended || resp.Canceled
}

// catchUp receives until the server says that everything up to rev was sent, or the watch ends.
func (w *watch) catchUp(ctx context.Context, rev int64) {
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	w.synced = 0
	for !w.ended && w.synced < rev {
		ask := &pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}
		// A stream that has broken says why when it is received from.
		_ = w.stream.Send(ask)
		w.receiveFor(ctx, rev)
		if ctx.Err() != nil {
			w.lines, w.ended = append(w.lines, fmt.Sprintf("no progress to revision %d, last %d", rev, w.synced)), true
		}
	}
}

// receiveFor takes responses until rev is reached or it is time to ask again.
func (w *watch) receiveFor(ctx context.Context, rev int64) {
	again := time.NewTimer(progressRetry)
	defer again.Stop()
	for !w.ended && w.synced < rev {
		select {
		case r, ok := <-w.recv:
			if !ok {
				w.ended = true
				return
			}
			w.take(r)
		case <-again.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (w *watch) String() string { return strings.Join(w.lines, "\n           ") }
