package etcddiff

import (
	"fmt"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"pgregory.net/rapid"
)

// request is any of the requests in etcdserverpb that a case may hold.
type request interface {
	fmt.Stringer
	Size() int
}

var (
	keys   = []string{"a", "a\x00", "aa", "ab", "b", "b/1", "b/2", "b0", "c", "\xff"} // at most 12, see sorts
	values = []string{"", "1", "2", "longer than the others", "\x00\xff"}

	genKey   = rapid.Map(pick(keys...), toBytes)
	genValue = rapid.Map(pick(values...), toBytes)
	// genAnyKey has the keys that only ranges, or nobody, may use.
	genAnyKey = rapid.Map(pick(append([]string{"\x00", "b/", ""}, keys...)...), toBytes)
	genSlot   = pick[int64](0, 0, 0, 0, 0, 1, 1, 2, unknownLease)
	// genRev is most often none; then around the base, where the store is compacted, and above.
	genRev       = pickOf(rapid.Just[int64](0), rapid.Just[int64](0), rapid.Just[int64](0), genSomeRev)
	genSomeRev   = pick[int64](1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 14, 16, 20, -1, 1<<40)
	genBool      = rapid.Bool()
	genRarely    = pick(false, false, false, false, false, false, false, false, true)
	genSortOrder = pick[int32](0, 0, 0, 0, 1, 1, 2, 2, 2)
)

// evenBits is enough for the choices here to be nearly even.
const evenBits = 8

// pick chooses evenly, unlike rapid.SampledFrom and rapid.IntRange, which take the last much more
// often than others. It shrinks to the first.
func pick[T any](choices ...T) *rapid.Generator[T] {
	return rapid.Custom(func(t *rapid.T) T {
		n := 0
		for range evenBits {
			n <<= 1
			if genBool.Draw(t, "bit") {
				n |= 1
			}
		}
		return choices[n*len(choices)>>evenBits]
	})
}

// pickOf chooses evenly between generators.
func pickOf[T any](generators ...*rapid.Generator[T]) *rapid.Generator[T] {
	which := pick(generators...)
	return rapid.Custom(func(t *rapid.T) T { return which.Draw(t, "which").Draw(t, "value") })
}

// upTo chooses evenly from 0 to n.
func upTo(n int) *rapid.Generator[int] {
	choices := make([]int, n+1)
	for i := range choices {
		choices[i] = i
	}
	return pick(choices...)
}

func toBytes(s string) []byte { return []byte(s) }

// genSteps makes cases. It draws lists of lists since rapid's lists are short on average.
var genSteps = rapid.Map(rapid.SliceOfN(rapid.SliceOfN(pickOf(
	// What is listed more often happens more often.
	as(genPut), as(genPut), as(genPut), as(genPut),
	as(genTxn), as(genTxn), as(genTxn),
	as(genRange), as(genRange), as(genRange),
	as(genDelete), as(genDelete),
	as(genCompact), as(genWatch), as(genWatch), as(genGrant),
), 1, 10), 1, 8), func(parts [][]request) []request { return slices.Concat(parts...) })

func as[T request](g *rapid.Generator[T]) *rapid.Generator[request] {
	return rapid.Map(g, func(r T) request { return r })
}

var genRange = rapid.Custom(func(t *rapid.T) *pb.RangeRequest {
	r := &pb.RangeRequest{
		Key:          genAnyKey.Draw(t, "key"),
		Revision:     genRev.Draw(t, "revision"),
		Limit:        pick[int64](0, 0, 0, 1, 1, 2, 2, 3, 100, -1).Draw(t, "limit"),
		Serializable: genRarely.Draw(t, "serializable"),
		KeysOnly:     genRarely.Draw(t, "keys only"),
		CountOnly:    genRarely.Draw(t, "count only"),
		SortOrder:    pb.RangeRequest_SortOrder(genSortOrder.Draw(t, "sort order")),
		SortTarget:   pb.RangeRequest_SortTarget(upTo(4).Draw(t, "sort target")),
	}
	r.RangeEnd = genRangeEnd(t, r.Key)
	if genRarely.Draw(t, "filtered") {
		bound := pick(&r.MinModRevision, &r.MaxModRevision, &r.MinCreateRevision, &r.MaxCreateRevision)
		for range 1 + upTo(1).Draw(t, "second bound") {
			*bound.Draw(t, "bound") = genSomeRev.Draw(t, "at")
		}
	}
	if genRarely.Draw(t, "odd") {
		r.SortOrder = pb.RangeRequest_SortOrder(upTo(3).Draw(t, "odd sort order"))
		r.SortTarget = pb.RangeRequest_SortTarget(upTo(5).Draw(t, "odd sort target"))
	}
	return r
})

// genTxnRange is seldom refused, or the whole transaction would be.
var genTxnRange = rapid.Custom(func(t *rapid.T) *pb.RangeRequest {
	r := genRange.Draw(t, "range")
	if !genRarely.Draw(t, "revision") {
		r.Revision = 0
	}
	if len(r.Key) == 0 && !genRarely.Draw(t, "no key") {
		r.Key = []byte("b")
	}
	return r
})

// genRangeEnd makes single keys, prefixes, "from here on", and ranges that may be empty.
func genRangeEnd(t *rapid.T, key []byte) []byte {
	switch upTo(4).Draw(t, "range") {
	case 0, 1:
		return nil
	case 2:
		return []byte{0}
	case 3:
		return prefixEnd(key)
	}
	return genAnyKey.Draw(t, "range end")
}

// prefixEnd is the first key after all that begin with prefix, or "\x00", which means no end.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte{}, prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return []byte{0}
}

