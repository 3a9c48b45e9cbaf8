package origin

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// What a bucket holds, what comes of it, and that a refusal changes nothing.
func TestSettle(t *testing.T) {
	whole := file(t, history(record.Pos{Epoch: lastEpoch, Revision: last}))
	plain := file(t, history(record.Pos{Revision: last}))
	recs := history(record.Pos{Epoch: lastEpoch, Revision: last})
	reduced := file(t, slices.Delete(slices.Clone(recs), 1, 5), func(h *datafile.Header) { h.Purged = 6 })
	unsaid := file(t, slices.Delete(slices.Clone(recs), 1, 5))
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-20] ^= 1
	chunk, members := "chunks/0000000000000000001.netsy", registry.MembersKey
	for name, c := range map[string]struct {
		holds map[string][]byte
		want  registry.Beginning
		err   error
	}{
		"nothing":                               {},
		"nodes and locks":                       {holds: map[string][]byte{"nodes/n.json": []byte("{}"), "leader/elector.json": []byte("{}")}},
		"a lone snapshot":                       {holds: map[string][]byte{key(last): whole}, want: registry.Beginning{Origin: last, Epoch: lastEpoch}},
		"a reduced one":                         {holds: map[string][]byte{key(last): reduced}, want: registry.Beginning{Origin: last, Epoch: lastEpoch, CompactionRevision: 7}},
		"one that doesn't say that it is":       {holds: map[string][]byte{key(last): unsaid}, want: registry.Beginning{Origin: last, Epoch: lastEpoch, CompactionRevision: last}},
		"one without epochs":                    {holds: map[string][]byte{key(last): plain}, want: registry.Beginning{Origin: last}},
		"a bootstrap":                           {holds: map[string][]byte{BootstrapKey: whole}, want: registry.Beginning{Origin: last, Epoch: lastEpoch}},
		"one without epochs, too":               {holds: map[string][]byte{BootstrapKey: plain}, want: registry.Beginning{Origin: last}},
		"a damaged snapshot":                    {holds: map[string][]byte{key(last): damaged}, err: ErrDamaged},
		"a snapshot under a wrong name":         {holds: map[string][]byte{key(last + 1): whole}, err: ErrDamaged},
		"a snapshot under no name":              {holds: map[string][]byte{"snapshots/backup.netsy": whole}, err: objectlog.ErrForeignKey},
		"a snapshot of an absurd epoch":         {holds: map[string][]byte{key(last): file(t, history(record.Pos{Epoch: maxEpoch + 1, Revision: last}))}, err: ErrAbsurd},
		"a damaged bootstrap":                   {holds: map[string][]byte{BootstrapKey: damaged}, err: ErrDamaged},
		"a reduced bootstrap":                   {holds: map[string][]byte{BootstrapKey: reduced}, err: ErrGap},
		"a bootstrap with gaps":                 {holds: map[string][]byte{BootstrapKey: unsaid}, err: ErrGap},
		"a bootstrap and a chunk":               {holds: map[string][]byte{BootstrapKey: whole, chunk: nil}, err: ErrChunks},
		"a bootstrap and a snapshot":            {holds: map[string][]byte{BootstrapKey: whole, key(last): whole}, err: ErrSnapshots},
		"a bootstrap and members.json":          {holds: map[string][]byte{BootstrapKey: whole, members: nil}, err: ErrClusterLost},
		"a chunk":                               {holds: map[string][]byte{chunk: nil}, err: ErrClusterLost},
		"something where chunks are":            {holds: map[string][]byte{"chunks/x": nil}, err: ErrClusterLost},
		"a lone snapshot and a chunk behind it": {holds: map[string][]byte{key(last): whole, objectlog.ChunkKey(last + 1): nil}, err: ErrClusterLost},
		"members.json":                          {holds: map[string][]byte{members: nil}, err: ErrClusterLost},
		"several snapshots":                     {holds: map[string][]byte{key(last): whole, key(last + 1): whole}, err: ErrClusterLost},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				for k, b := range c.holds {
					w.put(k, b)
				}
				before := w.keys()
				s := w.settler()
				got, err := s.Settle(t.Context())
				if c.err != nil {
					if !errors.Is(err, c.err) || !errors.As(err, new(*Error)) || !slices.Equal(before, w.keys()) {
						t.Errorf("%v, expected %v; there is %v", err, c.err, w.keys())
					}
					if _, next := s.Settle(t.Context()); next == nil || next.Error() != err.Error() {
						t.Errorf("another look says %v, the first %v", next, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				w.settled(got, c.holds[key(last)], c.holds[BootstrapKey])
				is := registry.Beginning{Quorum: got.Durability.Quorum, Origin: got.Origin, Epoch: got.Epoch, CompactionRevision: got.CompactionRevision}
				if c.want.Quorum = -1; is != c.want || got.Office != 0 || !got.Primary.IsZero() {
					t.Errorf("begun with %+v, expected %+v", got, c.want)
				}
				if late := s.Late(t.Context(), &got); late != nil {
					t.Error(late)
				}
			})
		})
	}
}

