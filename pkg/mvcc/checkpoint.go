package mvcc

import "context"

// checkpoint moves the WAL into the file on a connection of its own, without the
// writer's mutex: writes go on. Readers, and writes meanwhile, may keep some of it from
// moving; that comes with the next.
func (s *Store) checkpoint(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.writable(); err != nil {
		return err
	}
	var busy, frames, moved int
	err := s.writeDB.QueryRowContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &moved)
	switch {
	case err == nil:
		return nil
	case commitRefused(err):
		return sqlError("checkpoint", err)
	}
	return s.poison(sqlError("checkpoint", err)) // a later sync that succeeds proves nothing about this one
}
