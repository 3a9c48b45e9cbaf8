package mvcc

import (
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

func TestStoreKeepsWhatWasAppended(t *testing.T) {
	b := begin(t)
	b.put(t, "/a", "1")
	b.put(t, "/b", "2")
	b.put(t, "/a", "3")
	b.del(t, "/b")
	all := &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}
	resp := b.rangeReq(t, all)
	if resp.Header.Revision != 5 || resp.Count != 1 || string(resp.Kvs[0].Value) != "3" || resp.Kvs[0].Version != 2 {
		t.Fatalf("now: %v", resp)
	}
	all.Revision = 3
	resp = b.rangeReq(t, all)
	if resp.Header.Revision != 5 || resp.Count != 2 || string(resp.Kvs[0].Value) != "1" {
		t.Fatalf("at 3: %v", resp)
	}
	var revs []record.Revision
	err := b.Events(t.Context(), 1, 5, []byte("/"), []byte("0"), func(rev record.Revision, evs []*mvccpb.Event) error {
		revs = append(revs, rev)
		return nil
	})
	if err != nil || len(revs) != 4 {
		t.Fatalf("events at %v, %v", revs, err)
	}
	w, err := b.NewWorking(t.Context())
	if err != nil || w.Revision() != 5 {
		t.Fatal(w, err)
	}
}
