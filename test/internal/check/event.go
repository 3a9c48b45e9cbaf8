package check

import (
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// Event is one change of one key, as a watch, a read or the object log tells it. In
// a state it stands for the key's present value.
type Event struct {
	Rev                    int64
	Delete                 bool
	Key, Value             string
	Create, Version, Lease int64 // 0 in a deletion
}

// Live reports whether the key exists after the event. The zero Event is not live.
func (e Event) Live() bool { return e.Rev != 0 && !e.Delete }

// EventOf translates what a watch sent.
func EventOf(e *mvccpb.Event) Event {
	if e.Type == mvccpb.DELETE {
		return Event{Rev: e.Kv.ModRevision, Delete: true, Key: string(e.Kv.Key)}
	}
	return EventOfKV(e.Kv)
}

// EventOfKV translates what a read answered.
func EventOfKV(kv *mvccpb.KeyValue) Event {
	return Event{
		Rev: kv.ModRevision, Key: string(kv.Key), Value: string(kv.Value),
		Create: kv.CreateRevision, Version: kv.Version, Lease: kv.Lease,
	}
}

// EventsOfKVs translates what a range answered.
func EventsOfKVs(kvs []*mvccpb.KeyValue) (out []Event) {
	for _, kv := range kvs {
		out = append(out, EventOfKV(kv))
	}
	return out
}

// EventOfRecord translates a record of the object log or of a node's copy.
func EventOfRecord(r *record.Record) Event {
	if r.Deleted {
		return Event{Rev: int64(r.Revision), Delete: true, Key: string(r.Key)}
	}
	return Event{
		Rev: int64(r.Revision), Key: string(r.Key), Value: string(r.Value),
		Create: int64(r.CreateRevision), Version: r.Version, Lease: r.Lease,
	}
}