// What may have happened to the bucket between cluster.json and the first office.
func TestResumed(t *testing.T) {
	whole := file(t, history(record.Pos{Epoch: lastEpoch, Revision: last}))
	twin := file(t, history(record.Pos{Epoch: lastEpoch, Revision: last}), func(h *datafile.Header) { h.LeaderID = "another" })
	shorter := file(t, history(record.Pos{Epoch: lastEpoch, Revision: last - 1}))
	newer := file(t, history(record.Pos{Epoch: lastEpoch + 1, Revision: last}))
	with, empty := registry.Beginning{Origin: last, Epoch: lastEpoch}, registry.Beginning{}
	for name, c := range map[string]struct {
		begun registry.Beginning
		holds map[string][]byte
		err   error
	}{
		"not promoted":                        {with, map[string][]byte{BootstrapKey: whole}, nil},
		"promoted":                            {with, map[string][]byte{BootstrapKey: whole, key(last): whole}, nil},
		"promoted and removed":                {with, map[string][]byte{key(last): whole}, nil},
		"removed":                             {with, nil, ErrGone},
		"replaced by a shorter one":           {with, map[string][]byte{BootstrapKey: shorter}, ErrChanged},
		"replaced by one of another epoch":    {with, map[string][]byte{BootstrapKey: newer}, ErrChanged},
		"replaced by a damaged one":           {with, map[string][]byte{BootstrapKey: whole[:50]}, ErrDamaged},
		"replaced before it is promoted":      {with, map[string][]byte{BootstrapKey: twin}, nil},
		"replaced after it was promoted":      {with, map[string][]byte{BootstrapKey: twin, key(last): whole}, ErrChanged},
		"cut short where snapshots are":       {with, map[string][]byte{BootstrapKey: whole, key(last): whole[:90]}, ErrChanged},
		"another snapshot came":               {with, map[string][]byte{BootstrapKey: whole, key(last - 1): shorter}, ErrSnapshots},
		"the snapshot was replaced":           {with, map[string][]byte{key(last): newer}, ErrChanged},
		"the snapshot is damaged":             {with, map[string][]byte{key(last): whole[:90]}, ErrDamaged},
		"a chunk came":                        {with, map[string][]byte{BootstrapKey: whole, "chunks/0000000000000000001.netsy": nil}, ErrClusterOld},
		"begun empty":                         {empty, nil, nil},
		"begun empty, and a bootstrap came":   {empty, map[string][]byte{BootstrapKey: whole}, nil},
		"begun empty, and a snapshot came":    {empty, map[string][]byte{key(last): whole}, ErrSnapshotLate},
		"begun empty, and members.json came":  {empty, map[string][]byte{registry.MembersKey: nil}, ErrClusterOld},
		"begun empty, and chunks are there":   {empty, map[string][]byte{"chunks/0000000000000000001.netsy": nil}, ErrClusterOld},
		"begun empty, with a late, bad file.": {empty, map[string][]byte{BootstrapKey: whole[:50]}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				if _, err := registry.New(w.inner, testCluster).CreateCluster(t.Context(), c.begun); err != nil {
					t.Fatal(err)
				}
				for k, b := range c.holds {
					w.put(k, b)
				}
				before := w.keys()
				s := w.settler()
				got, err := s.Settle(t.Context())
				if !errors.Is(err, c.err) || c.err != nil && (!errors.As(err, new(*Error)) || !slices.Equal(before, w.keys())) {
					t.Fatalf("%v, expected %v; there is %v", err, c.err, w.keys())
				}
				if c.err != nil {
					return
				}
				w.settled(got, c.holds[BootstrapKey], c.holds[key(last)])
				late := s.Late(t.Context(), &got)
				if should := c.begun == empty && c.holds[BootstrapKey] != nil; errors.Is(late, ErrBootstrapLate) != should {
					t.Errorf("reported as too late: %v", late)
				}
				if err := s.Late(t.Context(), &got); err != nil {
					t.Errorf("reported twice: %v", err)
				}
			})
		})
	}
}

