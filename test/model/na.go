package main

import (
	"fmt"
	"math/bits"
	"strings"
)

// The object log step by step: several snapshots, tombstones, deletion slot by slot by any number of compactors
// with plans of any age, and readers that list and get one request at a time (objectlog/read.go, end.go).
//
// Snapshots are a set of revisions: what is in one is compared with the true chain when it is published, so
// one that is there is right. "Another compactor" publishes a right snapshot at any chunk boundary, at any moment: this stands
// for every compactor whose reading is right, however paused. One compactor (Cp) is followed step by step: if the first
// wrong snapshot ever is made by somebody, this one will make it.

const compactor = N // as a reader

func who(r int) string {
	if r == compactor {
		return "the compactor"
	}
	return nm(r)
}

var failures = []string{"two snapshots above after (superseded)", "slot missing or a tombstone (gap)", "not where the chain goes on", "epochs go back",
	"a higher epoch: stops", "a snapshot at or above the end (gap)", "would remove purged history"}

func bitset(m uint16) string {
	var p []string
	for ; m != 0; m &= m - 1 {
		p = append(p, fmt.Sprint(bits.TrailingZeros16(m)))
	}
	return "{" + strings.Join(p, ",") + "}"
}

func above(m uint16, rev uint8) uint16 { return m &^ (1<<(rev+1) - 1) }
func upTo(m uint16, rev uint8) uint16  { return m & (1<<(rev+1) - 1) }
func highest(m uint16) uint8           { return uint8(bits.Len16(m)) - 1 }

func newest(m uint16) uint8 {
	if m == 0 {
		return 0
	}
	return highest(m)
}

func secondNewest(m uint16) uint8 {
	if m == 0 {
		return 0
	}
	return newest(m &^ (1 << highest(m)))
}

func sameUpTo(a, b *Log, k uint8) bool {
	if a.N < k || b.N < k {
		return false
	}
	for i := uint8(1); i <= k; i++ {
		if a.at(i) != b.at(i) {
			return false
		}
	}
	return true
}

func (nd *Node) forgetLogged() {
	if nd.LgR > nd.Log.N {
		nd.LgF, nd.LgR, nd.LgE = 0, 0, 0
	}
}

func (nd *Node) setLogged(first, rev, e uint8) {
	if e > nd.LgE || e == nd.LgE && rev > nd.LgR {
		nd.LgF, nd.LgR, nd.LgE = first, rev, e
	}
}

func (nd *Node) learnLogged(p *Node) {
	if p.LgR > 0 && p.LgR <= nd.Log.N && p.LgR <= p.Tip {
		nd.setLogged(p.LgF, p.LgR, p.LgE)
	}
}

// landed: the ghost of the true chain.
func (c *Cfg) landed(s *State, w *Put) string {
	switch {
	case w.Key == s.True.N+1:
		prev := s.True.tailE()
		if w.Hdr <= prev {
			s.Fre |= 1 << w.Key
		}
		for i := uint8(0); i < w.N; i++ {
			s.True.add(w.R[i])
		}
		s.Bnd |= 1 << s.True.N
		s.HMax = max(s.HMax, w.Hdr)
		return c.chainOrder(s)
	case w.Key > s.True.N+1 && !c.NoGhost:
		return fmt.Sprintf("CHUNK OUTSIDE THE CHAIN: slot %d was won, the chain ends at %d", w.Key, s.True.N)
	}
	return "" // a freed slot, taken by a deposed writer
}

func (c *Cfg) reader(s *State, r int) *Rdr {
	if r == compactor {
		return &s.Cp
	}
	return &s.Nd[r].Rd
}

