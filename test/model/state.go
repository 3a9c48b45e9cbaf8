package main

import (
	"fmt"
	"math/bits"
	"reflect"
	"unsafe"
)

// Sizes are compile-time so that a State is one flat block of bytes without pointers.
const (
	N    = 4     // nodes (the fourth joins later; profiles may use 3)
	IDN  = N * 3 // identities: node + N*incarnation, at most two wipes per node
	MaxR = 8     // highest revision
	MaxE = 6     // highest epoch
)

// Rec is epoch<<4 | val. val 0 is the epoch-start record (the seal), otherwise the number of the
// client write, unique over the whole run: two records are the same iff their Recs are equal.
// The protocol itself may only look at ep(): (epoch, revision) is its idea of identity.
type Rec uint8

func mk(e, v uint8) Rec  { return Rec(e<<4 | v) }
func (r Rec) ep() uint8  { return uint8(r) >> 4 }
func (r Rec) val() uint8 { return uint8(r) & 15 }
func (r Rec) String() string {
	if r == 0 {
		return "HOLE"
	}
	if r.val() == 0 {
		return fmt.Sprintf("e%d:start", r.ep())
	}
	return fmt.Sprintf("e%d:w%d", r.ep(), r.val())
}

type Log struct {
	N uint8
	R [MaxR]Rec // revision k is R[k-1]
}

func (l *Log) at(k uint8) Rec { return l.R[k-1] }
func (l *Log) add(r Rec)      { l.R[l.N] = r; l.N++ }
func (l *Log) cut(n uint8) {
	for l.N > n {
		l.N--
		l.R[l.N] = 0
	}
}
func (l *Log) tailE() uint8 {
	if l.N == 0 {
		return 0
	}
	return l.R[l.N-1].ep()
}

const (
	mOS, mQ, mUnknown         = 0, 1, 2
	replica, starting, active = 0, 1, 2
)

type Node struct {
	Vot   uint16 // Primary: believed voters (identities)
	Log   Log
	Dur   uint8 // Primary: length known durable (a replica's log is always durable)
	Prom  uint8 // durable promise
	Srv   uint8 // durable: highest epoch in which this node began to serve
	Inc   uint8
	Role  uint8
	Ep    uint8 // Primary: its epoch
	Ph    uint8 // starting: 1 = chain read
	Tip   uint8 // Primary: last revision of the chain as known
	Com   uint8 // Primary: commit point
	Put   uint8 // Primary: key of the PUT in flight (0 none)
	PutN  uint8
	PutX  uint8 // the PUT in flight ran longer than retention/2
	Fst   uint8 // first slot won in this preflight
	Fresh uint8 // time-based retention rule: reign proved since the last deletion
	Qok   uint8 // may acknowledge by receipts
	Mode  uint8
	Cas   uint8 // 0 none, 1 sent, 2 landed but not yet known
	CasM  uint8
	Fol   uint8 // following node+1
	FolE  uint8
	Late  uint8 // a delayed handshake answer "agree up to Late-1"
	Lease uint8
	LgF   uint8 // "logged": the log is known to hold the local copy up to LgR (epoch LgE), in the chunk that begins at LgF
	LgR   uint8
	LgE   uint8
	Pur   uint8 // records up to here are purged: their epochs are unknown
	Beh   uint8 // told "behind" by the Primary of this epoch
	Rd    Rdr
}

// Rdr is one reading of the chain, step by step.
type Rdr struct {
	Lst   uint16 // keys listed and not yet got (bit k)
	Ph    uint8
	After uint8
	Floor uint8 // newest snapshot up to After, as first listed
	Next  uint8
	Cur   uint8 // listing cursor
	More  uint8 // the listing goes on
	EndE  uint8 // epoch of the last record read
	Hi    uint8 // highest header epoch read
	Join  uint8 // slot at or below After at which the chain is joined; later: first revision of the last chunk read
	Low   uint8 // no slot at or below this one was looked at
	_     [1]uint8
	Got   Log // what was read and not yet applied, by revision (0: not read)
}

type Slot struct {
	Hdr uint8
	N   uint8 // 0 = absent
	R   [MaxR]Rec
}

type Put struct {
	Hdr, Key, N, _ uint8
	R              [MaxR]Rec
}