// Once an elector was in office, nothing is looked at but cluster.json, and whatever an
// operator puts beside it changes nothing.
func TestSettledForGood(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c, err := w.settler().Settle(t.Context())
		if err != nil || w.office(c) != nil {
			t.Fatal(err)
		}
		w.put("snapshots/x", nil)
		w.put(BootstrapKey, nil)
		w.put(registry.MembersKey, nil)
		var seen []string
		s := w.settler(fault.Hook(func(r *fault.Request) { seen = append(seen, r.Op+" "+r.Key) }))
		if c, err := s.Settle(t.Context()); err != nil || c.Office != 1 {
			t.Error(c, err)
		}
		if !slices.Equal(seen, []string{"get cluster.json"}) {
			t.Errorf("it looks at %v", seen)
		}
	})
}

// The histories that a cluster can begin with, by what the bucket holds.
func beginnings(t *testing.T) map[string]map[string][]byte {
	whole := file(t, history(record.Pos{Epoch: lastEpoch, Revision: last}))
	return map[string]map[string][]byte{
		"nothing":   nil,
		"snapshot":  {key(last): whole},
		"bootstrap": {BootstrapKey: whole},
	}
}

// An elector is killed before, after or in the middle of any request, and its last write may
// land whenever it likes: another one finishes what it began.
func TestKilledAnywhere(t *testing.T) {
	for from, holds := range beginnings(t) {
		for _, how := range []string{"before", "after", "late", "echoed", "lost reply", "lost", "delayed"} {
			for at, done := 1, false; !done; at++ {
				t.Run(name("%s %s %d", from, how, at), func(t *testing.T) {
					inBubble(t, func(t *testing.T, w *world) { done = kill(t, w, holds, how, at) })
				})
				if at > 100 {
					t.Fatal("it never gets by with fewer than 100 requests")
				}
			}
		}
	}
}