func (c *Cfg) succNA(s0 *State, emit emitFn) {
	if c.FastEl && s0.DEp < c.MaxE {
		for n := 0; n < c.Nodes; n++ {
			t := *s0
			t.DEp++
			c.docChanged(&t)
			c.stepDown(&t, n)
			td := &t.Nd[n]
			t.DPri = t.id(n) + 1
			td.Role, td.Ep, td.Srv, td.Prom = starting, t.DEp, t.DEp, t.DEp
			td.Fol, td.FolE, td.Late, td.Rd = 0, 0, 0, Rdr{}
			td.Mode, td.Vot, td.Fresh = t.DMode, t.DVot, 1
			emit(&t, "", kFast, n, int(t.DEp), 0)
		}
	}
	// compactors that work as they should
	if s0.NComp < c.Comps {
		for m := s0.Bnd &^ s0.Sn; m != 0; m &= m - 1 {
			k := uint8(bits.TrailingZeros16(m))
			t := *s0
			t.NComp++
			t.Sn |= 1 << k
			emit(&t, "", kNaSnap, int(k), 0, 0)
		}
	}
	if !c.RA {
		free := secondNewest(s0.Sn)
		if c.h.delnewest {
			free = newest(s0.Sn)
		}
		for k := uint8(1); k <= free; k++ {
			sl := &s0.Sl[k]
			tomb := s0.Tm>>k&1 != 0
			if sl.N != 0 {
				begins := sl.Hdr > sl.R[0].ep() || sl.R[0].val() == 0
				if begins && !c.h.deltomb {
					t := *s0
					t.Sl[k] = Slot{Hdr: sl.Hdr}
					t.Tm |= 1 << k
					emit(&t, "", kNaTomb, int(k), 0, 0)
				} else if begins { // mutation
					t := *s0
					t.Sl[k] = Slot{}
					emit(&t, "", kNaDel, int(k), 0, 0)
				}
			}
			if (sl.N != 0 || tomb) && s0.Fre>>k&1 != 0 { // also an old plan: whatever is there now
				t := *s0
				t.Sl[k] = Slot{}
				t.Tm &^= 1 << k
				emit(&t, "", kNaDel, int(k), 0, 0)
			}
		}
		for m := upTo(s0.Sn, secondNewest(s0.Sn)); m != 0; m &= m - 1 {
			k := uint8(bits.TrailingZeros16(m))
			if k == secondNewest(s0.Sn) {
				break
			}
			t := *s0
			t.Sn &^= 1 << k
			emit(&t, "", kNaDelSnap, int(k), 0, 0)
		}
		// the compactor that is followed
		if s0.Cp.Ph == 0 && s0.NSnap < c.DComps {
			t := *s0
			t.NSnap++
			t.Cp = Rdr{Ph: 1, After: newest(s0.Sn)}
			t.Cp.Low = t.Cp.After
			emit(&t, "", kNaAfter, compactor, int(t.Cp.After), 2)
		}
		if s0.Cp.Ph == 7 {
			c.publish(s0, emit)
		} else if s0.Cp.Ph != 0 {
			c.readStep(s0, compactor, emit)
		}
	}
	for n := 0; n < c.Nodes; n++ {
		nd := &s0.Nd[n]
		if s0.NPur < c.Purges && nd.Pur < nd.LgR && nd.Role != starting {
			t := *s0
			t.NPur++
			t.Nd[n].Pur = nd.LgR
			emit(&t, "", kPurge, n, int(nd.LgR), 0)
		}
		c.succBehind(s0, n, emit)
		pre := nd.Role == starting && nd.Ph == 0 && nd.Put == 0
		if !pre && nd.Role != replica {
			continue
		}
		if c.RdAtom {
			continue
		}
		if c.RA {
			if c.InPlace && s0.Sn != 0 {
				if t, replaced, ok := c.load(s0, n); ok && replaced {
					emit(t, c.logMatch(t), kInPlace, n, int(newest(s0.Sn)), int(nd.Log.N))
				}
			}
			continue
		}
		if nd.Rd.Ph != 0 {
			c.readStep(s0, n, emit)
			continue
		}
		if !pre && !c.FLoad {
			continue
		}
		begin := func(t *State, after uint8) {
			td := &t.Nd[n]
			td.Fol, td.FolE, td.Late = 0, 0, 0
			td.Rd = Rdr{Ph: 1, After: after, Low: after}
		}
		if nd.Pur == 0 { // below what is purged nothing can be compared
			t := *s0
			begin(&t, 0)
			emit(&t, "", kNaAfter, n, 0, 0)
		}
		if nd.LgR > 0 { // Holds, PosAt
			if sl := &s0.Sl[nd.LgF]; sl.N != 0 && nd.LgF+sl.N-1 == nd.LgR && sl.R[sl.N-1].ep() == nd.LgE &&
				nd.Log.N >= nd.LgR && nd.LgR > nd.Pur && nd.Log.at(nd.LgR).ep() == nd.LgE {
				t := *s0
				begin(&t, nd.LgR)
				emit(&t, "", kNaAfter, n, int(nd.LgR), 1)
			}
		}
		if c.InPlace && s0.Sn != 0 {
			if t, replaced, ok := c.load(s0, n); ok {
				S := newest(s0.Sn)
				begin(t, S)
				if replaced {
					emit(t, c.logMatch(t), kNaLoad, n, int(S), int(nd.Log.N))
				} else {
					emit(t, "", kNaAfter, n, int(S), 2)
				}
			}
		}
	}
}

