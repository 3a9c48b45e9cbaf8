package objectstoretest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/origin"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// A cluster begins with bootstrap.netsy, copied from the bucket into the bucket, while
// replies are lost and requests cut off.

func TestBeginOnS3(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	beginOn(t, g.open(t, g.config()), g.proxy)
	g.reached(t, origin.BootstrapKey)
}

func TestBeginOnGCS(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	beginOn(t, g.open(t, g.config()), g.proxy)
	g.reached(t, origin.BootstrapKey)
}

func beginOn(t *testing.T, s objectstore.Store, p *proxy) {
	t.Helper()
	const last = 2000 // of 4 KiB that don't compress: many reads of every kind
	var b bytes.Buffer
	w := datafile.NewWriter(&b, datafile.Header{Kind: datafile.Snapshot, RecordsCount: last, Epoch: 3})
	for rev := record.Revision(1); rev <= last; rev++ {
		r := record.Record{Revision: rev, Epoch: 3, Key: []byte("k" + rev.Key()), Value: make([]byte, 4<<10), Created: true, CreateRevision: rev, Version: 1}
		rand.Read(r.Value)
		if rev == 1 {
			r.Key = []byte(record.EpochStartKey)
		}
		if err := w.Write(&r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutStream(t.Context(), origin.BootstrapKey, bytes.NewReader(b.Bytes()), int64(b.Len()), objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	p.misbehave(func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			forward(w, r)
			return
		}
		switch n.Add(1) {
		case 1, 4:
			cut(w, r, forward) // it didn't happen
		case 2, 5:
			loseReply(w, r, forward) // it happened, and nobody says so
		default:
			forward(w, r)
		}
	})
	o := origin.New(origin.Options{Store: s, Registry: registry.New(s, "c"), Snapshots: snapshot.New(s, snapshot.Options{}), Quorum: -1})
	c := settle(t, o)
	p.misbehave(nil)
	if n.Load() < 3 {
		t.Errorf("only %d writes: the faults tested little", n.Load())
	}
	body, _, err := objectstore.ReadAll(t.Context(), s, objectlog.SnapshotKey(last), 1<<30)
	if err != nil || !bytes.Equal(body, b.Bytes()) || c.Origin != last || c.Epoch != 3 {
		t.Errorf("origin %d of epoch %d, and a snapshot of %d bytes of %d: %v", c.Origin, c.Epoch, len(body), b.Len(), err)
	}
	if again, err := o.Settle(t.Context()); err != nil || again.Seq != c.Seq {
		t.Errorf("once more: %+v, %v", again, err)
	}
}

// settle tries until it succeeds; in between only what is in doubt or unavailable may be
// reported.
func settle(t *testing.T, o *origin.Settler) registry.Cluster {
	t.Helper()
	var said []string
	for range 10 {
		c, err := o.Settle(t.Context())
		if err == nil {
			return c
		}
		if said = append(said, err.Error()); errors.As(err, new(*origin.Error)) || errors.Is(err, objectstore.ErrPermanent) {
			break
		}
	}
	t.Fatalf("it doesn't settle:\n%s", strings.Join(said, "\n"))
	return registry.Cluster{}
}
