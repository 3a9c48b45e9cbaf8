package daemon

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/origin"
)

func TestElectorJudged(t *testing.T) {
	now := time.Now()
	held, denied, away := &origin.Error{Kind: origin.ErrBootstrapLate, Key: "bootstrap.netsy", Err: errors.New("refused")}, errors.New("no permission"), errors.New("get: unavailable")
	for _, c := range []struct {
		inOffice bool
		held     error
		away     error
		since    time.Duration
		code     ElectorCode
		ok       bool
		reason   string
	}{
		{true, nil, nil, 0, ElectorInOffice, true, ""},
		{false, nil, nil, 0, ElectorStandingBy, true, ""},
		{false, held, nil, 0, ElectorOriginRefused, false, "bootstrap.netsy"},
		{false, denied, nil, 0, ElectorHeldUp, false, "no permission"},
		{false, denied, away, time.Minute, ElectorStorageAway, false, "1m0s"},
		{true, nil, away, storagePatience - 1, ElectorInOffice, true, ""},
		{true, nil, away, storagePatience, ElectorStorageAway, false, "5s: get: unavailable"},
		{false, held, away, time.Minute, ElectorStorageAway, false, "1m0s"},
		{false, nil, away, time.Minute, ElectorStorageAway, false, "1m0s"},
	} {
		r := judgeElector(c.inOffice, c.held, now.Add(-c.since), c.away, now)
		if r.OK != c.ok || r.Code != c.code || r.InOffice != c.inOffice || !strings.Contains(r.Reason, c.reason) || r.OK != (r.Reason == "") {
			t.Errorf("%+v: %+v", c, r)
		}
	}
}
