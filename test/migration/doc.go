// Package migration holds tests of the way from etcd to Netsy and back. Real etcds make the
// files and take them: etcd 3.6 within the test's process, etcd 3.5 by way of testdata.
package migration
