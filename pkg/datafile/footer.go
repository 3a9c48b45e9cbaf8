package datafile

import (
	"google.golang.org/protobuf/encoding/protowire"
)

const footerChecksumField = 8

// appendFooter appends f's length prefix and encoding; its crc comes last.
func appendFooter(b []byte, f *Footer) []byte {
	var buf [maxFooterSize]byte
	msg := appendUint(buf[:0], 2, f.RecordsCRC)
	msg = appendInt(msg, 3, int64(f.First))
	msg = appendInt(msg, 4, int64(f.Last))
	msg = appendUint(msg, footerChecksumField, checksum(msg))
	b = protowire.AppendVarint(b, uint64(len(msg)))
	return append(b, msg...)
}

// parseFooter decodes a footer and verifies its checksum.
func parseFooter(msg []byte) (Footer, error) {
	var out Footer
	var crc uint64
	body := msg // what the crc is over: everything before its field
	f := fields{rest: msg, num: 1}
	for before := f.rest; f.next(); before = f.rest {
		switch f.num {
		case 2:
			out.RecordsCRC = f.uint()
		case 3:
			out.First = revision(f.count())
		case 4:
			out.Last = revision(f.count())
		case footerChecksumField:
			body = msg[:len(msg)-len(before)]
			crc = f.uint()
		default:
			f.unknown()
		}
	}
	if f.err != nil {
		return Footer{}, f.err
	}
	return out, verifyChecksum(crc, body)
}
