// Package faults runs whole clusters as they are run: nodes and electors as processes
// of the real binaries, a real S3 server, certificates, and between any two of them a
// connection that the tests can cut, hold and slow down. Processes are killed, paused,
// wiped and starved of disk; clients write, read and watch all the while; at the end
// the judge (test/internal/check) compares what they were told with the object log and
// every node's copy. README.md says what is run and what it has found. Linux only.
package faults