// succBehind: the Primary's history doesn't reach back to where the two agree.
func (c *Cfg) succBehind(s0 *State, n int, emit emitFn) {
	nd := &s0.Nd[n]
	if !c.InPlace || c.Purges == 0 || nd.Role != replica || nd.Beh != 0 {
		return
	}
	for p := 0; p < c.Nodes; p++ {
		pd := &s0.Nd[p]
		if p == n || pd.Role != active || nd.Prom > pd.Ep || pd.Pur == 0 {
			continue
		}
		if k := agreeFixed(&pd.Log, &nd.Log); k < pd.Pur {
			t := *s0
			td := &t.Nd[n]
			td.Beh, td.Prom = pd.Ep, pd.Ep
			td.Fol, td.FolE, td.Late, td.Rd = 0, 0, 0, Rdr{}
			c.prune(&t)
			emit(&t, "", kBehind, n, p, int(k))
		}
	}
}

// load: may the node take the newest snapshot for its history, in place? ok: it can read the chain from there.
func (c *Cfg) load(s0 *State, n int) (t *State, replaced, ok bool) {
	nd := &s0.Nd[n]
	S := newest(s0.Sn)
	switch {
	case nd.Log.N < S:
		replaced = true
	case S <= nd.Pur: // unknown
		if !c.h.ignorance && !(nd.Beh != 0 && (nd.Beh == nd.Prom || c.h.latebehind)) {
			return nil, false, false
		}
		replaced = true
	case nd.Log.at(S).ep() != s0.True.at(S).ep():
		replaced = true
	case c.h.dropsame:
		replaced = true
	}
	x := *s0
	t = &x
	td := &t.Nd[n]
	if replaced {
		td.Log = s0.True
		td.Log.cut(S)
		td.Dur, td.Pur, td.Beh = S, S-1, 0
		td.LgF, td.LgR, td.LgE = 0, 0, 0
		td.Fol, td.FolE, td.Late = 0, 0, 0
	}
	return t, replaced, true
}

func (c *Cfg) superseded(sn uint16, low uint8) bool {
	limit := 2
	return bits.OnesCount16(above(sn, low)) >= limit
}

