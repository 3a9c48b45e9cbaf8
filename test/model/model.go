package main

import (
	"fmt"
	"math/bits"
	"strings"
)

// Cfg: bounds of a run, and which rules are switched off or broken.
type Cfg struct {
	Name                                        string
	Nodes                                       int
	MaxE, R, Vals, Crashes, Wipes, Flips, Comps uint8
	Init                                        string // cold, quorum, os
	Share                                       bool   // two electors may take the same reign for their own
	Reads, Lease                                bool
	Static                                      int  // 0: majority; N: N receipts
	NeedAll                                     bool // static: election needs all voters (the text) instead of V-N
	StreamStarting                              bool // followers may follow a Primary that is still starting
	Union, AnyJoin                              bool
	// non-atomic reads (na.go)
	NA       bool   // the log store of na.go: several snapshots, tombstones, deletion step by step, readers step by step
	RA       bool   // with NA: chain reads are atomic and right (for what is not about reading)
	RdAtom   bool   // with NA: nodes read the chain in one step, rightly; the compactor step by step
	FastEl   bool   // an election is one step (object-storage mode: the candidate's own promise is enough)
	FLoad    bool   // replicas read the chain too
	InPlace  bool   // a node may replace its history by a snapshot
	DComps   uint8  // compactions step by step (Comps: snapshots made by others, right but at any moment)
	Purges   uint8  // purges of local history
	Page     uint8  // keys on one page of a listing (0: all)
	Apply    string // "stream" (a mistake: chunks are applied as they are read), "buffer" (only once judged)
	NoJoin   bool   // never look at a slot at or below after: the chain goes on at after+1
	JoinFix  bool   // judge by the lowest slot looked at, not by after
	NoGhost  bool   // don't compare what is read with the true chain: wait for harm
	Subsets  bool   // new voters: any subset of the caught-up nodes, not only all of them
	Ret      string // compactor rule: "tomb", "time", "literal"
	DocCheck bool   // after the seal: read cluster.json again
	LogMatch bool   // also check log matching between any two nodes
	// H: literal readings of the design and deliberate mutations, by name
	H map[string]bool
	h holes
}

// holes mirrors Cfg.H for speed.
type holes struct {
	// literal or careless readings of the rules
	reuse, sameepoch, primaryinc, health, nonvoter, unknowncas, aba, noraise, agree, earlyseal,
	adopthigher, keepafter, tipnotfound, snapahead, office, readunknown, tailatomic, latetrunc bool
	// mutations
	noseal, nopromise, skipcas, owncfg, wipedvotes, nobridge, noflush, blindcas, anycand, revonly,
	ackearly, gap, static, forget, diskback, lateverify,
	nolist2, delnewest, deltomb, ignorance, belowsnap, complist2, latebehind, noverify, onesnap, dropsame bool
}

func (c *Cfg) compile() error {
	m := map[string]*bool{
		"reuse": &c.h.reuse, "sameepoch": &c.h.sameepoch, "primaryinc": &c.h.primaryinc, "health": &c.h.health,
		"nonvoter": &c.h.nonvoter, "unknowncas": &c.h.unknowncas, "aba": &c.h.aba, "noraise": &c.h.noraise,
		"agree": &c.h.agree, "earlyseal": &c.h.earlyseal, "adopthigher": &c.h.adopthigher,
		"keepafter": &c.h.keepafter, "tipnotfound": &c.h.tipnotfound, "snapahead": &c.h.snapahead,
		"office": &c.h.office, "readunknown": &c.h.readunknown, "tailatomic": &c.h.tailatomic,
		"latetrunc": &c.h.latetrunc, "noseal": &c.h.noseal, "nopromise": &c.h.nopromise, "skipcas": &c.h.skipcas,
		"owncfg": &c.h.owncfg, "wipedvotes": &c.h.wipedvotes, "nobridge": &c.h.nobridge, "noflush": &c.h.noflush,
		"blindcas": &c.h.blindcas, "anycand": &c.h.anycand, "revonly": &c.h.revonly, "ackearly": &c.h.ackearly,
		"gap": &c.h.gap, "static": &c.h.static, "forget": &c.h.forget, "diskback": &c.h.diskback, "lateverify": &c.h.lateverify,
		"nolist2": &c.h.nolist2, "delnewest": &c.h.delnewest, "deltomb": &c.h.deltomb, "ignorance": &c.h.ignorance,
		"belowsnap": &c.h.belowsnap, "complist2": &c.h.complist2, "latebehind": &c.h.latebehind, "noverify": &c.h.noverify,
		"onesnap": &c.h.onesnap, "dropsame": &c.h.dropsame,
	}
	for k := range c.H {
		p, ok := m[k]
		if !ok {
			return fmt.Errorf("unknown hole or mutation %q", k)
		}
		*p = true
	}
	return nil
}

func (c *Cfg) initial() State {
	var s State
	if c.Init == "cold" {
		return s
	}
	if c.Init == "origin" { // a lone snapshot at revision 2, records of epoch 1; nodes are empty
		s.DEp, s.DVot = 1, 7
		s.True.add(mk(1, 0))
		s.True.add(mk(1, 15))
		s.Sn, s.Bnd = 1<<2, 1<<2
		s.Ack, s.Act, s.ActE = s.True, s.True, 1
		return s
	}
	s.DEp, s.DPri = 1, 1
	s.DVot = 7
	if c.Init == "quorum" || c.Init == "quorum4" {
		s.DMode = mQ
	}
	seal := mk(1, 0)
	s.Sl[1] = Slot{Hdr: 1, N: 1}
	s.Sl[1].R[0] = seal
	if c.NA {
		s.True.add(seal)
		s.Bnd = 1 << 1
	}
	for i := 0; i < 3; i++ {
		nd := &s.Nd[i]
		nd.Log.add(seal)
		nd.Dur, nd.Prom = 1, 1
		s.Rc[i][1] = 1
		if i > 0 {
			nd.Fol, nd.FolE = 1, 1
		}
	}
	if c.Init == "quorum4" { // the fourth node follows too, but is no voter
		nd := &s.Nd[3]
		nd.Log.add(seal)
		nd.Dur, nd.Prom, nd.Fol, nd.FolE = 1, 1, 1, 1
		s.Rc[3][1] = 1
	}
	if c.NA {
		for i := range s.Nd {
			if s.Nd[i].Log.N > 0 {
				s.Nd[i].LgF, s.Nd[i].LgR, s.Nd[i].LgE = 1, 1, 1
			}
		}
	}
	p := &s.Nd[0]
	p.Srv, p.Role, p.Ep, p.Tip, p.Com, p.Vot, p.Fresh = 1, active, 1, 1, 1, 7, 1
	p.Mode = s.DMode
	p.Qok = s.DMode
	s.Rc[0][1] = 0
	s.Ack.add(seal)
	s.Act = s.Ack
	s.ActE = 1
	if strings.HasPrefix(c.Init, "late") {
		c.late(&s)
	}
	return s
}

// ---- helpers ----

func (s *State) chain() (Log, uint8) { // the chain from the newest snapshot on, and its highest header epoch
	l := s.Snap
	hi := l.tailE()
	for l.N < MaxR && s.Sl[l.N+1].N != 0 {
		sl := &s.Sl[l.N+1]
		if sl.Hdr > hi {
			hi = sl.Hdr
		}
		for j := uint8(0); j < sl.N; j++ {
			l.add(sl.R[j])
		}
	}
	return l, hi
}

