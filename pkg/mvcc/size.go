package mvcc

type fileSize struct{ total, inUse int64 }

const selectSize = `SELECT page_size * page_count, page_size * (page_count - freelist_count)
	FROM pragma_page_size, pragma_page_count, pragma_freelist_count`

// Size returns the bytes of the SQLite file, and of those in use in it, as of the
// last write. The WAL is not counted. It doesn't block.
func (s *Store) Size() (total, inUse int64) {
	size := s.size.Load()
	return size.total, size.inUse
}

// measure reads the size as the transaction leaves it.
func (s *Store) measure(w *writer) error {
	var size fileSize
	if err := w.size.QueryRow().Scan(&size.total, &size.inUse); err != nil {
		return err
	}
	s.size.Store(&size)
	return nil
}