// readStep: the next request of a reader.
func (c *Cfg) readStep(s0 *State, r int, emit emitFn) {
	rd0 := c.reader(s0, r)
	fail := func(why int) {
		t := *s0
		if why == 4 {
			c.stepDown(&t, r)
		}
		*c.reader(&t, r) = Rdr{}
		emit(&t, "", kNaFail, r, why, 0)
	}
	slots := func() (m uint16) {
		for k := 1; k <= MaxR; k++ {
			if s0.Sl[k].N != 0 {
				m |= 1 << k
			}
		}
		return m | s0.Tm
	}
	page := func(after uint8) (m uint16, more uint8) {
		m = above(slots(), after)
		if c.Page > 0 {
			for bits.OnesCount16(m) > int(c.Page) {
				m &^= 1 << highest(m)
				more = 1
			}
		}
		return m, more
	}
	switch rd0.Ph {
	case 1:
		if c.superseded(s0.Sn, rd0.After) {
			fail(0)
			return
		}
		t := *s0
		rd := c.reader(&t, r)
		rd.Ph = 2
		rd.Floor = newest(upTo(s0.Sn, rd.After))
		emit(&t, "", kNaList1, r, int(s0.Sn), 0)
	case 2:
		m, more := page(rd0.After)
		t := *s0
		rd := c.reader(&t, r)
		rd.Lst, rd.More = m, more
		rd.Cur = rd.After
		if m != 0 {
			rd.Cur = highest(m)
		}
		if rd.After == 0 || m>>(rd.After+1)&1 != 0 || c.NoJoin {
			rd.Ph, rd.Next = 5, rd.After+1
		} else {
			rd.Ph = 3
		}
		emit(&t, "", kNaPage, r, int(m), int(more))
	case 3:
		floor := rd0.Floor
		if c.h.belowsnap {
			floor = 0
		}
		m := above(upTo(slots(), rd0.After), floor)
		t := *s0
		rd := c.reader(&t, r)
		k := newest(m)
		switch {
		case k > 0:
			rd.Ph, rd.Join = 4, k
		case rd.Floor > 0:
			rd.Ph, rd.Next = 5, rd.Floor+1
			rd.EndE = s0.True.at(rd.Floor).ep()
			rd.Hi = rd.EndE
		default:
			rd.Ph, rd.Next = 5, 1
		}
		emit(&t, "", kNaLocate, r, int(k), int(floor))
	case 4:
		sl := &s0.Sl[rd0.Join]
		if sl.N == 0 {
			fail(1)
			return
		}
		t := *s0
		rd := c.reader(&t, r)
		rd.Ph = 5
		if c.JoinFix {
			rd.Low = min(rd.Low, rd.Join-1)
		}
		c.take(&t, r, rd.Join, sl, rd.Join+sl.N-1 > rd.After, fail, emit)
	case 8: // a chunk is here; a listing made now tells whether it can be trusted
		if c.superseded(s0.Sn, rd0.Low) {
			fail(0)
			return
		}
		t := *s0
		rd := c.reader(&t, r)
		k := rd.Join
		if !t.Nd[r].apply(k, rd.Got.R[k-1:rd.Got.N]) {
			fail(6)
			return
		}
		rd.Got = Log{}
		rd.Ph = 5
		emit(&t, c.logMatch(&t), kNaJudge, r, int(k), int(s0.Sn))
	case 5:
		if rd0.More != 0 {
			m, more := page(rd0.Cur)
			t := *s0
			rd := c.reader(&t, r)
			rd.Lst |= m
			rd.More = more
			if m != 0 {
				rd.Cur = highest(m)
			}
			emit(&t, "", kNaPage, r, int(m), int(more))
		}
		if rd0.Lst != 0 {
			k := uint8(bits.TrailingZeros16(rd0.Lst))
			sl := &s0.Sl[k]
			switch {
			case k != rd0.Next:
				fail(2)
			case sl.N == 0:
				fail(1)
			case sl.R[0].ep() < rd0.EndE:
				fail(3)
			default:
				t := *s0
				rd := c.reader(&t, r)
				rd.Lst &^= 1 << k
				c.take(&t, r, k, sl, true, fail, emit)
			}
			return
		}
		if rd0.More == 0 {
			c.end(s0, r, fail, emit)
		}
	}
}