func (c *Cfg) stepDown(s *State, n int) {
	nd := &s.Nd[n]
	if nd.Role == replica {
		return
	}
	e := nd.Ep
	nd.Log.cut(nd.Dur)
	nd.Role, nd.Ep, nd.Ph, nd.Tip, nd.Com, nd.Put, nd.PutN, nd.PutX, nd.Fst, nd.Fresh = 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
	nd.Qok, nd.Mode, nd.Vot, nd.Cas, nd.CasM, nd.Lease = 0, 0, 0, 0, 0, 0
	nd.Rd = Rdr{}
	nd.forgetLogged()
	for i := range s.Ops {
		if s.Ops[i].Node == uint8(n)+1 {
			s.Ops[i].Cur = 0
		}
	}
	for i := range s.Nd {
		if s.Nd[i].Fol == uint8(n)+1 {
			s.Nd[i].Fol, s.Nd[i].FolE, s.Nd[i].Late = 0, 0, 0
		}
	}
	for i := range s.Rc {
		s.Rc[i][e] = 0
	}
	if s.Rd.Node == uint8(n)+1 {
		s.Rd = Read{}
	}
}

// docChanged: a new version token; whatever was conditional on an older one can never land.
func (c *Cfg) docChanged(s *State) {
	if !c.h.aba {
		s.Ops = [3]CasOp{}
	}
	if !c.h.blindcas {
		s.El = [2]Elector{}
	}
}

func (c *Cfg) prune(s *State) {
	for e := 1; e <= MaxE; e++ {
		p := &s.Push[e]
		if p.ID == 0 {
			continue
		}
		x := p.ID - 1
		n := int(x % N)
		if !c.h.primaryinc && s.id(n) != x || s.Nd[n].Prom > uint8(e) && !c.h.nopromise {
			*p = Push{}
		}
	}
}

func (c *Cfg) durable(s *State, p int, id uint8, e uint8) uint8 { // how far identity id vouches at epoch e
	if id == s.id(p) {
		if c.h.ackearly {
			return s.Nd[p].Log.N
		}
		return s.Nd[p].Dur
	}
	v := s.Rc[id][e]
	if c.h.wipedvotes {
		for x := id % N; x < IDN; x += N {
			if s.Rc[x][e] > v {
				v = s.Rc[x][e]
			}
		}
	}
	return v
}

// enoughToAck: do the voters that have revision r durably at epoch e make a commit?
func (c *Cfg) enoughToAck(s *State, p int, r uint8) bool {
	nd := &s.Nd[p]
	if nd.Dur < r && !c.h.ackearly {
		return false
	}
	self, others, v := 0, 0, 0
	for m := nd.Vot; m != 0; m &= m - 1 {
		id := uint8(bits.TrailingZeros16(m))
		v++
		if c.h.wipedvotes && id%N == uint8(p) || id == s.id(p) {
			self = 1
		} else if c.durable(s, p, id, nd.Ep) >= r {
			others++
		}
	}
	if v < 2 {
		return false
	}
	if c.h.nonvoter {
		self = 1
	}
	if c.Static > 0 {
		return self+others >= c.Static+1
	}
	return self+others >= v/2+1
}

func (c *Cfg) enoughPromises(s *State, resp uint16) bool {
	if s.DMode == mOS || c.h.owncfg {
		return resp != 0
	}
	have, v := 0, 0
	for m := s.DVot; m != 0; m &= m - 1 {
		id := uint8(bits.TrailingZeros16(m))
		v++
		if resp>>id&1 != 0 {
			have++
		} else if c.h.wipedvotes {
			for x := id % N; x < IDN; x += N {
				if resp>>x&1 != 0 {
					have++
					break
				}
			}
		}
	}
	need := v/2 + 1
	if c.Static > 0 {
		need = v - c.Static
		if c.NeedAll {
			need = v
		}
		if c.h.static {
			need--
		}
		if need < 1 {
			need = 1
		}
	}
	return have >= need
}

// ack records that p answered clients for everything up to r; returns a violation or "".
func (c *Cfg) ack(s *State, p int, r uint8) string {
	nd := &s.Nd[p]
	for k := uint8(1); k <= r; k++ {
		x := nd.Log.at(k)
		if k <= s.Ack.N {
			if s.Ack.at(k) != x {
				return fmt.Sprintf("TWO RECORDS ACKNOWLEDGED at revision %d: %v before, %v now (by %s)", k, s.Ack.at(k), x, nm(p))
			}
		} else {
			s.Ack.add(x)
		}
		if nd.Ep < s.ActE && (k > s.Act.N || s.Act.at(k) != x) {
			return fmt.Sprintf("DEPOSED PRIMARY ACKNOWLEDGED revision %d %v at epoch %d (by %s), epoch %d is active without it", k, x, nd.Ep, nm(p), s.ActE)
		}
	}
	return ""
}

func (c *Cfg) activate(s *State, p int) string {
	nd := &s.Nd[p]
	nd.Role = active
	nd.Com = nd.Log.N
	if c.h.noseal {
		nd.Com = nd.Tip
	}
	for k := uint8(1); k <= s.Ack.N; k++ {
		if k > nd.Log.N || nd.Log.at(k) != s.Ack.at(k) {
			if nd.Ep >= s.ActE {
				return fmt.Sprintf("ACKNOWLEDGED RECORD LOST: revision %d %v is not in the history of the new Primary %s (epoch %d)", k, s.Ack.at(k), nm(p), nd.Ep)
			}
			// an older Primary that got here late: harmless as long as it never acknowledges or is read
			break
		}
	}
	if nd.Ep > s.ActE {
		s.ActE, s.Act = nd.Ep, nd.Log
		s.Act.cut(nd.Com)
	}
	// the seal itself counts as acknowledged: watches may carry it
	return c.ack(s, p, nd.Com)
}

func agreeFixed(p, f *Log) uint8 {
	k := min(p.N, f.N)
	for k > 0 && (p.at(k).ep() != f.at(k).ep() || f.at(k) == 0) {
		k--
	}
	return k
}

// one answer from a table of epoch boundaries, used unchecked
func agreeOnce(p, f *Log) uint8 {
	e := f.tailE()
	k := uint8(0)
	for i := uint8(1); i <= p.N; i++ {
		if p.at(i).ep() <= e {
			k = i
		}
	}
	return min(k, f.N)
}

func (c *Cfg) merge(s *State, l *Log, ch *Log) {
	from := uint8(1)
	if c.h.snapahead && l.N >= s.Snap.N {
		from = s.Snap.N + 1
	}
	for k := from; k <= ch.N; k++ {
		if k > l.N {
			l.add(ch.at(k))
		} else if l.at(k).ep() != ch.at(k).ep() {
			if !c.h.keepafter && l.at(k) != 0 {
				l.cut(k - 1)
				l.add(ch.at(k))
			} else {
				l.R[k-1] = ch.at(k)
			}
		}
	}
}

// names is changed only while a trace is rebuilt: states are stored with their nodes renamed.
var names = [N]int{0, 1, 2, 3}

func nm(n int) string { return string(rune('A' + names[n])) }

