package daemon

import (
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/objectstore/instrumented"
	"github.com/netsy-io/netsy/pkg/origin"
)

// ElectorCode says in one stable word how an elector is; docs/operations.md lists them.
type ElectorCode string

const (
	ElectorInOffice      ElectorCode = "in_office"      // ready
	ElectorStandingBy    ElectorCode = "standing_by"    // ready: another is in office, or about to be
	ElectorOriginRefused ElectorCode = "origin_refused" // the cluster can't begin because of what is in the bucket
	ElectorStorageAway   ElectorCode = "storage_away"   // object storage doesn't answer
	ElectorHeldUp        ElectorCode = "held_up"        // somebody has to see to it: a damaged document, a missing permission
)

var electorCodes = []ElectorCode{ElectorInOffice, ElectorStandingBy, ElectorOriginRefused, ElectorStorageAway, ElectorHeldUp}

// electorReadiness is what /readyz says of an elector.
type electorReadiness struct {
	OK       bool        `json:"ok"`
	Code     ElectorCode `json:"code"`
	Reason   string      `json:"reason"` // for people; empty if OK
	InOffice bool        `json:"in_office"`
}

// Line is r for people.
func (r electorReadiness) Line() string {
	if r.OK {
		return "ready, " + string(r.Code)
	}
	return fmt.Sprintf("not ready (%s): %s", r.Code, r.Reason)
}

// storagePatience is how long requests to object storage may fail before an elector isn't
// ready: an election outlasts a failed request or two. One that stands by asks seldom, as
// little as every 20 s, so time alone says nothing: a request must have failed after it.
const storagePatience = 5 * time.Second

// judgeElector is the rule. away is of object storage.
func judgeElector(inOffice bool, held error, away instrumented.Outage, now time.Time) electorReadiness {
	r := electorReadiness{InOffice: inOffice}
	switch {
	case away.Err != nil && away.Last.Sub(away.Since) >= storagePatience:
		r.Code, r.Reason = ElectorStorageAway, fmt.Sprintf("object storage hasn't answered for %v: %v", now.Sub(away.Since).Truncate(time.Second), away.Err)
	case errors.As(held, new(*origin.Error)):
		r.Code, r.Reason = ElectorOriginRefused, held.Error()
	case held != nil:
		r.Code, r.Reason = ElectorHeldUp, held.Error()
	case inOffice:
		r.OK, r.Code = true, ElectorInOffice
	default:
		r.OK, r.Code = true, ElectorStandingBy
	}
	return r
}

func (d *process) electorReadiness(e *elector.Elector) electorReadiness {
	return judgeElector(e.InOffice(), e.Held(), d.reach.Away(), time.Now())
}