// take hands a chunk on.
func (c *Cfg) take(t *State, r int, k uint8, sl *Slot, pass bool, fail func(int), emit emitFn) {
	rd := c.reader(t, r)
	last := k + sl.N - 1
	rd.Next = last + 1
	rd.EndE = sl.R[sl.N-1].ep()
	rd.Hi = max(rd.Hi, sl.Hdr)
	if pass {
		if r != compactor && t.Nd[r].Role == starting && sl.Hdr > t.Nd[r].Ep {
			fail(4)
			return
		}
		if r != compactor && c.Apply == "stream" {
			if !t.Nd[r].apply(k, sl.R[:sl.N]) {
				fail(6)
				return
			}
		} else {
			for j := uint8(0); j < sl.N; j++ {
				for rd.Got.N < k+j {
					rd.Got.add(0)
				}
				rd.Got.R[k+j-1] = sl.R[j]
			}
		}
		rd.Join = k
		if c.Apply == "judged" && r != compactor {
			rd.Ph = 8
		}
	}
	emit(t, c.logMatch(t), kNaGet, r, int(k), int(last))
}

// apply is preflight.apply.
func (nd *Node) apply(first uint8, recs []Rec) bool {
	for i, x := range recs {
		k := first + uint8(i)
		if k > nd.Log.N+1 {
			return false
		}
		if k <= nd.Log.N {
			if k > nd.Pur && nd.Log.at(k).ep() == x.ep() {
				continue
			}
			if k <= nd.Pur {
				return false
			}
			nd.Log.cut(k - 1)
			nd.forgetLogged()
		}
		nd.Log.add(x)
	}
	nd.Dur = nd.Log.N
	nd.setLogged(first, first+uint8(len(recs))-1, recs[len(recs)-1].ep())
	return true
}

// end: the listing after slot Next was found missing.
func (c *Cfg) end(s0 *State, r int, fail func(int), emit emitFn) {
	rd0 := c.reader(s0, r)
	if !c.h.nolist2 && !(c.h.complist2 && r == compactor) {
		if c.superseded(s0.Sn, rd0.Low) {
			fail(0)
			return
		}
		if newest(s0.Sn) >= rd0.Next {
			fail(5)
			return
		}
	}
	end := rd0.Next - 1
	t := *s0
	if r == compactor {
		rd := &t.Cp
		if end <= rd.After {
			*rd = Rdr{}
		} else {
			*rd = Rdr{Ph: 7, After: rd.After, Next: rd.Next, Got: rd.Got}
		}
		emit(&t, "", kNaAccept, r, int(end), int(s0.Sn))
		return
	}
	td := &t.Nd[r]
	if td.Role == starting && (rd0.Hi > td.Ep || c.NoJoin && end > 0 && s0.True.at(end).ep() > td.Ep && end == rd0.After) {
		fail(4)
		return
	}
	if rd0.Got.N > 0 {
		first := rd0.Got.N
		for first > 1 && rd0.Got.at(first-1) != 0 {
			first--
		}
		if !td.apply(first, rd0.Got.R[first-1:rd0.Got.N]) {
			fail(6)
			return
		}
		if td.LgR == rd0.Got.N && td.LgF == first {
			td.LgF = rd0.Join
		}
	}
	td.Rd = Rdr{}
	v := ""
	if !c.NoGhost {
		if !sameUpTo(&td.Log, &s0.True, end) {
			v = fmt.Sprintf("WRONG READ: %s takes %v for the chain, which is %v", nm(r), td.Log.R[:end], s0.True.R[:s0.True.N])
		} else if end > 0 && s0.Bnd>>end&1 == 0 {
			v = fmt.Sprintf("WRONG READ: %s takes the chain to end at %d, where no chunk of it ends", nm(r), end)
		}
	}
	if td.Role == starting {
		td.Ph, td.Fresh, td.Tip = 1, 1, end
		td.Dur = td.Log.N
	}
	if v == "" {
		v = c.logMatch(&t)
	}
	emit(&t, v, kNaAccept, r, int(end), int(s0.Sn))
}

