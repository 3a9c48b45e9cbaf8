package origin

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// every bucket there can be, as far as the rules look.
func everyBucket(fn func(Holds)) {
	for bits := range 8 {
		for _, snaps := range [][]record.Revision{nil, {5}, {9}, {5, 9}, {9, 12}, {2, 5, 9}} {
			h := Holds{Members: bits&1 != 0, Bootstrap: bits&2 != 0, Snapshots: snaps}
			if bits&4 != 0 {
				h.Chunk = "chunks/0000000000000000001.netsy"
			}
			fn(h)
		}
	}
}

// A cluster begins anew only where nothing says that there was one.
func TestBeginExhaustively(t *testing.T) {
	buckets := 0
	everyBucket(func(h Holds) {
		buckets++
		from, err := Begin(h)
		alone := !h.Members && h.Chunk == ""
		switch {
		case alone && !h.Bootstrap && len(h.Snapshots) == 0:
			expect(t, h, from, err, Nothing, nil)
		case alone && !h.Bootstrap && len(h.Snapshots) == 1:
			expect(t, h, from, err, Snapshot, nil)
		case alone && h.Bootstrap && len(h.Snapshots) == 0:
			expect(t, h, from, err, Bootstrap, nil)
		case !h.Members && h.Bootstrap && h.Chunk != "":
			expect(t, h, from, err, 0, ErrChunks)
		case !h.Members && h.Bootstrap:
			expect(t, h, from, err, 0, ErrSnapshots)
		default:
			expect(t, h, from, err, 0, ErrClusterLost)
		}
	})
	if buckets != 48 {
		t.Errorf("%d buckets", buckets)
	}
}

// What cluster.json says is what the cluster begins with, or it doesn't begin.
func TestResumeExhaustively(t *testing.T) {
	everyBucket(func(h Holds) {
		for _, origin := range []record.Revision{0, 5, 9} {
			from, err := Resume(origin, h)
			others := slices.ContainsFunc(h.Snapshots, func(s record.Revision) bool { return s != origin })
			there := slices.Contains(h.Snapshots, origin)
			switch {
			case h.Members || h.Chunk != "":
				expect(t, h, from, err, 0, ErrClusterOld)
			case origin == 0 && len(h.Snapshots) > 0:
				expect(t, h, from, err, 0, ErrSnapshotLate)
			case origin == 0:
				expect(t, h, from, err, Nothing, nil) // a bootstrap.netsy is too late
			case others:
				expect(t, h, from, err, 0, ErrSnapshots)
			case h.Bootstrap:
				expect(t, h, from, err, Bootstrap, nil)
			case there:
				expect(t, h, from, err, Snapshot, nil)
			default:
				expect(t, h, from, err, 0, ErrGone)
			}
		}
	})
}

// Whatever Begin says, Resume says the same once cluster.json was created for it, and
// once the promotion is done.
func TestResumeGoesOnFromBegin(t *testing.T) {
	everyBucket(func(h Holds) {
		from, err := Begin(h)
		if err != nil {
			return
		}
		var origin record.Revision
		switch from {
		case Snapshot:
			origin = h.Snapshots[0]
		case Bootstrap:
			origin = 5
		}
		again, err := Resume(origin, h)
		expect(t, h, again, err, from, nil)
		if from == Bootstrap {
			h.Snapshots = []record.Revision{origin}
			again, err = Resume(origin, h)
			expect(t, h, again, err, Bootstrap, nil)
			h.Bootstrap = false // removed after the promotion
			again, err = Resume(origin, h)
			expect(t, h, again, err, Snapshot, nil)
		}
	})
}

func expect(t *testing.T, h Holds, from Source, err error, want Source, kind error) {
	t.Helper()
	var e *Error
	switch {
	case kind == nil && (err != nil || from != want):
		t.Errorf("%+v: %v, %v; expected %v", h, from, err, want)
	case kind != nil && (!errors.Is(err, kind) || !errors.As(err, &e) || e.Key == "" || e.Err == nil):
		t.Errorf("%+v: %v, %v; expected %v", h, from, err, kind)
	}
}

func TestBeginning(t *testing.T) {
	for _, c := range []struct {
		last   record.Pos
		purged record.Revision
		want   registry.Beginning
		absurd bool
	}{
		{last: record.Pos{Epoch: 0, Revision: 1}, want: registry.Beginning{Origin: 1}},
		{last: record.Pos{Epoch: 7, Revision: 90}, want: registry.Beginning{Origin: 90, Epoch: 7}},
		{last: record.Pos{Epoch: 7, Revision: 90}, purged: 89, want: registry.Beginning{Origin: 90, Epoch: 7, CompactionRevision: 90}},
		{last: record.Pos{Epoch: 0, Revision: 90}, purged: 1, want: registry.Beginning{Origin: 90, CompactionRevision: 2}},
		{last: record.Pos{Epoch: maxEpoch, Revision: maxRevision}, want: registry.Beginning{Origin: maxRevision, Epoch: maxEpoch}},
		{last: record.Pos{Epoch: maxEpoch + 1, Revision: 9}, absurd: true},
		{last: record.Pos{Epoch: math.MaxInt64, Revision: 9}, absurd: true},
		{last: record.Pos{Epoch: -1, Revision: 9}, absurd: true},
		{last: record.Pos{Epoch: 1, Revision: maxRevision + 1}, absurd: true},
		{last: record.Pos{Epoch: 1}, absurd: true},
		{last: record.Pos{Epoch: 1, Revision: 9}, purged: 9, absurd: true},
		{last: record.Pos{Epoch: 1, Revision: 9}, purged: -1, absurd: true},
	} {
		got, err := beginning("k", c.last, c.purged)
		if got != c.want || errors.Is(err, ErrAbsurd) != c.absurd || !c.absurd && err != nil {
			t.Errorf("%v purged %d: %+v, %v", c.last, c.purged, got, err)
		}
	}
}
