package mvcc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

// copyOf makes a store that holds epochs' runs of records: reign(e, from, to) each.
func copyOf(t testing.TB, reigns ...[]record.Record) *Store {
	t.Helper()
	s := openDir(t, t.TempDir())
	for i, recs := range reigns {
		if i > 0 { // as a Primary does
			prev, err := s.LastEpochStart(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			recs[0] = record.EpochStart(recs[0].Revision, recs[0].Epoch, "n1", prev, testNow)
		}
		if err := s.AppendLogged(t.Context(), recs); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// reign makes the records of an epoch's revisions, the first of which begins it.
func reign(e record.Epoch, from, to record.Revision) []record.Record {
	recs := []record.Record{record.EpochStart(from, e, "n1", record.KeyState{}, testNow)}
	for rev := from + 1; rev <= to; rev++ {
		recs = append(recs, record.Record{Revision: rev, Epoch: e, Key: fmt.Appendf(nil, "k%d", rev), Value: []byte("v"), Created: true, CreateRevision: rev, Version: 1})
	}
	return recs
}

func revisions(t testing.TB, s *Store) (all []record.Pos) {
	t.Helper()
	if err := s.Records(t.Context(), 1, maxRevision, func(r *record.Record) error {
		all = append(all, r.Pos())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// publishAt makes rev what readers see.
func publishAt(t testing.TB, s *Store, rev record.Revision) {
	t.Helper()
	w, err := s.NewWorkingAt(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(w.Snapshot()); err != nil {
		t.Fatal(err)
	}
}

// TestFollowRule: for every small copy, promise, published revision, epoch and agreement
// point, Follow does all of it or nothing, and says why.
func TestFollowRule(t *testing.T) {
	held := []record.Pos{{Epoch: 1, Revision: 1}, {Epoch: 1, Revision: 2}, {Epoch: 3, Revision: 3}, {Epoch: 3, Revision: 4}}
	for _, promised := range []record.Epoch{0, 4, 5} {
		for _, published := range []record.Revision{0, 3} {
			var s *Store // anew after each change
			for e := record.Epoch(1); e <= 5; e++ {
				for agreedEpoch := range record.Epoch(5) {
					for rev := range record.Revision(6) {
						if s == nil {
							s = copyOf(t, reign(1, 1, 2), reign(3, 3, 4))
							publishAt(t, s, published)
							if _, err := s.Promise(t.Context(), promised); err != nil {
								t.Fatal(err)
							}
						}
						agreed := record.Pos{Epoch: agreedEpoch, Revision: rev}
						inCopy := rev == 0 && agreedEpoch == 0 || rev >= 1 && rev <= 4 && held[rev-1] == agreed
						err := s.Follow(t.Context(), e, agreed)
						es := s.ElectionState()
						var ok bool
						want := ElectionState{Promised: promised, Tail: held[3]}
						switch {
						case e < promised:
							ok = judged[*PromisedError](err, false)
						case !inCopy:
							ok = judged[*DivergedError](err, false)
						case rev < 4 && (e <= 3 || rev < published):
							ok = judged[*TruncateError](err, false)
						default:
							ok = err == nil
							want = ElectionState{Promised: e}
							if rev > 0 {
								want.Tail = held[rev-1]
							}
						}
						if !ok || es != want {
							t.Fatalf("promised %d, published %d: follow %d from %v: %v, %+v", promised, published, e, agreed, err, es)
						}
						if got := revisions(t, s); int64(len(got)) != int64(want.Tail.Revision) {
							t.Fatalf("%v are left, the tail is %v", got, want.Tail)
						}
						if err == nil {
							s = nil // the cleanup closes it
						}
					}
				}
			}
		}
	}
}

// TestFollowIsDurable: promise and truncation are both there after a restart.
func TestFollowIsDurable(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if err := s.AppendLogged(t.Context(), reign(1, 1, 5)); err != nil {
		t.Fatal(err)
	}
	if err := s.Follow(t.Context(), 2, record.Pos{Epoch: 1, Revision: 3}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	if es := s.ElectionState(); es != (ElectionState{Promised: 2, Tail: record.Pos{Epoch: 1, Revision: 3}}) {
		t.Fatalf("%+v", es)
	}
	if got := revisions(t, s); len(got) != 3 {
		t.Fatal(got)
	}
}

// TestFollowCompacted: what compaction relies on stays.
func TestFollowCompacted(t *testing.T) {
	s := copyOf(t, reign(1, 1, 6))
	publishAt(t, s, 4)
	if err := s.Compact(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if err := s.Follow(t.Context(), 2, record.Pos{Epoch: 1, Revision: 3}); !judged[*TruncateError](err, false) {
		t.Fatal(err)
	}
	if err := s.Follow(t.Context(), 2, record.Pos{Epoch: 1, Revision: 4}); err != nil {
		t.Fatal(err)
	}
}

func TestAppendFollowed(t *testing.T) {
	s := copyOf(t, reign(1, 1, 2))
	ctx := t.Context()
	recs := reign(2, 3, 6)
	for name, c := range map[string]struct {
		e    record.Epoch
		recs []record.Record
		ok   func(error) bool
	}{
		"gap":          {2, recs[1:], func(err error) bool { return judged[*OrderError](err, false) }},
		"again":        {2, reign(1, 1, 2), func(err error) bool { return judged[*OrderError](err, false) }},
		"later record": {1, recs, func(err error) bool { return err != nil && strings.Contains(err.Error(), "epoch 1") }},
	} {
		if err := s.AppendFollowed(ctx, c.e, c.recs); !c.ok(err) {
			t.Errorf("%s: %v", name, err)
		}
		if es := s.ElectionState(); es.Promised != 0 || es.Tail.Revision != 2 {
			t.Errorf("%s: %+v", name, es)
		}
	}
	if err := s.AppendFollowed(ctx, 2, recs[:2]); err != nil {
		t.Fatal(err)
	}
	if es := s.ElectionState(); es != (ElectionState{Promised: 2, Tail: record.Pos{Epoch: 2, Revision: 4}}) {
		t.Fatalf("%+v", es)
	}
	// Records of an older reign may come from a later one's Primary; not from an older one.
	if err := s.AppendFollowed(ctx, 4, recs[2:3]); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendFollowed(ctx, 3, recs[3:]); !judged[*PromisedError](err, false) {
		t.Fatal(err)
	}
	if es := s.ElectionState(); es != (ElectionState{Promised: 4, Tail: record.Pos{Epoch: 2, Revision: 5}}) {
		t.Fatalf("%+v", es)
	}
}

func TestEpochStartsAndPosAt(t *testing.T) {
	s := copyOf(t, reign(1, 1, 2), reign(3, 3, 3), reign(4, 4, 6))
	got, err := s.EpochStarts(t.Context())
	if want := []record.Pos{{Epoch: 1, Revision: 1}, {Epoch: 3, Revision: 3}, {Epoch: 4, Revision: 4}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Fatal(got, err)
	}
	for i, p := range revisions(t, s) {
		if at, err := s.PosAt(t.Context(), record.Revision(i+1)); err != nil || at != p {
			t.Error(at, err)
		}
	}
	for _, rev := range []record.Revision{-1, 0, 7} {
		if at, err := s.PosAt(t.Context(), rev); err != nil || at != (record.Pos{}) {
			t.Error(rev, at, err)
		}
	}
	// What is left once compaction has superseded some has no holes.
	publishAt(t, s, 6)
	s.SetLogged(1, s.Tail())
	if err := s.Compact(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	purgeAll(t, s)
	got, err = s.EpochStarts(t.Context())
	if want := []record.Pos{{Epoch: 4, Revision: 4}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Fatal(got, err)
	}
}

// TestNewWorkingAt: at every revision it is the state there, not more.
func TestNewWorkingAt(t *testing.T) {
	s := copyOf(t, reign(1, 1, 9))
	for rev := range record.Revision(10) {
		w, err := s.NewWorkingAt(t.Context(), rev)
		if err != nil {
			t.Fatal(err)
		}
		if w.Revision() != rev || w.Snapshot().Len() != max(0, int(rev)-1) {
			t.Errorf("at %d: revision %d, %d keys", rev, w.Revision(), w.Snapshot().Len())
		}
	}
	if _, err := s.NewWorkingAt(t.Context(), 10); !errors.Is(err, ErrNotStored) {
		t.Error(err)
	}
	publishAt(t, s, 6)
	if w, err := s.NewWorkingAt(t.Context(), 4); err != nil || w.Revision() != 6 {
		t.Errorf("below what is published: %v", err)
	}
}

// TestAwaitPublished: each waiter is woken when its revision is there, or its context ends.
func TestAwaitPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := copyOf(t, reign(1, 1, 9))
		if err := s.AwaitPublished(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		woken := make([]chan error, 10)
		for rev := range woken {
			woken[rev] = make(chan error, 1)
			go func() { woken[rev] <- s.AwaitPublished(t.Context(), record.Revision(rev)) }()
		}
		for _, published := range []record.Revision{3, 4, 9} {
			publishAt(t, s, published)
			synctest.Wait()
			for rev := range woken {
				if got := len(woken[rev]) == 1; got != (record.Revision(rev) <= published) {
					t.Errorf("published %d: revision %d is awaited: %v", published, rev, !got)
				}
			}
		}
		for rev := range woken {
			if err := <-woken[rev]; err != nil {
				t.Error(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.AwaitPublished(ctx, 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAwaitCompacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := copyOf(t, reign(1, 1, 9))
		publishAt(t, s, 9)
		woken := make([]chan error, 8)
		for rev := range woken {
			woken[rev] = make(chan error, 1)
			go func() { woken[rev] <- s.AwaitCompacted(t.Context(), record.Revision(rev)) }()
		}
		for _, compacted := range []record.Revision{3, 4, 7} {
			if err := s.Compact(t.Context(), compacted); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for rev := range woken {
				if got := len(woken[rev]) == 1; got != (record.Revision(rev) <= compacted) {
					t.Errorf("compacted to %d: revision %d is awaited: %v", compacted, rev, !got)
				}
			}
		}
		for rev := range woken {
			if err := <-woken[rev]; err != nil {
				t.Error(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.AwaitCompacted(ctx, 8); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

const followCrashEnv = "NETSY_MVCC_FOLLOW_CRASH_DIR"

// TestFollowCrashChild is not a test: it is the process that TestKilledWhileFollowing
// kills. Each round it stores ten records of the reign it follows, and then follows the
// next reign from the third of them.
func TestFollowCrashChild(t *testing.T) {
	dir := os.Getenv(followCrashEnv)
	if dir == "" {
		t.Skip("only run by TestKilledWhileFollowing")
	}
	ctx := context.Background()
	s, err := Open(ctx, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	for {
		es := s.ElectionState()
		e := es.Promised + 1
		agreed := es.Tail
		if agreed.Revision >= 7 && agreed.Epoch == es.Promised {
			agreed.Revision -= 7
		}
		if err := s.Follow(ctx, e, agreed); err != nil {
			t.Fatal(err)
		}
		if err := s.AppendFollowed(ctx, e, reign(e, agreed.Revision+1, agreed.Revision+10)); err != nil {
			t.Fatal(err)
		}
		fmt.Println("followed", e)
	}
}

// TestKilledWhileFollowing kills a follower at arbitrary moments: a copy either has all
// ten of the old reign and has not promised the next, or has promised it and the seven
// are gone. Nothing between exists.
func TestKilledWhileFollowing(t *testing.T) {
	dir := t.TempDir()
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFollowCrashChild$", "-test.v")
		cmd.Env = append(os.Environ(), followCrashEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, followed := bufio.NewScanner(out), record.Epoch(0)
		for seen := 0; lines.Scan(); {
			if n, _ := fmt.Sscanf(lines.Text(), "followed %d", &followed); n == 1 {
				if seen++; seen == 3+round*5 {
					cmd.Process.Kill()
				}
			}
		}
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err == nil || followed == 0 {
			t.Fatalf("the child ended by itself: %v, epoch %d", err, followed)
		}
		s := openDir(t, dir)
		es := s.ElectionState()
		all := revisions(t, s)
		own := 0 // records of the newest reign that has any
		for _, p := range all {
			if p.Epoch == es.Tail.Epoch {
				own++
			}
		}
		whole := es.Promised == es.Tail.Epoch && own == 10
		between := es.Promised == es.Tail.Epoch+1 && own == 3
		if es.Promised < followed || !whole && !between || all[len(all)-1] != es.Tail {
			t.Fatalf("%d was followed: %+v, %d records of the last reign", followed, es, own)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if between { // goes on as if it had been told so: another reign from here
			t.Logf("round %d: killed between following and storing", round)
		}
	}
}
