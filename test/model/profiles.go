package main

import "fmt"

func (c Cfg) describe() string {
	return fmt.Sprintf("init=%s nodes=%d epochs<=%d revisions<=%d writes<=%d crashes<=%d wipes<=%d durability CASes<=%d compactions<=%d retention=%s static=%d share=%v reads=%v lease=%v",
		c.Init, c.Nodes, c.MaxE, c.R, c.Vals, c.Crashes, c.Wipes, c.Flips, c.Comps, c.Ret, c.Static, c.Share, c.Reads, c.Lease)
}

var profiles = []Cfg{
	// exhaustive
	{Name: "elect", Init: "quorum", Nodes: 3, MaxE: 4, R: 5, Vals: 1, Crashes: 1, Ret: "tomb"},
	{Name: "writes", Init: "quorum", Nodes: 3, MaxE: 3, R: 5, Vals: 2, Crashes: 1, Ret: "tomb"},
	{Name: "cold", Init: "cold", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Crashes: 1, Flips: 1, Ret: "tomb"},
	{Name: "modes", Init: "quorum", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Flips: 2, Ret: "tomb"},
	{Name: "modesos", Init: "os", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Flips: 2, Ret: "tomb"},
	{Name: "wipe", Init: "quorum", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Wipes: 1, Ret: "tomb"},
	{Name: "wipe2", Init: "quorum", Nodes: 3, MaxE: 2, R: 4, Vals: 2, Crashes: 1, Wipes: 2, Ret: "tomb"},
	{Name: "wipemodes", Init: "os", Nodes: 3, MaxE: 2, R: 4, Vals: 1, Wipes: 1, Flips: 2, Ret: "tomb"},
	{Name: "join", Init: "quorum", Nodes: 4, MaxE: 2, R: 3, Vals: 1, Flips: 2, Subsets: true, Ret: "tomb"},
	{Name: "joinu", Init: "quorum", Nodes: 4, MaxE: 2, R: 3, Vals: 1, Flips: 2, Subsets: true, Union: true, Ret: "tomb"},
	{Name: "joinw", Init: "quorum", Nodes: 3, MaxE: 2, R: 4, Vals: 1, Wipes: 1, Flips: 3, Subsets: true, Union: true, Ret: "tomb"},
	{Name: "joina", Init: "quorum4", Nodes: 4, MaxE: 2, R: 3, Vals: 1, Flips: 2, Subsets: true, Union: true, AnyJoin: true, Ret: "tomb"},
	{Name: "joinaw", Init: "quorum", Nodes: 3, MaxE: 2, R: 4, Vals: 1, Wipes: 1, Flips: 2, Subsets: true, Union: true, AnyJoin: true, Ret: "tomb"},
	{Name: "biga", Init: "os", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 4, Wipes: 3, Flips: 8, Comps: 3, Share: true, Reads: true, Subsets: true, Union: true, AnyJoin: true, Ret: "tomb"},
	{Name: "bigu", Init: "os", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 4, Wipes: 3, Flips: 8, Comps: 3, Share: true, Reads: true, Subsets: true, Union: true, Ret: "tomb"},
	{Name: "compact", Init: "os", Nodes: 3, MaxE: 3, R: 4, Vals: 2, Comps: 1, Ret: "tomb"},
	{Name: "comptime", Init: "os", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Comps: 1, Ret: "time"},
	{Name: "compq", Init: "quorum", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Flips: 1, Comps: 1, Ret: "tomb"},
	{Name: "static1", Init: "quorum", Nodes: 3, MaxE: 3, R: 5, Vals: 2, Static: 1, Ret: "tomb"},
	{Name: "static2", Init: "quorum", Nodes: 3, MaxE: 3, R: 5, Vals: 2, Static: 2, Ret: "tomb"},
	{Name: "share", Init: "quorum", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Crashes: 1, Share: true, Ret: "tomb"},
	{Name: "reads", Init: "quorum", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Flips: 1, Reads: true, Ret: "tomb"},
	{Name: "lease", Init: "os", Nodes: 3, MaxE: 3, R: 4, Vals: 2, Reads: true, Lease: true, Ret: "tomb"},
	// non-atomic reads, with the corrected rules (chunks judged before they are applied, judged by the lowest slot read)
	{Name: "na", Init: "os", Nodes: 2, MaxE: 3, R: 4, Vals: 1, Comps: 2, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "naw", Init: "os", Nodes: 2, MaxE: 3, R: 4, Vals: 2, Comps: 2, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "na4", Init: "os", Nodes: 2, MaxE: 4, R: 4, Vals: 1, Comps: 2, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "na3s", Init: "os", Nodes: 2, MaxE: 3, R: 4, Vals: 1, Comps: 3, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "napage", Init: "os", Nodes: 2, MaxE: 3, R: 4, Vals: 1, Comps: 2, Page: 1, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "nafoll", Init: "os", Nodes: 2, MaxE: 3, R: 4, Vals: 1, Comps: 2, FLoad: true, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "na3n", Init: "os", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Comps: 2, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "nacomp", Init: "os", Nodes: 2, MaxE: 3, R: 4, Vals: 1, Comps: 2, DComps: 1, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "naorig", Init: "origin", Nodes: 2, MaxE: 3, R: 5, Vals: 1, Comps: 2, FLoad: true, Ret: "tomb", NA: true, FastEl: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "nac", Init: "os", Nodes: 2, MaxE: 3, R: 4, Vals: 1, Comps: 2, DComps: 1, Ret: "tomb", NA: true, FastEl: true, RdAtom: true},
	{Name: "nac3", Init: "os", Nodes: 2, MaxE: 4, R: 4, Vals: 2, Comps: 2, DComps: 1, Ret: "tomb", NA: true, FastEl: true, RdAtom: true},
	// in-place loads under receipts: elections in full, reads of the chain in one step
	{Name: "ld", Init: "quorum", Nodes: 3, MaxE: 2, R: 4, Vals: 2, Comps: 1, Purges: 1, Ret: "tomb", NA: true, RA: true, InPlace: true},
	{Name: "ldf", Init: "quorum", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Comps: 1, Purges: 2, Ret: "tomb", NA: true, RA: true, InPlace: true},
	{Name: "ld3", Init: "quorum", Nodes: 3, MaxE: 3, R: 4, Vals: 1, Comps: 1, Purges: 1, Ret: "tomb", NA: true, RA: true, InPlace: true},
	{Name: "ldw", Init: "quorum", Nodes: 3, MaxE: 2, R: 4, Vals: 1, Comps: 1, Purges: 1, Wipes: 1, Ret: "tomb", NA: true, RA: true, InPlace: true, FLoad: true},
	{Name: "ldm", Init: "quorum", Nodes: 3, MaxE: 2, R: 4, Vals: 1, Comps: 1, Purges: 1, Flips: 2, Ret: "tomb", NA: true, RA: true, InPlace: true, FLoad: true},
	{Name: "bigna", Init: "quorum", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 2, Wipes: 1, Flips: 4, Comps: 5, DComps: 3, Purges: 2, Ret: "tomb", NA: true, FLoad: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "bignaos", Init: "os", Nodes: 3, MaxE: 6, R: 8, Vals: 4, Comps: 5, DComps: 3, Ret: "tomb", NA: true, FastEl: true, FLoad: true, InPlace: true, Apply: "judged", JoinFix: true},
	{Name: "bignaor", Init: "origin", Nodes: 3, MaxE: 6, R: 8, Vals: 4, Comps: 5, DComps: 3, Page: 1, Ret: "tomb", NA: true, FastEl: true, FLoad: true, InPlace: true, Apply: "judged", JoinFix: true},
	// for long random walks: everything at once
	{Name: "big", Init: "quorum", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 4, Wipes: 2, Flips: 8, Comps: 2, Share: true, Reads: true, Ret: "tomb"},
	{Name: "bigos", Init: "os", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 4, Wipes: 3, Flips: 8, Comps: 3, Share: true, Reads: true, Ret: "tomb"},
	{Name: "bigtime", Init: "os", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 4, Wipes: 2, Flips: 6, Comps: 3, Reads: true, Ret: "time"},
	{Name: "bigcold", Init: "cold", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 4, Wipes: 2, Flips: 8, Comps: 2, Share: true, Reads: true, Ret: "tomb"},
	{Name: "bigstatic", Init: "quorum", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 4, Wipes: 2, Flips: 6, Comps: 2, Static: 1, Reads: true, Ret: "tomb"},
	{Name: "biglease", Init: "quorum", Nodes: 4, MaxE: 6, R: 8, Vals: 5, Crashes: 4, Wipes: 2, Flips: 6, Comps: 1, Reads: true, Lease: true, Ret: "tomb"},
}

