// Package restore makes one snapshot of a bucket's history up to a revision or a time:
// what a new cluster can begin with. It changes nothing in the bucket that it reads.
// DESIGN.md tells which chunks it believes.
package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// Options of Make. Source and Target are needed.
type Options struct {
	Source   objectstore.Store
	Target   Target
	Dir      string // for the draft, of the size of the result; "" = os.TempDir()
	Progress func(Progress)
}

// Progress says how far Make is.
type Progress struct {
	From    string // what is being read
	Records int64  // that were read from there
}

// Result says what the draft is.
type Result struct {
	snapshot.Info
	Base   record.Revision // the snapshot that it begins with; 0: none
	Chunks int             // that were read beyond it, of the result or to prove them
	At     Point           // the last record
	Next   *Point          // the first that isn't in it any more; nil: none is known
}

// leaderID says in the header who made the snapshot.
const leaderID = "restore"

// attempts bounds how often reading begins anew because slots were freed meanwhile.
const attempts = 4

// Make makes the draft, which the caller closes. Errors: *UnreachableError, ErrMoving,
// object storage's, the local disk's.
func Make(ctx context.Context, o Options) (*snapshot.Draft, Result, error) {
	if err := o.Target.validate(); err != nil {
		return nil, Result{}, err
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	for range attempts {
		s, err := look(ctx, o)
		if err != nil {
			return nil, Result{}, err
		}
		d, res, err := s.find(ctx)
		moved, movedErr := s.moved(ctx)
		switch {
		case movedErr != nil || moved:
			if err = movedErr; d != nil {
				err = errors.Join(err, d.Close())
			}
			if err != nil {
				return nil, Result{}, err
			}
		case err != nil:
			return nil, Result{}, err
		default:
			return d, res, nil
		}
	}
	return nil, Result{}, fmt.Errorf("restore: %w", ErrMoving)
}

// search is one attempt, on what a listing showed.
type search struct {
	o         Options
	snapshots *snapshot.Store
	contents  bucket.Contents
	points    []point         // the snapshots whose headers are sound, ascending
	freed     record.Revision // slots at or below it may have been freed
	tried     []string
}

// point is where a way can begin: a snapshot, or (zero) the beginning of history.
type point struct {
	pos    record.Pos
	purged record.Revision
}

func (p point) String() string {
	if p.pos.Revision == 0 {
		return "the first chunk on"
	}
	return fmt.Sprintf("the snapshot at revision %d on", p.pos.Revision)
}

func look(ctx context.Context, o Options) (*search, error) {
	s := &search{o: o, snapshots: snapshot.New(o.Source, snapshot.Options{})}
	var err error
	if s.contents, err = bucket.List(ctx, o.Source); err != nil {
		return nil, fmt.Errorf("restore: listing: %w", err)
	}
	if n := len(s.contents.Snapshots); n >= 2 {
		s.freed = s.contents.Snapshots[n-2].Revision
	}
	for _, f := range s.contents.Snapshots {
		h, err := s.snapshots.Header(ctx, f.Revision)
		switch {
		case err == nil:
			s.points = append(s.points, point{record.Pos{Epoch: h.Epoch, Revision: f.Revision}, h.Purged})
		case objectlog.Damaged(err) || bucket.Gone(err):
			s.tried = append(s.tried, err.Error())
		default:
			return nil, fmt.Errorf("restore: %w", err)
		}
	}
	return s, nil
}

// moved says whether slots may have been freed since the listing that were not to be then.
func (s *search) moved(ctx context.Context) (bool, error) {
	now, err := bucket.Snapshots(ctx, s.o.Source)
	if err != nil {
		return false, fmt.Errorf("restore: listing: %w", err)
	}
	n := len(now)
	return n >= 2 && now[n-2].Revision != s.freed, nil
}

// find tries each way to the target.
func (s *search) find(ctx context.Context) (*snapshot.Draft, Result, error) {
	for _, p := range s.ways() {
		d, res, err := s.try(ctx, p)
		var way *wayError
		switch {
		case err == nil:
			return d, res, nil
		case !errors.As(err, &way):
			return nil, Result{}, err
		}
		s.tried = append(s.tried, fmt.Sprintf("from %v: %v", p, err))
	}
	e := &UnreachableError{Target: s.o.Target, Tried: s.tried}
	var err error
	if e.Below, e.Above, err = s.nearest(ctx); err != nil {
		return nil, Result{}, errors.Join(e, err)
	}
	return nil, Result{}, e
}

// ways are the points to begin at, the best first. A revision is best looked for in a
// snapshot that holds it within, since that needs no chunks; then from the newest below it
// on. A time is looked for from the newest snapshot back.
func (s *search) ways() (ways []point) {
	rev := s.o.Target.Revision
	for _, p := range s.points {
		if rev > 0 && p.purged < rev && rev <= p.pos.Revision {
			ways = append(ways, p)
		}
	}
	for i := len(s.points) - 1; i >= 0; i-- {
		if p := s.points[i]; rev == 0 || p.pos.Revision < rev {
			ways = append(ways, p)
		}
	}
	return append(ways, point{})
}

// try makes the draft from one point on.
func (s *search) try(ctx context.Context, p point) (_ *snapshot.Draft, _ Result, err error) {
	d, err := snapshot.NewDraft(s.o.Dir)
	if err != nil {
		return nil, Result{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	w := s.way(p)
	c := &cut{target: s.o.Target, way: w, draft: d}
	if err := w.follow(ctx, c.take, c.done); err != nil {
		return nil, Result{}, err
	}
	if err := c.judge(w); err != nil {
		return nil, Result{}, err
	}
	info, err := d.Finish(datafile.Header{LeaderID: leaderID, CreatedAt: time.Now(), Purged: p.purged})
	if err != nil {
		return nil, Result{}, err
	}
	return d, Result{Info: info, Base: p.pos.Revision, Chunks: w.chunks, At: *c.last, Next: c.next}, nil
}
