// Package load is the clients of the tests that run real processes: writers, readers
// and watches that go on whatever happens, and record what they are told into a
// [check.History].
package load