type CasOp struct {
	Vot, XVot        uint16 // new voters; expected voters (content tokens only)
	Node             uint8  // writer+1; 0 = no op
	Cur              uint8  // still awaited by its writer
	Mode             uint8
	XEp, XPri, XMode uint8
}

type Elector struct {
	Resp, Best uint16 // identities that promised; those with the best tail
	Ep         uint8  // 0 idle
	BE, BN     uint8
	Waited     uint8 // lease profile: passed step 1, CAS not yet sent
}

type Push struct {
	Vot  uint16
	ID   uint8 // identity+1
	Mode uint8
}

type Read struct {
	Mask uint16
	Node uint8 // +1
	Ep   uint8
	Need uint8 // revisions acknowledged when the read began
	_    uint8
}

type State struct {
	DVot                     uint16
	DEp, DPri, DMode, Office uint8
	Nd                       [N]Node
	Sl                       [MaxR + 1]Slot
	Snap                     Log
	NSnap                    uint8
	Sn                       uint16 // snapshots, by revision (contents are always True up to there: checked when published)
	Tm                       uint16 // slots that hold a tombstone
	Bnd                      uint16 // revisions at which a chunk of the true chain ends
	Fre                      uint16 // slots whose true chunk begins no reign
	True                     Log    // ghost: the first winners of all slots
	NPur, HMax, _            uint8
	Cp                       Rdr // a compactor's reading
	Pend                     [3]Put
	Ops                      [3]CasOp
	El                       [2]Elector
	Push                     [MaxE + 1]Push
	Rc                       [IDN][MaxE + 1]uint8 // receipts in the network or received: (identity, epoch) -> cumulative revision
	Rd                       Read
	// ghosts
	Ack  Log // everything acknowledged so far, by revision
	Act  Log // the log of the highest Primary that became active, when it did
	ActE uint8
	// budgets used
	NVal, NCrash, NWipe, NFlip, NComp, NLoss uint8
	_                                        [1]uint8
}

func checkNoPadding(t reflect.Type) {
	switch t.Kind() {
	case reflect.Struct:
		var sum uintptr
		for i := 0; i < t.NumField(); i++ {
			sum += t.Field(i).Type.Size()
			checkNoPadding(t.Field(i).Type)
		}
		if sum != t.Size() {
			panic(fmt.Sprintf("%s has padding: %d fields, %d size", t.Name(), sum, t.Size()))
		}
	case reflect.Array:
		checkNoPadding(t.Elem())
	}
}

const stateSize = int(unsafe.Sizeof(State{}))

func (s *State) bytes() []byte { return unsafe.Slice((*byte)(unsafe.Pointer(s)), stateSize) }

func hashState(s *State) uint64 {
	b := s.bytes()
	h := uint64(0x9E3779B97F4A7C15)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := *(*uint64)(unsafe.Pointer(&b[i]))
		hi, lo := bits.Mul64(h^w, 0xff51afd7ed558ccd^uint64(i)*0x9E3779B97F4A7C15|1)
		h = hi ^ lo ^ bits.RotateLeft64(h, 23)
	}
	var w uint64
	for ; i < len(b); i++ {
		w = w<<8 | uint64(b[i])
	}
	hi, lo := bits.Mul64(h^w, 0xa0761d6478bd642f)
	h = hi ^ lo ^ bits.RotateLeft64(h, 31)
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 32
	if h == 0 {
		h = 1
	}
	return h
}

func pack(dst []byte, s *State) []byte {
	b := s.bytes()
	for i := 0; i < len(b); i += 8 {
		mp := len(dst)
		dst = append(dst, 0)
		var m byte
		for j := 0; j < 8 && i+j < len(b); j++ {
			if b[i+j] != 0 {
				m |= 1 << j
				dst = append(dst, b[i+j])
			}
		}
		dst[mp] = m
	}
	return dst
}

func unpack(src []byte, s *State) []byte {
	*s = State{}
	b := s.bytes()
	for i := 0; i < len(b); i += 8 {
		m := src[0]
		src = src[1:]
		for ; m != 0; m &= m - 1 {
			b[i+bits.TrailingZeros8(m)] = src[0]
			src = src[1:]
		}
	}
	return src
}