func (c *Cfg) publish(s0 *State, emit emitFn) {
	rd := &s0.Cp
	end := rd.Next - 1
	t := *s0
	t.Cp = Rdr{}
	v := ""
	if s0.Sn>>end&1 == 0 {
		t.Sn |= 1 << end
		for k := rd.After + 1; k <= end; k++ {
			if k > s0.True.N || rd.Got.at(k) != s0.True.at(k) {
				v = fmt.Sprintf("WRONG SNAPSHOT: snapshots/%d has %v at %d, the chain %v", end, rd.Got.at(k), k, s0.True.R[:s0.True.N])
				break
			}
		}
		if v == "" && s0.Bnd>>end&1 == 0 {
			v = fmt.Sprintf("WRONG SNAPSHOT: snapshots/%d, where no chunk of the chain ends", end)
		}
	}
	emit(&t, v, kNaPublish, 0, int(end), 0)
}

// late: a state that a few ordinary steps lead to, to save the search their depth.
//
//	late   object storage mode. B (epoch 2, starting) has read the chain up to 1 and sent its seal to slot 2; the old
//	       Primary A won slot 2 before it landed, and acknowledged w1. B's PUT is still on its way.
//	late2  the same, but B has followed A before, and sent w1 and w2 as one chunk (2..3); A had sent only w1.
//	late3  quorum mode. A has w1 at 2 in the log, a snapshot at 2, and has purged up to 2; C lacks w1 and was told "behind".
func (c *Cfg) late(s *State) {
	a, b, w1, w2 := &s.Nd[0], &s.Nd[1], mk(1, 1), mk(1, 2)
	a.Log.add(w1)
	a.Dur, a.Tip, a.Com, a.LgF, a.LgR, a.LgE = 2, 2, 2, 2, 2, 1
	s.Sl[2] = Slot{Hdr: 1, N: 1}
	s.Sl[2].R[0] = w1
	s.True.add(w1)
	s.Ack.add(w1)
	s.Act = s.Ack
	s.Act.cut(1)
	s.Bnd |= 1 << 2
	s.Fre |= 1 << 2
	s.HMax = 1
	s.NVal = 1
	if c.Init == "late3" {
		s.DMode, a.Mode, a.Qok = mQ, mQ, mQ
		a.Pur, s.NPur = 2, 1
		s.Sn, s.NComp = 1<<2, 1
		s.Nd[2].Fol, s.Nd[2].FolE, s.Nd[2].Beh = 0, 0, 1
		return
	}
	s.DEp, s.DPri = 2, 2
	b.Fol, b.FolE = 0, 0
	b.Role, b.Ep, b.Srv, b.Prom, b.Vot, b.Fresh = starting, 2, 2, 2, 7, 1
	b.Ph, b.Tip, b.Fst, b.Put, b.PutN = 1, 1, 2, 2, 1
	w := Put{Hdr: 2, Key: 2, N: 1}
	w.R[0] = mk(2, 0)
	if c.Init == "late2" || c.Init == "late4" {
		s.NVal = 2
		a.Log.add(w2)
		b.Log.add(w1)
		b.Log.add(w2)
		b.Dur = 3
		s.Rc[1][1] = 3
		b.PutN, w.N = 2, 2
		w.R[0], w.R[1] = w1, w2
	}
	s.addPut(w)
	if c.Init == "late4" { // then C sealed epoch 3 at 3 (acknowledged); A, named for epoch 4, listed snapshots and chunks before that landed
		c.stepDown(s, 0)
		e3 := mk(3, 0)
		s.Sl[3] = Slot{Hdr: 3, N: 1}
		s.Sl[3].R[0] = e3
		s.True.add(e3)
		s.Bnd |= 1 << 3
		s.HMax = 3
		s.Ack.add(e3)
		s.Act, s.ActE = s.Ack, 3
		s.DEp, s.DPri = 4, 1
		a.Role, a.Ep, a.Srv, a.Prom, a.Vot, a.Fresh = starting, 4, 4, 4, 7, 1
		a.Rd = Rdr{Ph: 3, After: 2, Low: 2, Cur: 2}
		cc := &s.Nd[2]
		*cc = Node{Log: s.True, Dur: 3, Prom: 3, Srv: 3, Role: active, Ep: 3, Tip: 3, Com: 3, Vot: 7, Fresh: 1, Ph: 1, LgF: 3, LgR: 3, LgE: 3}
	}
}
