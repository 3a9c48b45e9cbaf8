package datafile

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/netsy-io/netsy/pkg/record"
)

func epoch(v int64) record.Epoch       { return record.Epoch(v) }
func revision(v int64) record.Revision { return record.Revision(v) }

// appendRecord appends r's encoding without its crc: what the crc is over.
func appendRecord(b []byte, r *record.Record) []byte {
	b = appendInt(b, 2, int64(r.Revision))
	b = appendBytes(b, 3, r.Key)
	b = appendBool(b, 4, r.Created)
	b = appendBool(b, 5, r.Deleted)
	b = appendInt(b, 6, int64(r.CreateRevision))
	b = appendInt(b, 7, int64(r.PrevRevision))
	b = appendInt(b, 8, r.Version)
	b = appendInt(b, 9, r.Lease)
	b = appendInt(b, 10, r.DEK)
	b = appendBytes(b, 11, r.Value)
	b = appendTime(b, 12, r.CreatedAt)
	b = appendTime(b, 13, r.CompactedAt)
	b = appendBytes(b, 14, r.LeaderID)
	b = appendTime(b, 15, r.ReplicatedAt)
	b = appendInt(b, 16, int64(r.Epoch))
	return appendInt(b, 17, int64(r.Sub))
}

// parseRecord decodes a record from its encoding without crc. Key and value are
// slices of body, which must not change afterwards. leader is a likely leader id.
func parseRecord(body []byte, leader string) (record.Record, error) {
	var r record.Record
	f := fields{rest: body, num: 1}
	for f.next() {
		switch f.num {
		case 2:
			r.Revision = revision(f.count())
		case 3:
			r.Key = f.bytes()
		case 4:
			r.Created = f.bool()
		case 5:
			r.Deleted = f.bool()
		case 6:
			r.CreateRevision = revision(f.count())
		case 7:
			r.PrevRevision = revision(f.count())
		case 8:
			r.Version = f.count()
		case 9:
			r.Lease = f.int()
		case 10:
			r.DEK = f.int()
		case 11:
			r.Value = f.bytes()
		case 14:
			r.LeaderID = f.text(leader)
		case 16:
			r.Epoch = epoch(f.count())
		case 17:
			r.Sub = int32(f.natural(math.MaxInt32))
		default:
			parseRecordTime(&f, &r)
		}
	}
	if f.err != nil {
		return record.Record{}, f.err
	}
	return r, validateRecord(&r)
}

func parseRecordTime(f *fields, r *record.Record) {
	switch f.num {
	case 12:
		r.CreatedAt = f.time()
	case 13:
		r.CompactedAt = f.time()
	case 15:
		r.ReplicatedAt = f.time()
	default:
		f.unknown()
	}
}

// validateRecord checks what holds for every record, read or about to be written.
func validateRecord(r *record.Record) error {
	for _, n := range []struct {
		field string
		value int64
		least int64
	}{
		{"revision", int64(r.Revision), 1}, {"sub", int64(r.Sub), 0}, {"epoch", int64(r.Epoch), 0},
		{"create_revision", int64(r.CreateRevision), 0}, {"prev_revision", int64(r.PrevRevision), 0}, {"version", r.Version, 0},
	} {
		if n.value < n.least {
			return corrupt(ErrMalformed, "%s is %d", n.field, n.value)
		}
	}
	if len(r.Key) == 0 {
		return corrupt(ErrMalformed, "revision %d has no key", r.Revision)
	}
	if !utf8.ValidString(r.LeaderID) {
		return corrupt(ErrMalformed, "revision %d: leader_id %q is not valid UTF-8", r.Revision, r.LeaderID)
	}
	for _, t := range [...]time.Time{r.CreatedAt, r.CompactedAt, r.ReplicatedAt} {
		if !validTime(t) {
			return corrupt(ErrMalformed, "revision %d: time %v is not of years 1 to 9999", r.Revision, t)
		}
	}
	return nil
}
