package replication

import "errors"

// Why a replica's stream ended.
var (
	// ErrBehind: the Primary no longer has in its local copy what this one lacks. Load
	// the object log, then follow again.
	ErrBehind = errors.New("replication: too far behind the Primary's local copy; the object log has to be loaded first")
	// ErrPurged: where the two copies would have to agree, this one has compacted its
	// history away. Load the object log, then follow again.
	ErrPurged = errors.New("replication: compaction has removed what would have to be compared with the Primary; the object log has to be loaded first")
	// ErrConflict: the Primary doesn't have what this copy has published, compacted or
	// stored in this very reign. It can't be: nothing was removed, and somebody has to
	// look at it.
	ErrConflict = errors.New("replication: this copy holds what the Primary doesn't have and must not remove it")
	// ErrProtocol: the other side sent what the contract doesn't allow.
	ErrProtocol = errors.New("replication: the other side broke the protocol")
	// ErrSilent: nothing was heard from the other side for too long.
	ErrSilent = errors.New("replication: the other side has been silent for too long")
)

// Why the Primary ended a stream; the replica gets a gRPC status.
var (
	errReplaced = errors.New("replication: a newer stream of the same node took over")
	errLeft     = errors.New("replication: the replica closed the stream")
	errBehind   = errors.New("replication: the replica was told to load the object log")
	errReturned = errors.New("replication: the stream is over")
)