// ---- transitions ----

type emitFn func(t *State, viol string, k kind, a, b, x int)

type kind uint8

const (
	kWait kind = iota
	kOffice
	kReign
	kShare
	kPromise
	kPromiseUnh
	kPromiseStale
	kChoose
	kStart
	kRead
	kUpload
	kSeal
	kNoSeal
	kResolve
	kWrite
	kFsync
	kHandshake
	kHandshakeLate
	kLate
	kAppend
	kGap
	kQAck
	kFlush
	kOSPut
	kLand
	kRollback
	kCasOS
	kCasQ
	kCasLand
	kCasLearn
	kCasGiveUp
	kCrash
	kWipe
	kLoad
	kSnapDel
	kVerify
	kDisc
	kRdStart
	kRdAnswer
	kRdDone
	kRdDoc
	kGrant
	kExpire
	kRdLease
	kForget
	kDiskBack
	kFast
	kNaAfter
	kNaLoad
	kNaList1
	kNaPage
	kNaLocate
	kNaGet
	kNaAccept
	kNaFail
	kNaPublish
	kNaSnap
	kNaDel
	kNaTomb
	kNaDelSnap
	kPurge
	kInPlace
	kBehind
	kNaJudge
	nKinds
)

func label(k kind, a, b, x int) string {
	e := func(i int) string { return fmt.Sprintf("elector%d", i+1) }
	switch k {
	case kWait:
		return e(a) + " (in office): step 1 done, all leases it knows of are over; reads cluster.json"
	case kOffice:
		return e(a) + " takes office (the lock of the other ran out)"
	case kReign:
		return fmt.Sprintf("%s: CAS cluster.json to epoch %d, primary empty", e(a), b)
	case kShare:
		return e(a) + ": its own CAS had an unknown outcome; takes the new reign for its own"
	case kPromise:
		return fmt.Sprintf("%s promises epoch %d to %s", nm(b), x, e(a))
	case kPromiseUnh:
		return fmt.Sprintf("%s (not healthy) promises epoch %d to %s; counted, not a candidate", nm(b), x, e(a))
	case kPromiseStale:
		return fmt.Sprintf("%s promises epoch %d to %s, but reports its tail of one record ago", nm(b), x, e(a))
	case kChoose:
		return fmt.Sprintf("%s: CAS primary=%s for epoch %d", e(a), nm(b), x)
	case kStart:
		return fmt.Sprintf("%s learns that it is Primary of epoch %d: starting", nm(a), b)
	case kRead:
		return fmt.Sprintf("%s (starting) reads the object log up to %d", nm(a), b)
	case kUpload:
		return fmt.Sprintf("%s (starting) sends PUT chunks/%d (local records up to %d)", nm(a), b, x)
	case kSeal:
		return fmt.Sprintf("%s (starting) sends PUT chunks/%d (seal)", nm(a), b)
	case kNoSeal:
		return fmt.Sprintf("%s becomes active without sealing", nm(a))
	case kResolve:
		return fmt.Sprintf("%s sees the outcome of its PUT chunks/%d: %s", nm(a), b, []string{"won", "won: seal stands, active, acknowledged", "lost: stops", "lost: adopts", "won, but took too long: steps down", "won, but a snapshot already covers the slot (or cluster.json moved on): steps down", "won: acknowledged"}[x])
	case kWrite:
		return fmt.Sprintf("%s takes client write w%d as revision %d (in memory, sent to followers)", nm(a), b, x)
	case kFsync:
		return fmt.Sprintf("%s: own SQLite commit up to %d", nm(a), b)
	case kHandshake:
		return fmt.Sprintf("%s follows %s, keeps its records up to %d", nm(a), nm(b), x)
	case kHandshakeLate:
		return fmt.Sprintf("%s asks %s; the answer 'agree up to %d' is delayed", nm(a), nm(b), x)
	case kLate:
		return fmt.Sprintf("%s: the delayed answer arrives, it removes everything beyond %d", nm(a), b)
	case kAppend:
		return fmt.Sprintf("%s durably stores revision %d from %s, sends a receipt", nm(a), x, nm(b))
	case kGap:
		return fmt.Sprintf("%s misses a record and durably stores revision %d from %s, sends a receipt", nm(a), x, nm(b))
	case kQAck:
		return fmt.Sprintf("%s ACKNOWLEDGES up to %d by receipts", nm(a), b)
	case kFlush:
		return fmt.Sprintf("%s sends PUT chunks/%d (committed records up to %d)", nm(a), b, x)
	case kOSPut:
		return fmt.Sprintf("%s (object-storage path) sends PUT chunks/%d (records up to %d)", nm(a), b, x)
	case kLand:
		return fmt.Sprintf("the PUT of chunks/%d by epoch %d lands: %s", a, b, []string{"slot taken, refused", "slot won"}[x])
	case kRollback:
		return fmt.Sprintf("%s: PUT chunks/%d failed for certain; rolls tentative records back to %d (connected followers too) and goes on", nm(a), b, x)
	case kCasOS:
		return fmt.Sprintf("%s sends CAS durability.mode=object-storage", nm(a))
	case kCasQ:
		return fmt.Sprintf("%s sends CAS durability.mode=quorum, voters=%s", nm(a), idset(uint16(x)))
	case kCasLand:
		return fmt.Sprintf("the durability CAS of %s lands (mode=%s)", nm(a), []string{"object-storage", "quorum"}[b])
	case kCasLearn:
		return fmt.Sprintf("%s learns that its CAS succeeded", nm(a))
	case kCasGiveUp:
		return fmt.Sprintf("%s: no answer to its CAS, outcome unknown, goes on", nm(a))
	case kCrash:
		return fmt.Sprintf("%s crashes and restarts", nm(a))
	case kWipe:
		return fmt.Sprintf("%s loses its disk, comes back as a new incarnation", nm(a))
	case kLoad:
		return fmt.Sprintf("%s loads from the object log: now %d records", nm(a), b)
	case kSnapDel:
		return fmt.Sprintf("compactor: snapshot at %d, retention passes, superseded chunks deleted", a)
	case kVerify:
		return fmt.Sprintf("%s reads cluster.json again: %s", nm(a), []string{"deposed, steps down", "still Primary"}[b])
	case kDisc:
		return fmt.Sprintf("%s loses its stream to the Primary", nm(a))
	case kRdStart:
		return fmt.Sprintf("a linearizable read arrives at %s; it asks the voters", nm(a))
	case kRdAnswer:
		return fmt.Sprintf("%s answers: still at this epoch", nm(a))
	case kRdDone:
		return fmt.Sprintf("%s answers the read (majority round)", nm(a))
	case kRdDoc:
		return fmt.Sprintf("%s answers a read (cluster.json still names it)", nm(a))
	case kGrant:
		return fmt.Sprintf("%s grants %s a read lease", e(b), nm(a))
	case kExpire:
		return fmt.Sprintf("the lease of %s runs out", nm(a))
	case kForget:
		return fmt.Sprintf("%s restarts and has forgotten its promise", nm(a))
	case kDiskBack:
		return fmt.Sprintf("%s comes back on an older image of its disk (one record shorter), same incarnation", nm(a))
	case kFast:
		return fmt.Sprintf("%s is named Primary of epoch %d: starting", nm(a), b)
	case kNaAfter:
		return fmt.Sprintf("%s will read the chain from after=%d (%s)", who(a), b, []string{"nothing known", "its logged position: the log says the same there", "the newest snapshot"}[x])
	case kNaLoad:
		return fmt.Sprintf("%s REPLACES its history by snapshot %d, and will read the chain from there (it had %d records)", who(a), b, x)
	case kNaList1:
		return fmt.Sprintf("%s lists snapshots: %s", who(a), bitset(uint16(b)))
	case kNaPage:
		return fmt.Sprintf("%s lists chunks: %s%s", who(a), bitset(uint16(b)), []string{"", " and more"}[x])
	case kNaLocate:
		return fmt.Sprintf("%s looks for the last slot at or below after: %d (0: none; floor %d)", who(a), b, x)
	case kNaGet:
		return fmt.Sprintf("%s gets chunks/%d: up to %d", who(a), b, x)
	case kNaAccept:
		return fmt.Sprintf("%s lists snapshots again (%s): the chain ends at %d", who(a), bitset(uint16(x)), b)
	case kNaFail:
		return fmt.Sprintf("%s: reading fails: %s", who(a), failures[b])
	case kNaPublish:
		return fmt.Sprintf("the compactor publishes snapshots/%d", b)
	case kNaSnap:
		return fmt.Sprintf("another compactor publishes snapshots/%d", a)
	case kNaDel:
		return fmt.Sprintf("a compactor deletes chunks/%d", a)
	case kNaTomb:
		return fmt.Sprintf("a compactor overwrites chunks/%d with a tombstone", a)
	case kNaDelSnap:
		return fmt.Sprintf("a compactor deletes snapshots/%d", a)
	case kPurge:
		return fmt.Sprintf("%s purges its history up to %d", nm(a), b)
	case kInPlace:
		return fmt.Sprintf("%s REPLACES its history (%d records) by snapshot %d", nm(a), x, b)
	case kNaJudge:
		return fmt.Sprintf("%s lists snapshots %s, then applies chunks/%d", who(a), bitset(uint16(x)), b)
	case kBehind:
		return fmt.Sprintf("%s is told 'behind' by %s (agreement at %d)", nm(a), nm(b), x)
	case kRdLease:
		return fmt.Sprintf("%s answers a read under its lease", nm(a))
	}
	return "?"
}

