package verify

import (
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// Severity of a finding.
type Severity string

const (
	// Error: something is damaged, missing or contradictory.
	Error Severity = "error"
	// Warning: nothing is lost, but somebody should look.
	Warning Severity = "warning"
	// Note: as it may be, and worth knowing.
	Note Severity = "note"
)

// Kind of a finding: stable names, for programs.
type Kind string

const (
	KindDamaged   Kind = "damaged"   // bytes are not what a writer wrote
	KindMisplaced Kind = "misplaced" // an object doesn't hold what its key says
	KindGap       Kind = "gap"       // a chunk is missing
	KindOverlap   Kind = "overlap"   // chunks overlap
	KindTombstone Kind = "tombstone" // where no snapshot allows one
	KindEpochs    Kind = "epochs"    // epochs go back, or beyond cluster.json's
	KindReign     Kind = "reign"     // a reign doesn't begin with its epoch start
	KindRecord    Kind = "record"    // a record contradicts its key's record before it
	KindLacks     Kind = "lacks"     // a snapshot lacks what the history has
	KindExtra     Kind = "extra"     // a snapshot has what the history lacks
	KindDiffers   Kind = "differs"   // a snapshot has a record otherwise than the history
	KindHistory   Kind = "history"   // chunks and a snapshot are of different histories
	KindState     Kind = "state"     // the present state can't be loaded
	KindSnapshot  Kind = "snapshot"  // a snapshot that must be there is missing
	KindDocument  Kind = "document"  // a document can't be understood, or is missing
	KindCluster   Kind = "cluster"   // a document of another cluster
	KindMember    Kind = "member"    // a node without a member id
	KindForeign   Kind = "foreign"   // a key that Netsy doesn't make
	KindLeftover  Kind = "leftover"  // a chunk that is not part of the log, in a freed slot
	KindRetained  Kind = "retained"  // chunks that are merged and still there
	KindUnchecked Kind = "unchecked" // a snapshot whose chunks are gone
	KindBootstrap Kind = "bootstrap" // what the cluster begins with, or began
)

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	Kind     Kind     `json:"kind"`
	Key      string   `json:"key"` // of the object; a missing one's too
	Message  string   `json:"message"`
	Next     string   `json:"next,omitempty"` // what to do
}

func (f Finding) String() string {
	s := fmt.Sprintf("%s: %s: %s: %s", f.Severity, f.Kind, f.Key, f.Message)
	if f.Next != "" {
		s += " (" + f.Next + ")"
	}
	return s
}

// Report is what a verification came to.
type Report struct {
	ClusterID string    `json:"cluster_id"` // "": there is no document that says it
	Findings  []Finding `json:"findings"`
	Totals    Totals    `json:"totals"`
}

// Totals say how much was looked at.
type Totals struct {
	Objects    int             `json:"objects"`
	Bytes      int64           `json:"bytes"`
	Chunks     int             `json:"chunks"`
	Tombstones int             `json:"tombstones"`
	Snapshots  int             `json:"snapshots"`
	Records    int64           `json:"records"`        // in chunks and snapshots, counting each copy
	Keys       int             `json:"keys"`           // that exist at the end, Netsy's own among them
	First      record.Revision `json:"first_revision"` // the lowest that any chunk or snapshot holds
	Last       record.Revision `json:"last_revision"`  // the end of the log
	FirstEpoch record.Epoch    `json:"first_epoch"`
	LastEpoch  record.Epoch    `json:"last_epoch"`
}

// Count is the number of findings of a severity.
func (r *Report) Count(s Severity) (n int) {
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Sound says that there is no error among the findings.
func (r *Report) Sound() bool { return r.Count(Error) == 0 }

func (r *Report) add(f Finding) { r.Findings = append(r.Findings, f) }

func (t *Totals) records(recs []record.Record) {
	for i := range recs {
		t.record(&recs[i])
	}
}

func (t *Totals) record(r *record.Record) {
	if t.Records++; t.First == 0 || r.Revision < t.First {
		t.First, t.FirstEpoch = r.Revision, r.Epoch
	}
	if r.Revision > t.Last {
		t.Last, t.LastEpoch = r.Revision, r.Epoch
	}
}