// kill strikes the at-th request; it reports whether there were fewer.
func kill(t *testing.T, w *world, holds map[string][]byte, how string, at int) (unharmed bool) {
	for k, b := range holds {
		w.put(k, b)
	}
	n, dead := 0, false
	late := &fault.Late{}
	strike := map[string]fault.Fault{
		"before": fault.Fail(objectstore.ErrUnavailable), "after": fault.LostReply(), "lost reply": fault.LostReply(),
		"late": late.Fault(), "delayed": late.Fault(), "echoed": fault.EchoedRetry(), "lost": fault.Fail(objectstore.ErrUnavailable),
	}[how]
	s := w.settler(func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		n++
		switch {
		case n == at && how == "lost" && r.Op == "put":
			return fault.Fail(objectstore.ErrUnknownOutcome)(ctx, r, next)
		case n == at:
			dead = how == "before" || how == "after" || how == "late"
			return strike(ctx, r, next)
		case dead:
			return fault.Fail(objectstore.ErrUnavailable)(ctx, r, next)
		}
		return next(ctx, r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := again(ctx, s)
	switch {
	case err == nil:
		w.settled(c, holds[key(last)], holds[BootstrapKey])
	case !dead:
		t.Errorf("one fault and it gives up: %v", err)
	}
	if at%2 == 0 {
		_, _ = late.Land(t.Context()) // refused is a way to land
	}
	second, err := again(t.Context(), w.settler())
	if err != nil {
		t.Fatalf("the second one: %v", err)
	}
	w.settled(second, holds[key(last)], holds[BootstrapKey])
	_, _ = late.Land(t.Context())
	w.settled(second, holds[key(last)], holds[BootstrapKey])
	if (second.Origin == 0) != (len(holds) == 0) || second.Origin != 0 && (second.Origin != last || second.Epoch != lastEpoch) {
		t.Errorf("begun with %+v", second)
	}
	return n < at
}

// Two electors at once, switched between at any two points, while an operator uploads,
// replaces or removes bootstrap.netsy at a third: both settle on the same, or say why not.
func TestRace(t *testing.T) {
	whole := file(t, history(record.Pos{Epoch: lastEpoch, Revision: last}))
	other := file(t, history(record.Pos{Epoch: lastEpoch + 1, Revision: last + 5}))
	upload := func(w *world) { w.put(BootstrapKey, whole) }
	replace := func(w *world) { w.put(BootstrapKey, other) }
	remove := func(w *world) { w.remove(BootstrapKey) }
	nothing := func(*world) {}
	for _, c := range []struct {
		name          string
		first, second func(*world)
	}{
		{"untouched", upload, nothing}, {"uploaded", nothing, upload}, {"replaced", upload, replace}, {"removed", upload, remove},
	} {
		for a, doneA := 0, false; !doneA; a++ {
			for b, doneB := 0, false; !doneB; b++ {
				t.Run(name("%s %d %d", c.name, a, b), func(t *testing.T) {
					inBubble(t, func(t *testing.T, w *world) {
						c.first(w)
						doneA, doneB = race(t, w, a, b, c.second, [][]byte{whole, other})
					})
				})
				if t.Failed() {
					return
				}
			}
		}
	}
}

// race: the first elector does a requests, the second b, then the operator acts, then the
// first goes on to its end and takes office, then the second.
func race(t *testing.T, w *world, a, b int, act func(*world), histories [][]byte) (doneA, doneB bool) {
	tu := &turns{waiting: map[int]chan struct{}{}}
	type outcome struct {
		c   registry.Cluster
		err error
	}
	results := make([]chan outcome, 2)
	for i := range results {
		results[i] = make(chan outcome, 1)
		s := w.settler(tu.gate(i))
		go func() {
			c, err := s.Settle(context.Background())
			results[i] <- outcome{c, err}
		}()
	}
	for range a {
		doneA = !tu.pass(0)
	}
	for range b {
		doneB = !tu.pass(1)
	}
	act(w)
	var settled []registry.Cluster
	offices := 0
	for i := range results {
		for tu.pass(i) {
			time.Sleep(time.Second) // pauses between attempts
		}
		r := <-results[i]
		switch {
		case r.err == nil:
			settled = append(settled, r.c)
			if w.office(r.c) == nil {
				offices++
			}
		case errors.As(r.err, new(*Error)), errors.Is(r.err, objectstore.ErrUnavailable): // replaced while it is read
		default:
			t.Error(r.err)
		}
	}
	for _, c := range settled {
		w.settled(c, histories...)
	}
	// Who comes later says the same, or, if the first ones were stopped, why.
	c, err := w.settler().Settle(t.Context())
	switch {
	case err == nil:
		w.settled(c, histories...)
	case offices > 0:
		t.Errorf("a cluster has begun, and now %v", err)
	case !errors.Is(err, ErrGone) && !errors.Is(err, ErrChanged) && !errors.Is(err, objectstore.ErrUnavailable):
		t.Errorf("nobody could begin: %v", err)
	}
	return doneA, doneB
}

// A bucket whose cluster has begun while this elector was looking is not taken for one
// that lost its cluster.json.
func TestBegunMeanwhile(t *testing.T) {
	for at := 1; at <= 8; at++ {
		inBubble(t, func(t *testing.T, w *world) {
			n := 0
			s := w.settler(fault.Hook(func(*fault.Request) {
				if n++; n != at || w.cluster().Seq > 0 {
					return
				}
				c, err := registry.New(w.inner, testCluster).CreateCluster(t.Context(), registry.Beginning{})
				if err != nil || w.office(c) != nil {
					t.Error(err)
				}
				w.put(registry.MembersKey, nil)
				w.put("chunks/0000000000000000001.netsy", nil)
				w.put(key(1), nil)
			}))
			if c, err := s.Settle(t.Context()); err != nil || c.Office != 1 && at < 6 {
				t.Errorf("at %d: %+v, %v", at, c, err)
			}
		})
	}
}

// A person mends the bucket, and the same elector goes on.
func TestMended(t *testing.T) {
	whole := file(t, history(record.Pos{Epoch: lastEpoch, Revision: last}))
	for k, c := range map[string]struct{ bad, good []byte }{
		BootstrapKey: {whole[:70], whole}, key(last): {whole[:70], whole}, "chunks/0000000000000000001.netsy": {nil, nil}, "snapshots/x": {nil, nil},
	} {
		inBubble(t, func(t *testing.T, w *world) {
			s := w.settler()
			w.put(k, c.bad)
			if _, err := s.Settle(t.Context()); !errors.As(err, new(*Error)) {
				t.Errorf("%s: %v", k, err)
			}
			if w.remove(k); c.good != nil {
				w.put(k, c.good)
			}
			got, err := s.Settle(t.Context())
			if err != nil || (got.Origin != 0) != (c.good != nil) {
				t.Errorf("%s, mended: %+v, %v", k, got, err)
			}
			w.settled(got, whole)
		})
	}
}

// A history is read whole once, however often a look is repeated.
func TestReadOnce(t *testing.T) {
	for from, holds := range beginnings(t) {
		inBubble(t, func(t *testing.T, w *world) {
			for k, b := range holds {
				w.put(k, b)
			}
			gets := map[string]int{}
			s := w.settler(fault.Hook(func(r *fault.Request) {
				if r.Op == "get" {
					gets[r.Key]++
				}
			}))
			for range 5 {
				if _, err := s.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if n := gets[BootstrapKey]; n > 3 { // to judge, to copy, to compare
				t.Errorf("%s: %s was read %d times", from, BootstrapKey, n)
			}
			if n := gets[key(last)]; n > 1 {
				t.Errorf("%s: %s was read %d times", from, key(last), n)
			}
		})
	}
}
