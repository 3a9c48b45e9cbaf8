// Package etcddiff compares a server request by request with a real etcd: random sequences of
// requests must get the same answers, the same errors and the same watch events from both.
//
// Netsy's first revision is an internal record, and an empty etcd is at revision 1 too, so
// revisions are compared as they are. What differs on purpose is in differences.go.
//
// The server compared is Netsy; with NETSY_TEST_TARGET=netsy-replica a node of three that isn't the
// Primary; with NETSY_TEST_TARGET=etcd a second etcd, which checks the harness: it must find no
// difference there, and must find those that broken_test.go makes.
package etcddiff