func idset(m uint16) string {
	var p []string
	for ; m != 0; m &= m - 1 {
		x := bits.TrailingZeros16(m)
		p = append(p, nm(x%N)+strings.Repeat("'", x/N))
	}
	return "{" + strings.Join(p, ",") + "}"
}

func (s *State) addPut(w Put) bool {
	for i := range s.Pend {
		if s.Pend[i].N == 0 {
			s.Pend[i] = w
			// keep the set sorted: it is a set
			for j := i; j > 0 && lessPut(&s.Pend[j], &s.Pend[j-1]); j-- {
				s.Pend[j], s.Pend[j-1] = s.Pend[j-1], s.Pend[j]
			}
			return true
		}
	}
	return false
}

func lessPut(a, b *Put) bool {
	if a.Hdr != b.Hdr {
		return a.Hdr < b.Hdr
	}
	if a.Key != b.Key {
		return a.Key < b.Key
	}
	return a.N < b.N
}

func (s *State) delPut(i int) {
	copy(s.Pend[i:], s.Pend[i+1:])
	s.Pend[len(s.Pend)-1] = Put{}
}

func (s *State) sendPut(n int, key, to uint8) bool {
	nd := &s.Nd[n]
	w := Put{Hdr: nd.Ep, Key: key, N: to - key + 1}
	for k := key; k <= to; k++ {
		w.R[k-key] = nd.Log.at(k)
	}
	if !s.addPut(w) {
		return false
	}
	nd.Put, nd.PutN, nd.PutX = key, w.N, 0
	return true
}

