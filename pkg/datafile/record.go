package datafile

import "github.com/netsy-io/netsy/pkg/record"

// maxChecksumField is the encoded size of the largest crc field: its tag and a varint.
const maxChecksumField = 1 + 10

// AppendRecord appends r as one netsy.Record with its crc, as it stands in a data file
// behind its length prefix. r is what a store holds: it is not validated again.
func AppendRecord(b []byte, r *record.Record) []byte {
	// The crc comes first and is known last. The body is written behind room for the
	// largest, and then moved up to the one that it got.
	n := len(b)
	var room [maxChecksumField]byte
	b = appendRecord(append(b, room[:]...), r)
	body := b[n+maxChecksumField:]
	head := appendUint(b[:n], 1, checksum(body))
	return b[:len(head)+copy(b[len(head):], body)]
}

// DecodeRecord decodes what AppendRecord made: one whole message and nothing else. Its
// crc must fit and its values be possible; else the error is ErrCorrupt. Key and value
// are slices of msg, which must not change afterwards.
func DecodeRecord(msg []byte) (record.Record, error) {
	r, err := decodeRecord(msg)
	if err != nil {
		return record.Record{}, at("record", err)
	}
	return r, nil
}

func decodeRecord(msg []byte) (record.Record, error) {
	if len(msg) > MaxRecordSize {
		return record.Record{}, corrupt(ErrTooLarge, "record of %d bytes, at most %d are possible", len(msg), MaxRecordSize)
	}
	body, err := checkedRecord(msg)
	if err != nil {
		return record.Record{}, err
	}
	return parseRecord(body, "")
}
