package mvcc

import "time"

type fileSize struct{ total, inUse int64 }

const selectSize = `SELECT page_size * page_count, page_size * (page_count - freelist_count)
	FROM pragma_page_size, pragma_page_count, pragma_freelist_count`

// sizeEvery is how often the size is measured while the file is written to all the time: it
// costs as much as storing a few records.
const sizeEvery = time.Second

// Size returns the bytes of the SQLite file, and of those in use in it, as of a
// write in the last second of writing. The WAL is not counted. It doesn't block.
func (s *Store) Size() (total, inUse int64) {
	size := s.size.Load()
	return size.total, size.inUse
}

// measure reads the size as the transaction leaves it.
func (s *Store) measure(w *writer) error {
	var row [2]int64
	if err := queryInts(w.size, row[:]); err != nil {
		return err
	}
	s.size.Store(&fileSize{total: row[0], inUse: row[1]})
	s.measured = time.Now()
	return nil
}
