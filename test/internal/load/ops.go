package load

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/test/internal/check"
)

// Recorded is a client whose calls are recorded under a name of its own. It makes one
// call at a time.
type Recorded struct {
	*Client
	H    *check.History
	Name string
}

// Write makes the write that o describes, on the condition o.If.
func (r Recorded) Write(ctx context.Context, o check.Op) check.Op {
	o.Client, o.Node = r.Name, r.Node
	return r.H.Do(o, func(o *check.Op) {
		var resp *pb.TxnResponse
		if o.Kind == check.Delete {
			resp, o.Err = r.DeleteIf(ctx, o.Key, o.If)
		} else {
			resp, o.Err = r.PutIf(ctx, o.Key, o.Value, o.If)
		}
		if o.Err != nil {
			return
		}
		o.Rev, o.Outcome = resp.Header.Revision, check.Done
		if resp.Succeeded {
			return
		}
		o.Outcome = check.Refused
		if o.Kind == check.Put {
			o.Saw, o.Shown = check.EventsOfKVs(resp.Responses[0].GetResponseRange().Kvs), true
		}
	})
}

// Read reads a key, or the range up to o.End, as o says.
func (r Recorded) Read(ctx context.Context, o check.Op) check.Op {
	o.Kind, o.Client, o.Node = check.Read, r.Name, r.Node
	return r.H.Do(o, func(o *check.Op) {
		resp, err := r.KV.Range(ctx, &pb.RangeRequest{
			Key: []byte(o.Key), RangeEnd: []byte(o.End), Revision: o.At, Serializable: o.Serializable,
		})
		if o.Err = err; err != nil {
			return
		}
		o.Outcome, o.Rev, o.Saw, o.Shown = check.Done, resp.Header.Revision, check.EventsOfKVs(resp.Kvs), true
	})
}
