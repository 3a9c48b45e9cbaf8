// Package check judges the history of a cluster: what clients were told, what watches
// were sent and what each copy holds against the object log, which decided it all. It
// is pure, with no I/O and no clock but for its own patience, so that the judge can be tested itself.
//
// The process tests, the fault runs and the simulation record into a [History], put
// what they find at the end into an [Evidence], and ask it for its [Evidence.Faults].
package check
