package objectstoretest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/s3"
)

const partSize = 5 << 20

// parted is a store that sends what is above 5 MiB in parts.
func parted(t *testing.T) (*gateway, *s3.Store) {
	g := startVersitygw(t)
	cfg := g.config()
	cfg.PartSize = partSize
	return g, g.open(t, cfg)
}

func randomBody(seed uint64, n int) []byte {
	b, rng := make([]byte, n), rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = rng.Read(b)
	return b
}

func putBody(t *testing.T, s *s3.Store, key string, b []byte, cond objectstore.Condition) (objectstore.Version, error) {
	return s.PutStream(t.Context(), key, bytes.NewReader(b), int64(len(b)), cond)
}

func holdsBody(t *testing.T, s *s3.Store, key string, want []byte, v objectstore.Version) {
	t.Helper()
	b, info, err := objectstore.ReadAll(t.Context(), s, key, 1<<30)
	if err != nil || !bytes.Equal(b, want) || v != "" && info.Version != v {
		t.Fatalf("%s: %d bytes of version %s, want %d of %s: %v", key, len(b), info.Version, len(want), v, err)
	}
}

// noUploads checks that no parts were left behind in the server's directory.
func (g *gateway) noUploads(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(g.root, s3Bucket, ".sgwtmp", "multipart"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("left behind: %s", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestS3Parts: bodies of several parts are whole, and their conditions hold.
func TestS3Parts(t *testing.T) {
	t.Parallel()
	g, s := parted(t)
	for i, size := range []int{partSize, partSize + 1, 2 * partSize, 2*partSize + 12345} {
		key, b := fmt.Sprint("size/", size), randomBody(uint64(i), size)
		g.take()
		v, err := putBody(t, s, key, b, objectstore.IfAbsent())
		if err != nil {
			t.Fatal(err)
		}
		holdsBody(t, s, key, b, v)
		posts := 0
		for _, r := range g.take() {
			if r.Method == http.MethodPost {
				posts++
			}
		}
		if parts := size > partSize; parts != (posts == 2) {
			t.Errorf("%d bytes: %d POST requests", size, posts)
		}
		other := randomBody(99, 2*partSize)
		for name, cond := range map[string]objectstore.Condition{"absent": objectstore.IfAbsent(), "match": objectstore.IfMatch(`"0123456789abcdef0123456789abcdef-2"`)} {
			if _, err := putBody(t, s, key, other, cond); !errors.Is(err, objectstore.ErrPreconditionFailed) {
				t.Errorf("if %s: %v", name, err)
			}
		}
		holdsBody(t, s, key, b, v)
		if v, err = putBody(t, s, key, other, objectstore.IfMatch(v)); err != nil {
			t.Fatal(err)
		}
		holdsBody(t, s, key, other, v)
	}
	if _, err := putBody(t, s, "missing", randomBody(1, 2*partSize), objectstore.IfMatch(`"0123456789abcdef0123456789abcdef-2"`)); !errors.Is(err, objectstore.ErrPreconditionFailed) {
		t.Error(err)
	}
	g.noUploads(t)
	g.reached(t, "size/5242881")
}

// TestS3PartsRace: of writers in parts and in one request exactly one wins.
func TestS3PartsRace(t *testing.T) {
	t.Parallel()
	g, s := parted(t)
	const writers = 6
	for round := range 5 {
		key := fmt.Sprint("race/", round)
		var bodies [writers][]byte
		var errs [writers]error
		var wg sync.WaitGroup
		for i := range writers {
			bodies[i] = randomBody(uint64(10*round+i), 2*partSize)
			if i%3 == 2 {
				bodies[i] = bodies[i][:1000]
			}
			wg.Go(func() { _, errs[i] = putBody(t, s, key, bodies[i], objectstore.IfAbsent()) })
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("round %d: %d and %d won", round, winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, objectstore.ErrPreconditionFailed) && !errors.Is(err, objectstore.ErrUnavailable):
				t.Errorf("round %d, writer %d: %v", round, i, err)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody won: %v", round, errs)
		}
		holdsBody(t, s, key, bodies[winner], "")
	}
	g.noUploads(t)
}

// TestS3PartsOutcomes: only completing leaves anything in doubt.
func TestS3PartsOutcomes(t *testing.T) {
	t.Parallel()
	g, s := parted(t)
	body := randomBody(1, 2*partSize)
	is := func(method, param string) func(r *http.Request) bool {
		return func(r *http.Request) bool { return r.Method == method && r.URL.Query().Has(param) }
	}
	for name, c := range map[string]struct {
		on     func(r *http.Request) bool
		behave func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc)
		want   error
	}{
		"beginning is cut":          {is("POST", "uploads"), cut, objectstore.ErrUnavailable},
		"a part is cut":             {is("PUT", "partNumber"), cut, objectstore.ErrUnavailable},
		"a part's reply is lost":    {is("PUT", "partNumber"), loseReply, objectstore.ErrUnavailable},
		"completing is cut":         {is("POST", "uploadId"), cut, objectstore.ErrUnknownOutcome},
		"completing's reply lost":   {is("POST", "uploadId"), loseReply, objectstore.ErrUnknownOutcome},
		"completing fails inside":   {is("POST", "uploadId"), answer(500, "application/xml", `<Error><Code>InternalError</Code></Error>`), objectstore.ErrUnknownOutcome},
		"fails within a success":    {is("POST", "uploadId"), answer(200, "application/xml", `<Error><Code>InternalError</Code></Error>`), objectstore.ErrUnknownOutcome},
		"lost a race":               {is("POST", "uploadId"), answer(409, "application/xml", `<Error><Code>ConditionalRequestConflict</Code></Error>`), objectstore.ErrUnavailable},
		"no permission to be begun": {is("POST", "uploads"), answer(403, "application/xml", `<Error><Code>AccessDenied</Code></Error>`), objectstore.ErrPermanent},
	} {
		key := "outcome/" + fmt.Sprintf("%x", name)
		g.misbehave(func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc) {
			if c.on(r) {
				c.behave(w, r, forward)
				return
			}
			forward(w, r)
		})
		g.take()
		_, err := putBody(t, s, key, body, objectstore.IfAbsent())
		g.misbehave(nil)
		completed := 0
		for _, r := range g.take() {
			if is("POST", "uploadId")(r) {
				completed++
			}
		}
		if completed > 1 {
			t.Errorf("%s: completing was sent %d times", name, completed)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		_, err = s.Stat(t.Context(), key)
		if there := err == nil; there != (name == "completing's reply lost") {
			t.Errorf("%s: there %t: %v", name, there, err)
		}
	}
	g.noUploads(t)
}
