// Package cost measures what a cluster asks of object storage, and estimates what that
// costs.
//
// Measured: requests and bytes, by the counters at /metrics of every process that answers,
// over a window or since each process started; and what is stored, by a listing. All else is
// extrapolated: the same rate for a month of 730 hours, and what is stored now for all of it.
// A counted operation is one request but for two cases: an upload in parts is several, and so
// is what the provider's own client repeats.
package cost