func (c *Cfg) succ(s0 *State, emit emitFn) {
	nn := c.Nodes
	if c.NA {
		c.succNA(s0, emit)
	}
	// ---- electors ----
	for i := range s0.El {
		if c.FastEl {
			break
		}
		el := &s0.El[i]
		if c.Lease {
			// step 1 (wait for leases) and the CAS of step 2 are apart; only the elector in office does step 1
			if s0.DEp < c.MaxE && int(s0.Office) == i && el.Ep == 0 && el.Waited == 0 {
				ok := true
				for n := 0; n < nn; n++ {
					if s0.Nd[n].Lease != 0 {
						ok = false
					}
				}
				if ok {
					t := *s0
					t.El[i] = Elector{Waited: 1}
					emit(&t, "", kWait, i, 0, 0)
				}
			}
			if int(s0.Office) != i && s0.NLoss < 2 {
				t := *s0
				t.Office = uint8(i)
				t.NLoss++
				if !c.h.office { // taking office is itself a CAS on cluster.json
					c.docChanged(&t)
				}
				emit(&t, "", kOffice, i, 0, 0)
			}
			if s0.DEp < c.MaxE && el.Waited != 0 {
				t := *s0
				t.DEp++
				t.DPri = 0
				c.docChanged(&t)
				t.El[i] = Elector{Ep: t.DEp}
				emit(&t, "", kReign, i, int(t.DEp), 0)
			}
		} else if s0.DEp < c.MaxE && (i == 0 || c.h.blindcas && el.Ep == 0) {
			t := *s0
			t.DEp++
			t.DPri = 0
			c.docChanged(&t)
			t.El[i] = Elector{Ep: t.DEp}
			emit(&t, "", kReign, i, int(t.DEp), 0)
		}
		if c.Share && i == 1 && el.Ep == 0 && s0.El[0].Ep != 0 && s0.El[0].Ep == s0.DEp && s0.DPri == 0 {
			t := *s0
			t.El[1] = Elector{Ep: t.DEp}
			emit(&t, "", kShare, 1, 0, 0)
		}
		if el.Ep == 0 {
			continue
		}
		for n := 0; n < nn; n++ {
			id := s0.id(n)
			if el.Resp>>id&1 != 0 || s0.Nd[n].Prom > el.Ep {
				continue
			}
			for v := 0; v < 3; v++ {
				if v == 1 && !c.h.health || v == 2 && !c.h.tailatomic {
					continue
				}
				t := *s0
				nd, te := &t.Nd[n], &t.El[i]
				if nd.Role != replica && nd.Ep < el.Ep && !c.h.nopromise {
					c.stepDown(&t, n)
				}
				nd.Prom = el.Ep
				if nd.Fol != 0 && nd.FolE < el.Ep && !c.h.nopromise {
					nd.Fol, nd.FolE, nd.Late = 0, 0, 0
				}
				te.Resp |= 1 << id
				be, bn := nd.Log.tailE(), nd.Log.N
				if v == 2 {
					if bn < 1 {
						continue
					}
					bn--
					be = 0
					if bn > 0 {
						be = nd.Log.at(bn).ep()
					}
				}
				if c.h.revonly {
					be = 1
				}
				if v != 1 {
					if te.Best == 0 || be > te.BE || be == te.BE && bn > te.BN {
						te.BE, te.BN, te.Best = be, bn, 1<<id
					} else if be == te.BE && bn == te.BN || c.h.anycand {
						te.Best |= 1 << id
					}
				}
				c.prune(&t)
				emit(&t, "", []kind{kPromise, kPromiseUnh, kPromiseStale}[v], i, n, int(el.Ep))
			}
		}
		if (el.Ep == s0.DEp && s0.DPri == 0 || c.h.blindcas) && c.enoughPromises(s0, el.Resp) {
			for m := el.Best; m != 0; m &= m - 1 {
				id := uint8(bits.TrailingZeros16(m))
				t := *s0
				t.DEp, t.DPri = el.Ep, id+1
				t.Push[el.Ep] = Push{Vot: t.DVot, Mode: t.DMode, ID: id + 1}
				c.docChanged(&t)
				t.El[i] = Elector{}
				c.prune(&t)
				emit(&t, "", kChoose, i, int(id%N), int(el.Ep))
			}
		}
	}
	// ---- nodes ----
	for n := 0; n < nn; n++ {
		nd := &s0.Nd[n]
		id := s0.id(n)
		// learn that it is Primary
		for e := uint8(1); e <= c.MaxE; e++ {
			p := s0.Push[e]
			if p.ID == 0 {
				continue
			}
			if x := p.ID - 1; x != id && !(c.h.primaryinc && x%N == uint8(n)) {
				continue
			}
			if nd.Prom > e && !c.h.nopromise || nd.Role != replica && nd.Ep >= e || nd.Srv > e || nd.Srv == e && !c.h.sameepoch {
				continue
			}
			t := *s0
			c.stepDown(&t, n)
			td := &t.Nd[n]
			td.Role, td.Ep, td.Srv, td.Prom = starting, e, e, max(e, td.Prom)
			td.Fol, td.FolE, td.Late = 0, 0, 0
			td.Rd = Rdr{}
			td.Mode, td.Vot = p.Mode, p.Vot
			if t.DEp == e {
				td.Mode, td.Vot = t.DMode, t.DVot
			}
			if td.Mode == mQ {
				td.Qok = 1
			}
			td.Fresh = 1
			if !c.h.sameepoch && !c.h.primaryinc {
				t.Push[e] = Push{}
			}
			c.prune(&t)
			emit(&t, "", kStart, n, int(e), 0)
		}
		if nd.Role == starting {
			c.succStarting(s0, n, emit)
		}
		if nd.Role != replica && nd.Put != 0 {
			c.succResolve(s0, n, emit)
		}
		if nd.Role == active {
			c.succActive(s0, n, emit)
		}
		// following
		for p := 0; p < nn; p++ {
			pd := &s0.Nd[p]
			if p == n || !(pd.Role == active || pd.Role == starting && pd.Ph == 1 && c.StreamStarting) {
				continue
			}
			e := pd.Ep
			if nd.Prom > e && !c.h.nopromise || nd.Role != replica && nd.Ep >= e {
				continue
			}
			if !(nd.Fol == uint8(p)+1 && nd.FolE == e) || c.h.latetrunc && nd.Late == 0 {
				t := *s0
				c.stepDown(&t, n)
				td := &t.Nd[n]
				k := agreeFixed(&pd.Log, &td.Log)
				if c.h.agree {
					k = agreeOnce(&pd.Log, &td.Log)
				}
				if c.h.latetrunc && k < MaxR && nd.Fol == uint8(p)+1 && nd.FolE == e {
					td.Late = k + 1
					emit(&t, "", kHandshakeLate, n, p, int(k))
				} else {
					td.Log.cut(k)
					td.Dur = k
					td.Fol, td.FolE, td.Late = uint8(p)+1, e, 0
					if c.NA {
						td.Rd = Rdr{}
						td.forgetLogged()
						td.learnLogged(pd)
						if !c.h.latebehind {
							td.Beh = 0
						}
					}
					if !c.h.noraise {
						td.Prom = max(e, td.Prom)
					}
					if t.Rc[id][e] < k {
						t.Rc[id][e] = k
					}
					c.prune(&t)
					emit(&t, c.logMatch(&t), kHandshake, n, p, int(k))
				}
			}
			if nd.Fol == uint8(p)+1 && nd.FolE == e && nd.Role == replica {
				if nd.Log.N < pd.Log.N {
					t := *s0
					td := &t.Nd[n]
					td.Log.add(pd.Log.at(nd.Log.N + 1))
					td.Dur = td.Log.N
					if c.NA {
						td.learnLogged(pd)
					}
					t.Rc[id][e] = max(t.Rc[id][e], td.Dur)
					emit(&t, c.logMatch(&t), kAppend, n, p, int(td.Dur))
				}
				if c.h.gap && nd.Log.N+1 < pd.Log.N {
					t := *s0
					td := &t.Nd[n]
					td.Log.add(0)
					td.Log.add(pd.Log.at(nd.Log.N + 2))
					td.Dur = td.Log.N
					t.Rc[id][e] = max(t.Rc[id][e], td.Dur)
					emit(&t, "", kGap, n, p, int(td.Dur))
				}
			}
		}
		if nd.Late != 0 {
			t := *s0
			td := &t.Nd[n]
			k := nd.Late - 1
			td.Late = 0
			td.Log.cut(k)
			td.Dur = min(td.Dur, td.Log.N)
			emit(&t, "", kLate, n, int(k), 0)
		}
		if nd.Fol != 0 && c.h.reuse {
			t := *s0
			t.Nd[n].Fol, t.Nd[n].FolE = 0, 0
			emit(&t, "", kDisc, n, 0, 0)
		}
		if nd.Role != replica && s0.NCrash < c.Crashes {
			t := *s0
			c.stepDown(&t, n)
			t.NCrash++
			emit(&t, "", kCrash, n, 0, 0)
		}
		if s0.NWipe < c.Wipes && nd.Inc < 2 && (nd.Log.N > 0 || nd.Prom > 0) {
			t := *s0
			c.stepDown(&t, n)
			t.Nd[n] = Node{Inc: nd.Inc + 1}
			for i := range t.El {
				// its earlier answers stand, under the identity that is gone
				_ = i
			}
			t.NWipe++
			c.prune(&t)
			emit(&t, "", kWipe, n, 0, 0)
		}
		if c.h.forget && nd.Role == replica && nd.Prom > nd.Log.tailE() && s0.NCrash < c.Crashes {
			t := *s0
			t.NCrash++
			td := &t.Nd[n]
			td.Prom, td.Fol, td.FolE = nd.Log.tailE(), 0, 0
			emit(&t, "", kForget, n, 0, 0)
		}
		if c.h.diskback && nd.Role == replica && nd.Log.N > 1 && s0.NCrash < c.Crashes {
			t := *s0
			t.NCrash++
			td := &t.Nd[n]
			td.Log.cut(nd.Log.N - 1)
			td.Dur, td.Fol, td.FolE = td.Log.N, 0, 0
			emit(&t, "", kDiskBack, n, 0, 0)
		}
		if nd.Role == replica && (!c.NA || c.RA && c.FLoad) {
			ch, _ := s0.chain()
			t := *s0
			td := &t.Nd[n]
			c.merge(&t, &td.Log, &ch)
			if td.Log.N < td.Pur || c.NA && !sameUpTo(&td.Log, &nd.Log, td.Pur) {
				continue
			}
			td.forgetLogged()
			if td.Log != nd.Log {
				td.Dur = td.Log.N
				td.Fol, td.FolE, td.Late = 0, 0, 0
				emit(&t, c.logMatch(&t), kLoad, n, int(td.Dur), 0)
			}
		}
	}
	// ---- object storage ----
	for i := range s0.Pend {
		w := &s0.Pend[i]
		if w.N == 0 {
			continue
		}
		t := *s0
		t.delPut(i)
		won := 0
		if c.NA {
			v := ""
			if t.Sl[w.Key].N == 0 && t.Tm>>w.Key&1 == 0 {
				t.Sl[w.Key] = Slot{Hdr: w.Hdr, N: w.N, R: w.R}
				won = 1
				v = c.landed(&t, w)
			}
			emit(&t, v, kLand, int(w.Key), int(w.Hdr), won)
			continue
		}
		if t.Sl[w.Key].N == 0 {
			t.Sl[w.Key] = Slot{Hdr: w.Hdr, N: w.N, R: w.R}
			won = 1
		} else if c.Comps > s0.NComp {
			// a refused PUT is also allowed to stay in the network: covered by not landing it yet
		}
		emit(&t, c.chainOrder(&t), kLand, int(w.Key), int(w.Hdr), won)
	}
	for i := range s0.Ops {
		o := s0.Ops[i]
		if o.Node == 0 {
			continue
		}
		if c.h.aba && !(s0.DEp == o.XEp && s0.DPri == o.XPri && s0.DMode == o.XMode && s0.DVot == o.XVot) {
			continue
		}
		t := *s0
		t.Ops[i] = CasOp{}
		t.DMode, t.DVot = o.Mode, o.Vot
		if o.Cur != 0 {
			t.Nd[o.Node-1].Cas = 2
		}
		c.docChanged(&t)
		emit(&t, "", kCasLand, int(o.Node-1), int(o.Mode), 0)
	}
	if s0.NComp < c.Comps && !c.NA {
		if ch, _ := s0.chain(); ch.N > s0.Snap.N {
			t := *s0
			t.NComp++
			prev := uint8(0) // epoch of the record before the chunk
			if t.Snap.N > 0 {
				prev = t.Snap.tailE()
			}
			for k := t.Snap.N + 1; k <= ch.N; {
				sl := &t.Sl[k]
				nx := k + sl.N
				last := sl.R[sl.N-1].ep()
				if !((c.Ret == "tomb" || c.Ret == "tombonly") && sl.Hdr > prev) {
					*sl = Slot{}
				}
				prev = last
				k = nx
			}
			t.Snap = ch
			for n := 0; n < nn; n++ {
				td := &t.Nd[n]
				if td.Role == replica {
					continue
				}
				if (c.Ret == "time" || c.Ret == "literal") && td.Put != 0 {
					td.PutX = 1
				}
				if c.Ret == "time" {
					td.Fresh = 0
					if td.Role == starting && td.Put == 0 {
						td.Ph = 0
					}
				}
			}
			emit(&t, "", kSnapDel, int(ch.N), 0, 0)
		}
	}
	if c.Reads {
		c.succReads(s0, emit)
	}
}

