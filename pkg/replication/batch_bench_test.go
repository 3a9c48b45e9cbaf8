package replication

import (
	"bytes"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

func benchRecords(first record.Revision, n int) []record.Record {
	recs := make([]record.Record, n)
	value := make([]byte, 1024)
	for i := range recs {
		rev := first + record.Revision(i)
		recs[i] = record.Record{
			Revision: rev, Epoch: 1, Key: fmt.Appendf(nil, "/registry/pods/namespace-%d/pod-%d", rev%50, rev%5000), Value: value,
			Version: 1, CreateRevision: rev, Created: true, CreatedAt: testNow, LeaderID: "p",
		}
	}
	return recs
}

// BenchmarkMicroMessage is one message of the follow stream with so many records of
// 1 KiB. encode: what the Primary does once for all followers, and then for this one;
// decode: what the follower does before it stores them.
func BenchmarkMicroMessage(b *testing.B) {
	for _, n := range []int{1, 64, 512} {
		recs := benchRecords(2, n)
		want := appendMessage(b, recs)
		b.Run(fmt.Sprintf("encode/records=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(want)))
			b.ReportAllocs()
			var got []byte
			for b.Loop() {
				got = appendMessage(b, recs)
			}
			if !bytes.Equal(got, want) {
				b.Error("it came out differently")
			}
		})
		b.Run(fmt.Sprintf("decode/records=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(want)))
			b.ReportAllocs()
			for b.Loop() {
				var m peerpb.FollowResponse
				if err := proto.Unmarshal(want, &m); err != nil {
					b.Fatal(err)
				}
				e, err := decode(m.GetAppend().GetRecords())
				if err != nil || len(e.recs) != n || e.recs[n-1].Revision != recs[n-1].Revision {
					b.Fatalf("%d records: %v", len(e.recs), err)
				}
			}
		})
	}
}

func appendMessage(b *testing.B, recs []record.Record) []byte {
	msgs, last := gather([]*batch{newBatch(recs)}, recs[0].Revision-1, maxAppend)
	if len(msgs) != len(recs) {
		b.Fatalf("%d records of %d fit into one message", len(msgs), len(recs))
	}
	msg, err := proto.Marshal(&peerpb.FollowResponse{Message: &peerpb.FollowResponse_Append{Append: &peerpb.Append{
		Records: msgs, CommittedRevision: int64(last), CompactionRevision: 1,
	}}})
	if err != nil {
		b.Fatal(err)
	}
	return msg
}

// BenchmarkMicroReplicate is one batch of so many records of 1 KiB on its way: sent by the
// Primary, stored by a follower in its SQLite file with an fsync, receipted, committed,
// and published there. The stream between them is in memory. The Primary's own copy is
// not part of it.
func BenchmarkMicroReplicate(b *testing.B) {
	for _, n := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) { benchReplicate(b, n) })
	}
}

func benchReplicate(b *testing.B, n int) {
	p, r := newNode(b, "p"), newNode(b, "r")
	f := p.reign(1)
	l := &link{serve: f.Serve, peer: "r", window: 16}
	b.Cleanup(l.wg.Wait)
	following := r.follow(1, l)
	following.mustAgree()
	rev := record.Revision(1)
	r.awaitReceipt(f, rev)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		recs := benchRecords(rev+1, n)
		b.StartTimer()
		rev += record.Revision(n)
		f.Send(recs)
		f.Stored(rev)
		r.awaitReceipt(f, rev)
		f.Committed(rev, 0)
		r.awaitPublished(rev)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(int(rev)-1), "ns/record")
	following.stop() // watches hear of a revision just after readers see it
	if r.st.Tail().Revision != rev || r.st.Snapshot().Revision() != rev || r.hub.Revision() != rev {
		b.Errorf("the follower stored up to %d, published up to %d, of %d", r.st.Tail().Revision, r.st.Snapshot().Revision(), rev)
	}
}
