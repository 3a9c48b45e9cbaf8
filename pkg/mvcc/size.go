package mvcc

import "context"

// Size returns the bytes of the SQLite file, and of those in use in it.
func (s *Store) Size(ctx context.Context) (total, inUse int64, err error) {
	var pageSize, pages, free int64
	err = s.readDB.QueryRowContext(ctx, `SELECT page_size, page_count, freelist_count
		FROM pragma_page_size, pragma_page_count, pragma_freelist_count`).Scan(&pageSize, &pages, &free)
	if err != nil {
		return 0, 0, sqlError("read the file's size", err)
	}
	return pages * pageSize, (pages - free) * pageSize, nil
}