func (c *Cfg) succStarting(s0 *State, n int, emit emitFn) {
	nd := &s0.Nd[n]
	if nd.Put != 0 {
		return
	}
	if nd.Ph == 0 {
		if c.NA && c.RdAtom {
			t := *s0
			td := &t.Nd[n]
			if t.HMax > nd.Ep {
				c.stepDown(&t, n)
				emit(&t, "", kRead, n, int(t.True.N), 0)
				return
			}
			c.merge(&t, &td.Log, &t.True)
			td.Tip, td.Dur, td.Ph, td.Fresh = t.True.N, td.Log.N, 1, 1
			td.forgetLogged()
			emit(&t, c.logMatch(&t), kRead, n, int(td.Tip), 0)
			return
		}
		if c.NA && !c.RA {
			return // the reader is at work
		}
		t := *s0
		td := &t.Nd[n]
		ch, hi := t.chain()
		if hi > nd.Ep && !c.h.adopthigher {
			c.stepDown(&t, n)
			emit(&t, "", kRead, n, int(ch.N), 0)
			return
		}
		if c.h.tipnotfound && nd.Log.N < ch.N && t.Sl[nd.Log.N+1].N == 0 {
			td.Tip = nd.Log.N
		} else {
			c.merge(&t, &td.Log, &ch)
			if c.NA {
				if !sameUpTo(&td.Log, &nd.Log, td.Pur) {
					return // would remove purged history: refuses
				}
				td.forgetLogged()
			}
			td.Tip = ch.N
		}
		td.Dur = td.Log.N
		td.Ph, td.Fresh = 1, 1
		emit(&t, c.logMatch(&t), kRead, n, int(td.Tip), 0)
		return
	}
	if c.Ret == "time" && nd.Fresh == 0 {
		return
	}
	if nd.Log.N > nd.Tip {
		t := *s0
		if t.sendPut(n, nd.Tip+1, nd.Log.N) {
			if nd.Fst == 0 {
				t.Nd[n].Fst = nd.Tip + 1
			}
			emit(&t, "", kUpload, n, int(nd.Tip+1), int(nd.Log.N))
		}
		return
	}
	if c.h.noseal {
		t := *s0
		v := c.activate(&t, n)
		emit(&t, v, kNoSeal, n, 0, 0)
		return
	}
	if nd.Tip < c.R {
		t := *s0
		w := Put{Hdr: nd.Ep, Key: nd.Tip + 1, N: 1}
		w.R[0] = mk(nd.Ep, 0)
		if t.addPut(w) {
			td := &t.Nd[n]
			td.Put, td.PutN, td.PutX = w.Key, 1, 0
			if nd.Fst == 0 {
				td.Fst = w.Key
			}
			if c.h.earlyseal {
				td.Log.add(w.R[0])
				td.Dur = td.Log.N
			}
			emit(&t, c.logMatch(&t), kSeal, n, int(w.Key), 0)
		}
	}
}

