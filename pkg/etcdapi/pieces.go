package etcdapi

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// inPieces is the size from which an answer is encoded in pieces: below, one buffer
	// from the pool costs less.
	inPieces = 16 << 10
	// byReference is the size from which a value is not copied: below, a piece of its own
	// costs more.
	byReference = 512
	// scratchBytes is how much of the small fields shares an allocation.
	scratchBytes = 16 << 10
)

// pieces is a message in the making: what is small is copied into scratch buffers, large
// values are pieces by themselves, which the transport copies only as it sends them. So
// an answer of megabytes needs no buffer of that size.
type pieces struct {
	out     mem.BufferSlice
	smalls  []mem.SliceBuffer // what out points to beside values, so that a piece costs no allocation
	scratch []byte
	done    int // of scratch, is in out
}

// newPieces makes room for about n values.
func newPieces(n int) *pieces {
	return &pieces{out: make(mem.BufferSlice, 0, 2*n+2), smalls: make([]mem.SliceBuffer, 0, n+2)}
}

// reserve makes room for n bytes in scratch.
func (p *pieces) reserve(n int) {
	if cap(p.scratch)-len(p.scratch) >= n {
		return
	}
	p.cut()
	p.scratch, p.done = make([]byte, 0, max(n, scratchBytes)), 0
}

// cut ends the piece that scratch grows.
func (p *pieces) cut() {
	if n := len(p.scratch); p.done < n {
		p.smalls = append(p.smalls, p.scratch[p.done:n:n])
		p.out = append(p.out, &p.smalls[len(p.smalls)-1])
		p.done = n
	}
}

// finish returns the message.
func (p *pieces) finish() mem.BufferSlice {
	p.cut()
	return p.out
}

// message adds m, copied.
func (p *pieces) message(m message) error {
	size := m.Size()
	p.reserve(size)
	n := len(p.scratch)
	p.scratch = p.scratch[:n+size]
	_, err := m.MarshalToSizedBuffer(p.scratch[n:])
	return err
}

// small is more than what a key-value or an event takes beside its key and value.
const small = 128

// prefix begins an embedded message of the given size.
func (p *pieces) prefix(field protowire.Number, size int) {
	p.reserve(small)
	p.scratch = protowire.AppendTag(p.scratch, field, protowire.BytesType)
	p.scratch = protowire.AppendVarint(p.scratch, uint64(size))
}

// keyValue adds a field that is a key-value.
func (p *pieces) keyValue(field protowire.Number, kv *mvccpb.KeyValue) error {
	p.prefix(field, kv.Size())
	if len(kv.Value) < byReference || len(kv.XXX_unrecognized) != 0 { // what isn't known comes last, after the lease
		return p.message(kv)
	}
	p.reserve(small + len(kv.Key))
	p.bytes(1, kv.Key)
	p.varint(2, kv.CreateRevision)
	p.varint(3, kv.ModRevision)
	p.varint(4, kv.Version)
	p.scratch = protowire.AppendTag(p.scratch, 5, protowire.BytesType)
	p.scratch = protowire.AppendVarint(p.scratch, uint64(len(kv.Value)))
	p.cut()
	p.out = append(p.out, (*mem.SliceBuffer)(&kv.Value))
	p.varint(6, kv.Lease)
	return nil
}

// varint and bytes leave out what is zero or empty, as proto3 does.
func (p *pieces) varint(field protowire.Number, v int64) {
	if v != 0 {
		p.scratch = protowire.AppendVarint(protowire.AppendTag(p.scratch, field, protowire.VarintType), uint64(v))
	}
}

func (p *pieces) bytes(field protowire.Number, b []byte) {
	if len(b) != 0 {
		p.scratch = protowire.AppendBytes(protowire.AppendTag(p.scratch, field, protowire.BytesType), b)
	}
}

// event adds a field that is an event.
func (p *pieces) event(field protowire.Number, e *mvccpb.Event) error {
	p.prefix(field, e.Size())
	if len(e.XXX_unrecognized) != 0 {
		return p.message(e)
	}
	p.varint(1, int64(e.Type))
	for i, kv := range [...]*mvccpb.KeyValue{e.Kv, e.PrevKv} {
		if kv == nil {
			continue
		}
		if err := p.keyValue(protowire.Number(2+i), kv); err != nil {
			return err
		}
	}
	return nil
}

// inReference counts the values that would be pieces by themselves, if it is worth it: 0
// means that the answer is better encoded whole. Small values, however many, are.
type inReference struct{ n, bytes int }

func (c *inReference) add(kv *mvccpb.KeyValue) {
	if kv != nil && len(kv.Value) >= byReference {
		c.n, c.bytes = c.n+1, c.bytes+len(kv.Value)
	}
}

func (c *inReference) count() int {
	if c.bytes < inPieces {
		return 0
	}
	return c.n
}

func largeRange(r *pb.RangeResponse) int {
	var c inReference
	if len(r.XXX_unrecognized) != 0 {
		return 0 // it would have to come last
	}
	for _, kv := range r.Kvs {
		c.add(kv)
	}
	return c.count()
}

func rangePieces(r *pb.RangeResponse, n int) (mem.BufferSlice, error) {
	p := newPieces(n)
	if err := p.message(&pb.RangeResponse{Header: r.Header}); err != nil {
		return nil, err
	}
	for _, kv := range r.Kvs {
		if err := p.keyValue(2, kv); err != nil {
			return nil, err
		}
	}
	if err := p.message(&pb.RangeResponse{More: r.More, Count: r.Count}); err != nil {
		return nil, err
	}
	return p.finish(), nil
}

func largeWatch(r *pb.WatchResponse) int {
	var c inReference
	if len(r.XXX_unrecognized) != 0 {
		return 0
	}
	for _, e := range r.Events {
		c.add(e.Kv)
		c.add(e.PrevKv)
	}
	return c.count()
}

// watchPieces relies on the events being the last field.
func watchPieces(r *pb.WatchResponse, n int) (mem.BufferSlice, error) {
	p := newPieces(n)
	head := *r
	head.Events = nil
	if err := p.message(&head); err != nil {
		return nil, err
	}
	for _, e := range r.Events {
		if err := p.event(11, e); err != nil {
			return nil, err
		}
	}
	return p.finish(), nil
}
