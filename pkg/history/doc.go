// Package history holds the rules by which records, chunks and snapshots make one
// history: what each record says of the one before it of its key (Checker), when a run
// of chunks is proven to be part of the object log (Run), and whether a snapshot is what
// the history leads to (Comparer). They are pure; DESIGN.md has the reasons.
//
// Verification and restoring to a point in time are built on them.
package history
