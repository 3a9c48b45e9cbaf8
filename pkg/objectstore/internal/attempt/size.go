package attempt

import (
	"fmt"
	"io"
)

// CheckSize rewinds body and fails unless it has exactly size bytes.
func CheckSize(body io.Seeker, size int64) error {
	end, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("finding the body's end: %w", err)
	}
	if end != size {
		return fmt.Errorf("the body has %d bytes, not %d", end, size)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewinding the body: %w", err)
	}
	return nil
}
