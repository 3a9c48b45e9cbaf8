package replication

import "testing"

// TestFollowFromTheStart: an empty copy gets everything, and shows what is committed.
func TestFollowFromTheStart(t *testing.T) {
	p, r := newNode(t, "p"), newNode(t, "r")
	f := p.reign(1)
	r.follow(1, newLink(t, f, "r")).mustAgree()
	r.awaitReceipt(f, 1)
	rev := p.write(100)
	r.awaitReceipt(f, rev)
	if got := r.st.Snapshot().Revision(); got > 1 {
		t.Fatalf("revision %d is published, nothing of it is committed", got)
	}
	p.commit()
	r.awaitPublished(rev)
	sameCopy(t, p, r)
	fs := f.Followers()
	if len(fs) != 1 || fs[0].Ref != r.ref() || !fs[0].Connected || !fs[0].Healthy {
		t.Fatalf("%+v", fs)
	}
}
