package restore

import (
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

// Target is the point of the history to restore to: exactly one of its fields is set.
type Target struct {
	// Revision is the last one that is kept.
	Revision record.Revision
	// Time: everything stamped later goes, and everything after the first such record. The
	// stamps are the Primaries' clocks', which may disagree and go back. What is certain is
	// that nothing is kept that says it is of later than Time.
	Time time.Time
}

func (t Target) String() string {
	if t.Revision > 0 {
		return fmt.Sprintf("revision %d", t.Revision)
	}
	return showTime(t.Time)
}

func (t Target) validate() error {
	switch {
	case (t.Revision == 0) == t.Time.IsZero():
		return fmt.Errorf("restore: a revision or a time is needed, and not both")
	case t.Revision < 0:
		return fmt.Errorf("restore: there is no revision %d", t.Revision)
	}
	return nil
}

// beyond says whether a record comes after the target.
func (t Target) beyond(r *record.Record) bool {
	if t.Revision > 0 {
		return r.Revision > t.Revision
	}
	return r.CreatedAt.After(t.Time)
}

// Point is a revision with the time of its record.
type Point struct {
	Revision record.Revision `json:"revision"`
	Time     time.Time       `json:"time"` // by the Primary's clock
}

func pointOf(r *record.Record) *Point { return &Point{r.Revision, r.CreatedAt} }

func (p *Point) String() string {
	if p == nil {
		return "none"
	}
	return fmt.Sprintf("revision %d of %s", p.Revision, showTime(p.Time))
}

func showTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
