package daemon

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore/instrumented"
	"github.com/netsy-io/netsy/pkg/origin"
)

func TestElectorJudged(t *testing.T) {
	now := time.Now()
	held, denied, away := &origin.Error{Kind: origin.ErrBootstrapLate, Key: "bootstrap.netsy", Err: errors.New("refused")}, errors.New("no permission"), errors.New("get: unavailable")
	for _, c := range []struct {
		inOffice bool
		held     error
		away     error
		since    time.Duration // ago
		last     time.Duration // ago
		code     ElectorCode
		ok       bool
		reason   string
	}{
		{true, nil, nil, 0, 0, ElectorInOffice, true, ""},
		{false, nil, nil, 0, 0, ElectorStandingBy, true, ""},
		{false, held, nil, 0, 0, ElectorOriginRefused, false, "bootstrap.netsy"},
		{false, denied, nil, 0, 0, ElectorHeldUp, false, "no permission"},
		{false, denied, away, time.Minute, 0, ElectorStorageAway, false, "1m0s"},
		{true, nil, away, storagePatience - 1, 0, ElectorInOffice, true, ""},
		{true, nil, away, storagePatience, 0, ElectorStorageAway, false, "5s: get: unavailable"},
		{false, nil, away, time.Minute, time.Minute, ElectorStandingBy, true, ""}, // one failure, and nobody has asked again
		{false, nil, away, time.Minute, time.Minute - storagePatience + 1, ElectorStandingBy, true, ""},
		{false, nil, away, time.Minute, time.Minute - storagePatience, ElectorStorageAway, false, "1m0s"},
		{false, held, away, time.Minute, 0, ElectorStorageAway, false, "1m0s"},
		{false, nil, away, time.Minute, 0, ElectorStorageAway, false, "1m0s"},
	} {
		r := judgeElector(c.inOffice, c.held, instrumented.Outage{Since: now.Add(-c.since), Last: now.Add(-c.last), Err: c.away}, now)
		if r.OK != c.ok || r.Code != c.code || r.InOffice != c.inOffice || !strings.Contains(r.Reason, c.reason) || r.OK != (r.Reason == "") {
			t.Errorf("%+v: %+v", c, r)
		}
	}
}
