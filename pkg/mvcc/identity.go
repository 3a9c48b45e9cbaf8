package mvcc

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
)

// identify checks whose file this is, or makes it this node's, and counts the start.
func (s *Store) identify(ctx context.Context, c *sql.Conn, o Options) error {
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return sqlError("begin", err)
	}
	defer tx.Rollback() // no effect after Commit
	var cluster, node, incarnation string
	err = tx.QueryRowContext(ctx, "SELECT cluster_id, node_id, incarnation, start_count FROM meta").
		Scan(&cluster, &node, &incarnation, &s.startCount)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		incarnation = newIncarnation()
		_, err = tx.ExecContext(ctx, "INSERT INTO meta (id, cluster_id, node_id, incarnation, start_count) VALUES (1, ?, ?, ?, 0)",
			o.ClusterID, o.NodeID, incarnation)
	case err != nil:
	case cluster != o.ClusterID:
		return &IdentityError{Field: "cluster_id", Stored: cluster, Given: o.ClusterID}
	case node != o.NodeID:
		return &IdentityError{Field: "node_id", Stored: node, Given: o.NodeID}
	}
	if err != nil {
		return sqlError("read identity", err)
	}
	s.startCount++
	if _, err := tx.ExecContext(ctx, "UPDATE meta SET start_count = ?", s.startCount); err != nil {
		return sqlError("count the start", err)
	}
	if err := tx.Commit(); err != nil {
		return sqlError("count the start", err)
	}
	s.incarnation.Store(&incarnation)
	return nil
}

// newIncarnation: 128 random bits, so that no two files ever share one.
func newIncarnation() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// Incarnation identifies this SQLite file: a node whose file was lost or replaced
// is another incarnation, and no longer the voter it was.
func (s *Store) Incarnation() string { return *s.incarnation.Load() }

// StartCount counts the times this file was opened, from 1.
func (s *Store) StartCount() int64 { return s.startCount }