// canonical renames nodes: every rule treats them alike, so states equal up to a renaming are one.
// Ties are left as they are; that costs states, never soundness.
func canonical(s *State, n int) *State {
	t, _ := canonicalPerm(s, n)
	return t
}

// canonicalPerm also says which old node each new position holds.
func canonicalPerm(s *State, n int) (*State, [N]int) {
	type key struct {
		a [int(unsafe.Sizeof(Node{}))]byte
		x [4]byte
	}
	var keys [N]key
	var perm [N]int // new position -> old node
	for i := 0; i < n; i++ {
		nd := s.Nd[i]
		nd.Vot = uint16(bits.OnesCount16(nd.Vot))
		if nd.Fol != 0 {
			nd.Fol = 1
		}
		keys[i].a = *(*[int(unsafe.Sizeof(Node{}))]byte)(unsafe.Pointer(&nd))
		id := s.id(i)
		if s.DVot>>id&1 != 0 {
			keys[i].x[0] |= 1
		}
		if s.DPri == id+1 {
			keys[i].x[0] |= 2
		}
		for e := range s.El {
			if s.El[e].Resp>>id&1 != 0 {
				keys[i].x[0] |= 4 << e
			}
			if s.El[e].Best>>id&1 != 0 {
				keys[i].x[0] |= 16 << e
			}
		}
		if s.Nd[i].Fol != 0 {
			keys[i].x[1] = s.Nd[s.Nd[i].Fol-1].Ep
		}
		for e := 1; e <= MaxE; e++ {
			keys[i].x[2] = keys[i].x[2]*7 + s.Rc[id][e]
		}
		perm[i] = i
	}
	less := func(a, b *key) bool {
		for i := range a.a {
			if a.a[i] != b.a[i] {
				return a.a[i] < b.a[i]
			}
		}
		for i := range a.x {
			if a.x[i] != b.x[i] {
				return a.x[i] < b.x[i]
			}
		}
		return false
	}
	id := true
	for i := 1; i < n; i++ {
		for j := i; j > 0 && less(&keys[perm[j]], &keys[perm[j-1]]); j-- {
			perm[j], perm[j-1] = perm[j-1], perm[j]
			id = false
		}
	}
	for i := n; i < N; i++ {
		perm[i] = i
	}
	if id {
		return s, perm
	}
	var inv [N]int
	for i, o := range perm {
		inv[o] = i
	}
	mid := func(x uint8) uint8 { // identity+1
		if x == 0 {
			return 0
		}
		x--
		return uint8(inv[x%N]) + x/N*N + 1
	}
	mm := func(m uint16) (r uint16) {
		for ; m != 0; m &= m - 1 {
			x := uint8(bits.TrailingZeros16(m))
			r |= 1 << (mid(x+1) - 1)
		}
		return
	}
	t := *s
	for i := range perm {
		nd := s.Nd[perm[i]]
		nd.Vot = mm(nd.Vot)
		if nd.Fol != 0 {
			nd.Fol = uint8(inv[nd.Fol-1]) + 1
		}
		t.Nd[i] = nd
	}
	t.DVot, t.DPri = mm(s.DVot), mid(s.DPri)
	for i := range t.Ops {
		o := &t.Ops[i]
		if o.Node != 0 {
			o.Node = uint8(inv[o.Node-1]) + 1
			o.Vot, o.XVot, o.XPri = mm(o.Vot), mm(o.XVot), mid(o.XPri)
		}
	}
	for i := range t.El {
		t.El[i].Resp, t.El[i].Best = mm(t.El[i].Resp), mm(t.El[i].Best)
	}
	for i := range t.Push {
		t.Push[i].Vot, t.Push[i].ID = mm(t.Push[i].Vot), mid(t.Push[i].ID)
	}
	for i := range s.Rc {
		t.Rc[mid(uint8(i)+1)-1] = s.Rc[i]
	}
	if t.Rd.Node != 0 {
		t.Rd.Node = uint8(inv[t.Rd.Node-1]) + 1
		t.Rd.Mask = mm(t.Rd.Mask)
	}
	return &t, perm
}

func (s *State) id(n int) uint8 { return uint8(n) + s.Nd[n].Inc*N }