type brk struct {
	h    []string
	what string
	base Cfg
	ret  string
	safe bool // expected to find nothing
}

func (b brk) cfg() Cfg {
	c := b.base
	c.H = map[string]bool{}
	for _, h := range b.h {
		c.H[h] = true
	}
	if c.Ret == "" {
		c.Ret = "tomb"
	}
	if b.ret != "" {
		c.Ret = b.ret
	}
	if c.Nodes == 0 {
		c.Nodes = 3
	}
	if c.R == 0 {
		c.R = 5
	}
	return c
}

var broken = []brk{
	// deliberate mutations: the checker must be able to fail
	{h: []string{"noseal"}, what: "mutation: skip the seal", base: Cfg{Init: "os", MaxE: 2, Vals: 2}},
	{h: []string{"nopromise"}, what: "mutation: ignore promises", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1}},
	{h: []string{"skipcas"}, what: "mutation: acknowledge by receipts without the durability CAS", base: Cfg{Init: "os", MaxE: 2, Vals: 1}},
	{h: []string{"owncfg"}, what: "mutation: the elector uses its own config (quorum 0) instead of cluster.json", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1}},
	{h: []string{"wipedvotes"}, what: "mutation: wiped voters count", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Wipes: 1}},
	{h: []string{"nobridge"}, what: "mutation: change voters without the bridge", base: Cfg{Init: "quorum", Nodes: 4, MaxE: 2, Vals: 1, Flips: 1, Subsets: true}},
	{h: []string{"noflush"}, what: "mutation: CAS to object-storage without flushing", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Flips: 1}},
	{h: []string{"blindcas"}, what: "mutation: electors write cluster.json without the version token", base: Cfg{Init: "os", MaxE: 3, Vals: 1, Flips: 1}},
	{h: []string{"anycand"}, what: "mutation: any promiser may be chosen", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1}},
	{h: []string{"revonly"}, what: "mutation: choose by revision alone", base: Cfg{Init: "quorum", MaxE: 3, Vals: 3}},
	{h: []string{"ackearly"}, what: "mutation: acknowledge before the Primary's own durable commit", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Crashes: 1}},
	{h: []string{"gap"}, what: "mutation: followers accept a record that does not follow their tail", base: Cfg{Init: "quorum", MaxE: 2, Vals: 2}},
	{h: []string{"static"}, what: "mutation: static N=1, election needs one promise less than V-N", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Static: 1}},
	{h: []string{"forget"}, what: "mutation: promises are not durable", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Crashes: 1}},
	{h: []string{"diskback"}, what: "outside the fault model: a disk image is rolled back under the same incarnation", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Crashes: 1}},
	// literal or careless readings of the rules
	{h: []string{"reuse"}, what: "roll back a failed batch, same Primary goes on in the same epoch", base: Cfg{Init: "quorum", MaxE: 2, Vals: 2}},
	{h: []string{"sameepoch"}, what: "a restarted Primary resumes its epoch", base: Cfg{Init: "quorum", MaxE: 2, Vals: 2, Crashes: 1}},
	{h: []string{"primaryinc"}, what: "`primary` is a node id without incarnation; it is wiped before it starts", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Wipes: 1}},
	{h: []string{"health"}, what: "an unhealthy node's promise counts, but it can't be chosen", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1}},
	{h: []string{"nonvoter"}, what: "the Primary's own commit counts though it is no voter", base: Cfg{Init: "quorum4", Nodes: 4, MaxE: 3, Vals: 1, R: 4}},
	{h: []string{"unknowncas"}, what: "CAS to object-storage unanswered: reads back, goes on with receipts, CAS lands late", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Flips: 1}},
	{h: []string{"aba"}, what: "version token is a content hash (S3 ETag): late CAS meets equal content", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Flips: 3}},
	{h: []string{"noraise"}, what: "following or receipting at epoch e does not raise the durable promise", base: Cfg{Init: "os", MaxE: 3, Vals: 1, Flips: 1}},
	{h: []string{"agree"}, what: "agreement point from one answer of the epoch table, seal stored only once won", base: Cfg{Init: "quorum", MaxE: 3, Vals: 2, R: 4, LogMatch: true}, safe: true},
	{h: []string{"agree", "earlyseal"}, what: "agreement point from one answer, and the epoch-start record is in SQLite before its slot is won", base: Cfg{Init: "quorum", MaxE: 3, Vals: 2, R: 5}},
	{h: []string{"earlyseal"}, what: "the epoch-start record is in SQLite before its slot is won (with the right agreement point)", base: Cfg{Init: "os", MaxE: 3, Vals: 2}, safe: true},
	{h: []string{"adopthigher"}, what: "a starting Primary adopts a chunk of a higher epoch", base: Cfg{Init: "os", MaxE: 3, Vals: 1}},
	{h: []string{"keepafter"}, what: "only the disagreeing records are removed, not those after", base: Cfg{Init: "os", MaxE: 3, Vals: 2, LogMatch: true}},
	{h: []string{}, ret: "literal", what: "retention as written: only the PUT is timed, paused before it", base: Cfg{Init: "os", MaxE: 3, Vals: 2, Comps: 1}},
	{h: []string{}, ret: "tombonly", what: "tombstones for epoch changes, but no look at the snapshots after the seal", base: Cfg{Init: "os", MaxE: 3, Vals: 2, Comps: 1}},
	{h: []string{}, ret: "checkonly", what: "a look at the snapshots after the seal, but no tombstones", base: Cfg{Init: "os", MaxE: 3, Vals: 2, Comps: 1}},
	{h: []string{"lateverify"}, what: "tombstones, but the snapshots are looked at only after the seal, not after the first slot won", base: Cfg{Init: "os", MaxE: 3, R: 4, Vals: 2, Comps: 1, LogMatch: true}},
	{h: []string{"tipnotfound"}, what: "the end of the chain is the first slot not found, snapshots not consulted", base: Cfg{Init: "os", MaxE: 2, Vals: 2, Comps: 1}, ret: "time"},
	{h: []string{"snapahead"}, what: "a local file ahead of the snapshot is trusted below it", base: Cfg{Init: "quorum", MaxE: 3, Vals: 3, Comps: 1, R: 5}},
	{h: []string{"office"}, what: "an elector paused between step 1 and its CAS; another grants a lease meanwhile", base: Cfg{Init: "os", MaxE: 2, Vals: 1, Reads: true, Lease: true}},
	{h: []string{"readunknown"}, what: "majority-round reads while cluster.json may say object-storage", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1, Flips: 1, Reads: true}},
	{h: []string{"tailatomic"}, what: "promise and reported tail are not one transaction", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1}},
	{h: []string{}, ret: "tomb", what: "followers stream from a Primary that is still starting", base: Cfg{Init: "quorum", MaxE: 3, R: 4, Vals: 2, StreamStarting: true}},
	{h: []string{"latetrunc"}, what: "a delayed agreement answer truncates records stored since", base: Cfg{Init: "quorum", MaxE: 2, Vals: 1}},
}