func (c *Cfg) succResolve(s0 *State, n int, emit emitFn) {
	nd := &s0.Nd[n]
	k := nd.Put
	sl := &s0.Sl[k]
	if c.NA && s0.Tm>>k&1 != 0 { // a tombstone: ours (freed), of a higher epoch, or of a lower one: stops or reads again
		t := *s0
		if nd.Role == active || sl.Hdr >= nd.Ep {
			c.stepDown(&t, n)
			emit(&t, "", kResolve, n, int(k), 2)
		} else {
			td := &t.Nd[n]
			td.Put, td.PutN, td.PutX, td.Ph, td.Fst, td.Rd = 0, 0, 0, 0, 0, Rdr{}
			emit(&t, "", kResolve, n, int(k), 3)
		}
		return
	}
	if sl.N == 0 {
		return // still unknown: it sends the same bytes again, which changes nothing
	}
	t := *s0
	td := &t.Nd[n]
	td.Put, td.PutN = 0, 0
	x := td.PutX
	td.PutX = 0
	mine := sl.Hdr == nd.Ep && sl.N == nd.PutN
	sealing := nd.Role == starting && mine && sl.R[0] == mk(nd.Ep, 0) && sl.N == 1
	if mine && !sealing {
		for j := uint8(0); j < sl.N; j++ {
			if k+j > nd.Log.N || nd.Log.at(k+j) != sl.R[j] {
				mine = false
			}
		}
	}
	if !mine {
		if nd.Role == active || sl.Hdr > nd.Ep && !c.h.adopthigher {
			c.stepDown(&t, n)
			emit(&t, "", kResolve, n, int(k), 2)
			return
		}
		if c.h.earlyseal && td.Log.N > 0 && td.Log.at(td.Log.N) == mk(nd.Ep, 0) {
			td.Log.cut(td.Log.N - 1)
			td.Dur = td.Log.N
		}
		td.Ph = 0
		if td.Fst == k || c.NA {
			td.Fst = 0
		}
		td.Rd = Rdr{}
		emit(&t, "", kResolve, n, int(k), 3)
		return
	}
	if x != 0 {
		c.stepDown(&t, n)
		emit(&t, "", kResolve, n, int(k), 4)
		return
	}
	if nd.Role == starting && nd.Fst == k && !c.h.lateverify && (c.Ret == "tomb" || c.Ret == "checkonly") && (t.Snap.N >= k || c.NA && !c.h.noverify && t.Sn>>k != 0) {
		// the first slot won in a reign: was it free, or free again? Nothing more is PUT before this is known.
		c.stepDown(&t, n)
		emit(&t, "", kResolve, n, int(k), 5)
		return
	}
	td.Tip = k + sl.N - 1
	if c.NA {
		td.setLogged(k, td.Tip, sl.R[sl.N-1].ep())
	}
	if nd.Role == starting && !sealing {
		emit(&t, "", kResolve, n, int(k), 0)
		return
	}
	if sealing {
		if c.h.lateverify && t.Snap.N >= nd.Fst || c.DocCheck && (t.DEp != nd.Ep || t.DPri != t.id(n)+1) {
			c.stepDown(&t, n)
			emit(&t, "", kResolve, n, int(k), 5)
			return
		}
		if !c.h.earlyseal {
			td.Log.add(sl.R[0])
		}
		td.Dur = td.Log.N
		td.Fst = 0
		v := c.activate(&t, n)
		if v == "" {
			v = c.logMatch(&t)
		}
		emit(&t, v, kResolve, n, int(k), 1)
		return
	}
	v := ""
	o := 0
	if td.Tip > td.Com {
		td.Com = td.Tip
		o = 6
		v = c.ack(&t, n, td.Com)
		if v == "" {
			v = c.published(&t)
		}
	}
	emit(&t, v, kResolve, n, int(k), o)
}

func (c *Cfg) succActive(s0 *State, n int, emit emitFn) {
	nd := &s0.Nd[n]
	id := s0.id(n)
	if s0.NVal < c.Vals && nd.Log.N < c.R {
		t := *s0
		t.NVal++
		t.Nd[n].Log.add(mk(nd.Ep, t.NVal))
		emit(&t, c.logMatch(&t), kWrite, n, int(t.NVal), int(t.Nd[n].Log.N))
	}
	if nd.Dur < nd.Log.N {
		t := *s0
		t.Nd[n].Dur = nd.Log.N
		emit(&t, "", kFsync, n, int(nd.Log.N), 0)
	}
	if nd.Qok != 0 || c.h.skipcas {
		for r := nd.Log.N; r > nd.Com; r-- {
			if c.enoughToAck(s0, n, r) {
				t := *s0
				t.Nd[n].Com = r
				v := c.ack(&t, n, r)
				if v == "" {
					v = c.published(&t)
				}
				emit(&t, v, kQAck, n, int(r), 0)
				break
			}
		}
	}
	if nd.Put == 0 && (c.Ret != "time" || nd.Fresh != 0) {
		if nd.Com > nd.Tip && nd.Com < nd.Log.N {
			t := *s0
			if t.sendPut(n, nd.Tip+1, nd.Com) {
				emit(&t, "", kFlush, n, int(nd.Tip+1), int(nd.Com))
			}
		}
		if nd.Log.N > nd.Tip {
			t := *s0
			if t.sendPut(n, nd.Tip+1, nd.Log.N) {
				emit(&t, "", kOSPut, n, int(nd.Tip+1), int(nd.Log.N))
			}
		}
	}
	if c.Ret == "time" && nd.Fresh == 0 {
		t := *s0
		if t.DEp == nd.Ep && t.DPri == id+1 {
			t.Nd[n].Fresh = 1
			emit(&t, "", kVerify, n, 1, 0)
		} else {
			c.stepDown(&t, n)
			emit(&t, "", kVerify, n, 0, 0)
		}
	}
	if c.h.reuse && nd.Put != 0 {
		for i := range s0.Pend {
			w := &s0.Pend[i]
			if w.N != 0 && w.Hdr == nd.Ep && w.Key == nd.Put {
				t := *s0
				t.delPut(i)
				td := &t.Nd[n]
				k := max(nd.Com, nd.Tip)
				td.Put, td.PutN = 0, 0
				td.Log.cut(k)
				td.Dur = min(td.Dur, k)
				for f := range t.Nd {
					if t.Nd[f].Fol == uint8(n)+1 {
						t.Nd[f].Log.cut(k)
						t.Nd[f].Dur = t.Nd[f].Log.N
						if x := t.id(f); t.Rc[x][nd.Ep] > k {
							t.Rc[x][nd.Ep] = k
						}
					}
				}
				for x := range t.Rc { // receipts for the rolled-back batch are forgotten
					if t.Rc[x][nd.Ep] > k {
						t.Rc[x][nd.Ep] = k
					}
				}
				emit(&t, "", kRollback, n, int(nd.Put), int(k))
			}
		}
	}
	// durability in cluster.json
	mine := s0.DEp == nd.Ep && s0.DPri == id+1
	if c.h.primaryinc {
		mine = s0.DEp == nd.Ep && s0.DPri != 0 && (s0.DPri-1)%N == uint8(n)
	}
	if s0.NFlip < c.Flips && nd.Cas == 0 && mine {
		send := func(mode uint8, vot uint16) {
			t := *s0
			for i := range t.Ops {
				if t.Ops[i].Node != 0 {
					continue
				}
				t.NFlip++
				o := CasOp{Node: uint8(n) + 1, Cur: 1, Mode: mode, Vot: vot}
				if c.h.aba {
					o.XEp, o.XPri, o.XMode, o.XVot = t.DEp, t.DPri, t.DMode, t.DVot
				}
				t.Ops[i] = o
				td := &t.Nd[n]
				td.Cas, td.CasM = 1, mode
				td.Mode = mUnknown
				k := kCasQ
				if mode == mOS {
					k = kCasOS
					if !c.h.unknowncas {
						td.Qok = 0
					}
				}
				emit(&t, "", k, n, int(mode), int(vot))
				return
			}
		}
		if nd.Mode != mOS && (nd.Com <= nd.Tip || c.h.noflush) {
			send(mOS, nd.Vot)
		}
		if nd.Qok == 0 || c.h.nobridge {
			caught := uint16(1) << id
			for x := uint8(0); x < IDN; x++ {
				if s0.Rc[x][nd.Ep] >= max(nd.Tip, 1) && x != id {
					caught |= 1 << x
				}
			}
			if bits.OnesCount16(caught) >= 2 && (nd.Mode != mQ || caught != nd.Vot) {
				send(mQ, caught)
			}
			if c.Subsets {
				for m := (caught - 1) & caught; m != 0; m = (m - 1) & caught {
					if m>>id&1 != 0 && bits.OnesCount16(m) >= 2 && m != nd.Vot {
						send(mQ, m)
					}
				}
			}
			if nd.Vot != caught && bits.OnesCount16(nd.Vot) >= 2 && nd.Mode != mQ {
				send(mQ, nd.Vot)
			}
			if c.Union { // voters kept though they are not caught up, with any of the caught-up nodes; or some of them removed
				all := caught | nd.Vot
				if c.AnyJoin {
					for f := 0; f < c.Nodes; f++ {
						all |= 1 << s0.id(f)
					}
				}
				for m := all; m != 0; m = (m - 1) & all {
					if bits.OnesCount16(m) >= 2 && m != nd.Vot {
						send(mQ, m)
					}
				}
			}
		}
	}
	if nd.Cas != 0 {
		if nd.Cas == 2 {
			t := *s0
			td := &t.Nd[n]
			td.Mode = nd.CasM
			td.Qok = nd.CasM
			if s0.DEp == nd.Ep {
				td.Vot = s0.DVot
			} else {
				c.stepDown(&t, n)
				emit(&t, "", kCasLearn, n, 0, 0)
				goto giveup
			}
			td.Cas, td.CasM = 0, 0
			emit(&t, "", kCasLearn, n, 0, 0)
		}
	giveup:
		t := *s0
		td := &t.Nd[n]
		td.Cas, td.CasM = 0, 0
		if c.h.unknowncas && t.DEp == nd.Ep { // reads cluster.json back and believes it
			td.Mode, td.Vot = t.DMode, t.DVot
			if t.DMode == mOS {
				td.Qok = 0
			}
		}
		for i := range t.Ops {
			if t.Ops[i].Node == uint8(n)+1 {
				t.Ops[i].Cur = 0
			}
		}
		emit(&t, "", kCasGiveUp, n, 0, 0)
	}
}

