package config

import "time"

// The ordering of times on which reads by lease rest. A lease runs from when the
// Primary sent the heartbeat, by the Primary's clock; a new reign begins no sooner
// than primary_prior_timeout after the elector granted the last one, by the
// elector's. The grant is later than the sending, so the lease is over in time if it
// is shorter and the two clocks run at nearly the same rate. leaseMargin is how much
// their rates may differ: a tenth, where real clocks differ by less than a thousandth.
const leaseMargin = 10 // one part in

// LeaseDuration returns how long a read lease may last: shorter than
// primary_prior_timeout by the margin.
func LeaseDuration(primaryPriorTimeout time.Duration) time.Duration {
	return primaryPriorTimeout - divUp(primaryPriorTimeout, leaseMargin)
}

// MinPrimaryPriorTimeout returns the shortest primary_prior_timeout with which a
// lease outlives as many lost heartbeats as it takes to call a node degraded, and
// one more: with less, a healthy Primary would lose its lease between two heartbeats.
func MinPrimaryPriorTimeout(heartbeat time.Duration, degradationCount int) time.Duration {
	lease := heartbeat * time.Duration(degradationCount+1)
	return divUp(lease*leaseMargin, leaseMargin-1)
}

func divUp(d time.Duration, n int64) time.Duration {
	return (d + time.Duration(n) - 1) / time.Duration(n)
}