var genPut = rapid.Custom(func(t *rapid.T) *pb.PutRequest {
	r := &pb.PutRequest{
		Key:    genKey.Draw(t, "key"),
		Value:  genValue.Draw(t, "value"),
		Lease:  genSlot.Draw(t, "lease"),
		PrevKv: genBool.Draw(t, "prev_kv"),
	}
	if genRarely.Draw(t, "odd") {
		r.Key = genAnyKey.Draw(t, "any key")
		r.IgnoreLease = genBool.Draw(t, "ignore lease")
		r.IgnoreValue = genBool.Draw(t, "ignore value")
		if genBool.Draw(t, "no value") {
			r.Value = nil
		}
		if genBool.Draw(t, "no lease") {
			r.Lease = 0
		}
	}
	return r
})

var genDelete = rapid.Custom(func(t *rapid.T) *pb.DeleteRangeRequest {
	r := &pb.DeleteRangeRequest{Key: genKey.Draw(t, "key"), PrevKv: genBool.Draw(t, "prev_kv")}
	if genRarely.Draw(t, "odd") {
		r.Key = genAnyKey.Draw(t, "any key")
		r.RangeEnd = genRangeEnd(t, r.Key)
	}
	return r
})

var genTxn = rapid.Custom(func(t *rapid.T) *pb.TxnRequest {
	return &pb.TxnRequest{
		Compare: rapid.SliceOfN(genCompare, 0, 3).Draw(t, "compares"),
		Success: genBranch.Draw(t, "success"),
		Failure: genBranch.Draw(t, "failure"),
	}
})

// genBranch makes ranges around at most one mutation, and rarely what servers refuse.
var genBranch = rapid.Custom(func(t *rapid.T) []*pb.RequestOp {
	ops := rapid.SliceOfN(rapid.Map(genTxnRange, rangeOp), 0, 2).Draw(t, "ranges before")
	if genBool.Draw(t, "mutate") {
		ops = append(ops, genMutation.Draw(t, "mutation"))
	}
	ops = append(ops, rapid.SliceOfN(rapid.Map(genTxnRange, rangeOp), 0, 1).Draw(t, "ranges after")...)
	if genRarely.Draw(t, "odd") {
		switch upTo(3).Draw(t, "oddity") {
		case 0:
			ops = append(ops, genMutation.Draw(t, "second mutation"))
		case 1:
			ops = append(ops, &pb.RequestOp{})
		case 2:
			for len(ops) <= 128 { // etcd's limit
				ops = append(ops, rangeOp(&pb.RangeRequest{Key: []byte("a")}))
			}
		case 3:
			ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: &pb.TxnRequest{}}})
		}
	}
	return ops
})

var genMutation = pickOf(
	rapid.Map(genPut, func(r *pb.PutRequest) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: r}}
	}),
	rapid.Map(genDelete, func(r *pb.DeleteRangeRequest) *pb.RequestOp {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: r}}
	}),
)

func rangeOp(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}

var genCompare = rapid.Custom(func(t *rapid.T) *pb.Compare {
	c := &pb.Compare{
		Key:    genAnyKey.Draw(t, "key"),
		Result: pb.Compare_CompareResult(upTo(3).Draw(t, "operator")),
		Target: pb.Compare_CompareTarget(upTo(4).Draw(t, "target")),
	}
	if genRarely.Draw(t, "many keys") {
		c.RangeEnd = genRangeEnd(t, c.Key)
	}
	if genRarely.Draw(t, "no operand") {
		return c
	}
	switch c.Target {
	case pb.Compare_VERSION:
		c.TargetUnion = &pb.Compare_Version{Version: int64(upTo(3).Draw(t, "version"))}
	case pb.Compare_CREATE:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: genRev.Draw(t, "create revision")}
	case pb.Compare_MOD:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: genRev.Draw(t, "mod revision")}
	case pb.Compare_VALUE:
		c.TargetUnion = &pb.Compare_Value{Value: genValue.Draw(t, "value")}
	case pb.Compare_LEASE:
		c.TargetUnion = &pb.Compare_Lease{Lease: genComparableLease(t, c.Result)}
	}
	return c
})

// genComparableLease leaves out what depends on how the ids of two leases compare.
func genComparableLease(t *rapid.T, op pb.Compare_CompareResult) int64 {
	if op == pb.Compare_GREATER || op == pb.Compare_LESS {
		return 0
	}
	return genSlot.Draw(t, "lease")
}

var genCompact = rapid.Custom(func(t *rapid.T) *pb.CompactionRequest {
	return &pb.CompactionRequest{Revision: genRev.Draw(t, "revision"), Physical: genRarely.Draw(t, "physical")}
})

var genGrant = rapid.Custom(func(t *rapid.T) *pb.LeaseGrantRequest {
	// The leases of a case are granted before it, for an hour; these stay without keys.
	return &pb.LeaseGrantRequest{TTL: pick[int64](5, 3600, 0, -1, maxLeaseTTL, maxLeaseTTL+1, etcdMaxLeaseTTL+1).Draw(t, "ttl")}
})

var genWatch = rapid.Custom(func(t *rapid.T) *pb.WatchCreateRequest {
	r := &pb.WatchCreateRequest{
		Key:           genAnyKey.Draw(t, "key"),
		StartRevision: pick[int64](0, 0, 0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 7, 8, 10, 12, 15, 25, -1).Draw(t, "start"),
		PrevKv:        genBool.Draw(t, "prev_kv"),
	}
	r.RangeEnd = genRangeEnd(t, r.Key)
	if genRarely.Draw(t, "filtered") {
		r.Filters = rapid.SliceOfN(pick(pb.WatchCreateRequest_NOPUT, pb.WatchCreateRequest_NODELETE), 1, 2).Draw(t, "filters")
	}
	return r
})