func (c *Cfg) succReads(s0 *State, emit emitFn) {
	for n := 0; n < c.Nodes; n++ {
		nd := &s0.Nd[n]
		if nd.Role != active {
			continue
		}
		id := s0.id(n)
		if s0.Rd.Node == 0 && (nd.Qok != 0 || c.h.readunknown) {
			t := *s0
			t.Rd = Read{Node: uint8(n) + 1, Ep: nd.Ep, Need: t.Ack.N}
			if nd.Vot>>id&1 != 0 || c.h.nonvoter {
				t.Rd.Mask = 1 << id
			}
			emit(&t, "", kRdStart, n, 0, 0)
		}
		if s0.Rd.Node == uint8(n)+1 {
			need := bits.OnesCount16(nd.Vot)/2 + 1
			if c.Static > 0 {
				need = c.Static + 1
			}
			if bits.OnesCount16(s0.Rd.Mask) >= need && (nd.Qok != 0 || c.h.readunknown) {
				t := *s0
				v := ""
				if nd.Com < s0.Rd.Need {
					v = fmt.Sprintf("STALE READ: %s answers at revision %d, %d was acknowledged before the read began", nm(n), nd.Com, s0.Rd.Need)
				}
				t.Rd = Read{}
				emit(&t, v, kRdDone, n, 0, 0)
			}
		}
		if s0.DEp == nd.Ep && s0.DPri == id+1 && nd.Com < s0.Ack.N {
			t := *s0
			emit(&t, fmt.Sprintf("STALE READ: cluster.json names %s, it answers at revision %d, %d is acknowledged", nm(n), nd.Com, s0.Ack.N), kRdDoc, n, 0, 0)
		}
		if nd.Lease != 0 {
			if nd.Com < s0.Ack.N {
				t := *s0
				emit(&t, fmt.Sprintf("STALE READ: %s answers at revision %d under its lease, %d is acknowledged", nm(n), nd.Com, s0.Ack.N), kRdLease, n, 0, 0)
			}
			t := *s0
			t.Nd[n].Lease = 0
			emit(&t, "", kExpire, n, 0, 0)
		}
		if c.Lease && nd.Lease == 0 && s0.DEp == nd.Ep && s0.DPri == id+1 {
			el := &s0.El[s0.Office]
			if el.Ep == 0 {
				t := *s0
				t.Nd[n].Lease = 1
				t.El[s0.Office].Waited = 0
				emit(&t, "", kGrant, n, int(s0.Office), 0)
			}
		}
	}
	if s0.Rd.Node != 0 {
		p := int(s0.Rd.Node - 1)
		pd := &s0.Nd[p]
		for v := 0; v < c.Nodes; v++ {
			x := s0.id(v)
			if v != p && pd.Vot>>x&1 != 0 && s0.Rd.Mask>>x&1 == 0 && s0.Nd[v].Prom <= s0.Rd.Ep {
				t := *s0
				t.Rd.Mask |= 1 << x
				emit(&t, "", kRdAnswer, v, 0, 0)
			}
		}
	}
}

// logMatch: two copies that carry the same epoch at a revision are the same up to there.
func (c *Cfg) logMatch(s *State) string {
	if !c.LogMatch {
		return c.published(s)
	}
	for a := 0; a < c.Nodes; a++ {
		for b := a + 1; b < c.Nodes; b++ {
			x, y := &s.Nd[a].Log, &s.Nd[b].Log
			k := agreeFixed(x, y)
			for j := uint8(1); j <= k; j++ {
				if x.at(j) != y.at(j) {
					return fmt.Sprintf("LOG MATCHING BROKEN: %s and %s both have epoch %d at revision %d, but at %d %v and %v", nm(a), nm(b), x.at(k).ep(), k, j, x.at(j), y.at(j))
				}
			}
		}
	}
	return c.published(s)
}

// chainOrder: record epochs never go back along the chain.
func (c *Cfg) chainOrder(s *State) string {
	if !c.LogMatch {
		return ""
	}
	ch, _ := s.chain()
	if c.NA {
		ch = s.True
	}
	for k := uint8(2); k <= ch.N; k++ {
		if ch.at(k).ep() < ch.at(k-1).ep() {
			return fmt.Sprintf("CHAIN OUT OF ORDER: revision %d %v follows %v", k, ch.at(k), ch.at(k-1))
		}
	}
	return ""
}

// published: a follower in step with a Primary shows, up to its commit point, what the Primary committed.
func (c *Cfg) published(s *State) string {
	for f := 0; f < c.Nodes; f++ {
		fd := &s.Nd[f]
		if fd.Fol == 0 {
			continue
		}
		pd := &s.Nd[fd.Fol-1]
		if pd.Role != active || pd.Ep != fd.FolE {
			continue
		}
		for k := uint8(1); k <= min(fd.Log.N, pd.Com); k++ {
			if fd.Log.at(k) != pd.Log.at(k) && fd.Log.at(k) != 0 {
				return fmt.Sprintf("REPLICA SHOWS ANOTHER HISTORY: %s has %v at committed revision %d, its Primary %s has %v", nm(f), fd.Log.at(k), k, nm(int(fd.Fol-1)), pd.Log.at(k))
			}
		}
	}
	return ""
}
