package mvcc

import (
	"context"
	"fmt"
)

const (
	// vacuumPages bounds a step that gives free pages back to the file system, as
	// purgeRecords bounds a purge: each page may be a page to move.
	vacuumPages = 256
	// keepFree: less than this is not worth moving pages for; appends will use it.
	keepFree = 16 << 20
)

// worthVacuum: most of the file is free, and much of it. Below that, free pages
// are simply used again.
func worthVacuum(s fileSize) bool {
	free := s.total - s.inUse
	return free > keepFree && free > s.inUse
}

// vacuumStep gives back some free pages, if there are many; more says that there
// still are.
func (s *Store) vacuumStep() (more bool, err error) {
	if !worthVacuum(*s.size.Load()) {
		return false, nil
	}
	if err := s.write("vacuum", freePages); err != nil {
		return false, err
	}
	return worthVacuum(*s.size.Load()), nil
}

// freePages steps through the pragma: it frees one page for each row it returns.
func freePages(w *writer, _ *durable) error {
	rows, err := w.conn.QueryContext(context.Background(), fmt.Sprintf("PRAGMA incremental_vacuum(%d)", vacuumPages))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
