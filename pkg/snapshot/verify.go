package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// Verify reads all of the snapshot at rev. Without an error it is sound. Errors that mean
// damage are datafile.ErrCorrupt, objectlog.ErrMisplaced or, of another format,
// datafile.ErrUnsupported; others are object storage's. progress may be nil.
func (s *Store) Verify(ctx context.Context, rev record.Revision, progress func(Progress)) (Info, error) {
	info, _, err := s.verify(ctx, rev, progress)
	return info, err
}

func (s *Store) verify(ctx context.Context, rev record.Revision, progress func(Progress)) (info Info, sum sum, err error) {
	began := time.Now()
	defer func() {
		s.metrics.took("verify", began, err)
		if objectlog.Damaged(err) {
			s.metrics.damaged.Inc()
		}
	}()
	r, err := s.Open(ctx, rev)
	if err != nil {
		return Info{}, sum, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.drain(progress); err != nil {
		return Info{}, sum, err
	}
	sum.header, sum.footer = r.header, r.file.Footer()
	return infoOf(&r.header, rev, r.ranges.info.Size), sum, nil
}

// sum identifies contents: two snapshots with equal sums hold the same.
type sum struct {
	header datafile.Header
	footer datafile.Footer
}

func (s sum) last() record.Pos {
	return record.Pos{Epoch: s.header.Epoch, Revision: s.footer.Last}
}

func (s sum) String() string {
	return fmt.Sprintf("%d records to %v, reduced up to %d, checksum %x, made at %v by %q",
		s.header.RecordsCount, s.last(), s.header.Purged, s.footer.RecordsCRC, s.header.CreatedAt, s.header.LeaderID)
}

// drain reads to the end.
func (r *Reader) drain(progress func(Progress)) error {
	for {
		_, err := r.Next()
		if err != nil || r.count%progressEvery == 0 {
			p := r.Progress()
			p.Phase = PhaseVerify
			report(progress, p)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
