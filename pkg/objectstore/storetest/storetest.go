// Package storetest is the conformance suite of object stores: the contract of
// objectstore.Store as tests, run alike against every implementation and server.
package storetest

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Options name what a backend is known not to do. Each is to be set with the
// reason beside it.
type Options struct {
	// ContentVersions: the version is a hash of the content, so that writing equal
	// bytes again gives the same version.
	ContentVersions bool
	// RacingDeletesWin: of several conditional deletions of one version that race,
	// more than one may succeed. A deletion and a write never both do.
	RacingDeletesWin bool
	// Rounds of each race; default 50.
	Rounds int
	// Many is how many objects the paging test writes; default 1,100, beyond one page.
	Many int
	// Big is the size in bytes of the big object; default 8 MiB.
	Big int64
}

// Run runs the suite. newStore returns an empty store; it is called once for each test.
func Run(t *testing.T, newStore func(t *testing.T) objectstore.Store) {
	RunWith(t, Options{}, newStore)
}

// RunWith is Run with options.
func RunWith(t *testing.T, o Options, newStore func(t *testing.T) objectstore.Store) {
	o.Rounds = defaultTo(o.Rounds, 50)
	o.Many = defaultTo(o.Many, 1100)
	o.Big = defaultTo(o.Big, 8<<20)
	for name, test := range map[string]func(*suite){
		"PutGet":             testPutGet,
		"Missing":            testMissing,
		"EmptyObject":        testEmptyObject,
		"IfAbsent":           testIfAbsent,
		"IfMatch":            testIfMatch,
		"IfMatchMissing":     testIfMatchMissing,
		"Always":             testAlways,
		"DeleteConditions":   testDeleteConditions,
		"VersionsDiffer":     testVersionsDiffer,
		"VersionsAgree":      testVersionsAgree,
		"Modified":           testModified,
		"Ranges":             testRanges,
		"PutStream":          testPutStream,
		"PutStreamSizes":     testPutStreamSizes,
		"List":               testList,
		"ListOrder":          testListOrder,
		"ListPages":          testListPages,
		"ListAfterDelete":    testListAfterDelete,
		"BadArguments":       testBadArguments,
		"Cancelled":          testCancelled,
		"BodyOutlivesDelete": testBodyOutlivesDelete,
		"RaceForSlot":        testRaceForSlot,
		"RaceStream":         testRaceStream,
		"RaceCounter":        testRaceCounter,
		"RaceDelete":         testRaceDelete,
		"AtomicReads":        testAtomicReads,
		"Probe":              testProbe,
	} {
		t.Run(name, func(t *testing.T) {
			test(&suite{T: t, o: o, ctx: t.Context(), store: newStore(t)})
		})
	}
}

func defaultTo[T int | int64](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// suite is one test on one store.
type suite struct {
	*testing.T
	o     Options
	ctx   context.Context
	store objectstore.Store
}

// put writes and must succeed.
func (s *suite) put(key, body string, cond objectstore.Condition) objectstore.Version {
	s.Helper()
	v, err := s.store.Put(s.ctx, key, []byte(body), cond)
	if err != nil {
		s.Fatalf("put %s %v: %v", key, cond, err)
	}
	if v == "" {
		s.Fatalf("put %s: no version", key)
	}
	return v
}

// get reads and must succeed.
func (s *suite) get(key string) (string, objectstore.Info) {
	s.Helper()
	b, info, err := objectstore.ReadAll(s.ctx, s.store, key, 1<<30)
	if err != nil {
		s.Fatal(err)
	}
	return string(b), info
}

// holds checks that key has exactly this body and version.
func (s *suite) holds(key, body string, v objectstore.Version) {
	s.Helper()
	got, info := s.get(key)
	if got != body || info.Version != v {
		s.Fatalf("%s holds %q (version %s), expected %q (version %s)", key, got, info.Version, body, v)
	}
}

// fails checks an error's kind: that one and no other.
func (s *suite) fails(err, kind error) {
	s.Helper()
	for _, k := range []error{objectstore.ErrNotFound, objectstore.ErrPreconditionFailed, objectstore.ErrUnavailable, objectstore.ErrUnknownOutcome, objectstore.ErrPermanent} {
		if errors.Is(err, k) != (k == kind) {
			s.Fatalf("error is %v, expected the kind %q", err, kind)
		}
	}
	var typed *objectstore.Error
	if !errors.As(err, &typed) {
		s.Fatalf("error %v is no *objectstore.Error", err)
	}
}

func (s *suite) putErr(key, body string, cond objectstore.Condition) error {
	s.Helper()
	v, err := s.store.Put(s.ctx, key, []byte(body), cond)
	if err != nil && v != "" {
		s.Fatalf("put %s: version %s beside error %v", key, v, err)
	}
	return err
}

func (s *suite) getErr(key string) error {
	s.Helper()
	o, err := s.store.Get(s.ctx, key)
	if err == nil {
		o.Body.Close()
	}
	return err
}

// rangeOf reads a range and must succeed.
func (s *suite) rangeOf(key string, offset, length int64) (string, objectstore.Info) {
	s.Helper()
	o, err := s.store.GetRange(s.ctx, key, offset, length)
	if err != nil {
		s.Fatalf("get %s from %d, %d bytes: %v", key, offset, length, err)
	}
	defer o.Body.Close()
	b, err := io.ReadAll(o.Body)
	if err != nil {
		s.Fatal(err)
	}
	return string(b), o.Info
}
