package statuspage

import "time"

// How often is looked, while somebody does. When nobody does, nothing is.
const (
	// askEvery is for the questions to nodes, which cost no request to object storage: what
	// a person who watches takes for live.
	askEvery = 2 * time.Second
	// officeEvery is for cluster.json and the elector's lock, two requests: 12 a minute. The lock
	// is renewed every 2 s and lapses after 6, so one that is the same after this long has lapsed.
	officeEvery = 10 * time.Second
	// listEvery is for what costs listings: who is registered, the end of the object log, the
	// newest snapshot. Together some 15 requests a minute, under a cent a day at the usual prices.
	listEvery = time.Minute
)

// moments of one part: when it was last tried, and when that last worked.
type moments struct{ tried, read time.Time }

// due says whether to read a part whose turn comes every so often. Something that says that
// it has changed brings its turn forward; what failed is tried again as soon as what
// is cheap. Neither comes oftener than questions to nodes.
func due(now time.Time, m moments, every time.Duration, changed bool) bool {
	since := now.Sub(m.tried)
	switch {
	case m.tried.IsZero():
		return true
	case changed:
		return since >= askEvery
	case m.read.Before(m.tried):
		return since >= min(every, officeEvery)
	}
	return since >= every
}

// mark notes an attempt that began at now.
func (m *moments) mark(now time.Time, err error) {
	m.tried = now
	if err == nil {
		m.read = now
	}
}
