package mvcc

import (
	"context"
	"fmt"
)

const (
	// vacuumPages bounds a step that gives free pages back to the file system, as
	// purgeRecords bounds a purge: each page may be a page to move.
	vacuumPages = 128
	// keepFree: less than this is not worth moving pages for; appends will use it.
	keepFree = 16 << 20
	// keepShare is the part of the file, as one in so many, that may be free: history
	// comes and goes between two compactions, and needs it again.
	keepShare = 4
)

// worthVacuum: much of the file is free. Below that, free pages are simply used again.
func worthVacuum(s fileSize) bool {
	free := s.total - s.inUse
	return free > keepFree && free > s.total/keepShare
}

// vacuumStep gives back some free pages, if there are many; more says that there
// still are.
func (s *Store) vacuumStep() (more bool, err error) {
	if s.load.Load() != nil { // what is staged is at the end of the file, and would be moved
		return false, nil
	}
	before := *s.size.Load()
	if !worthVacuum(before) {
		return false, nil
	}
	if err := s.write("vacuum", freePages); err != nil {
		return false, err
	}
	after := *s.size.Load()
	s.metrics.vacuumed.Add(float64(max(0, before.total-after.total)))
	return worthVacuum(after), nil
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
