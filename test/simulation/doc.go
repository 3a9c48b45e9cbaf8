// Package simulation runs whole clusters in one process under fake time: real nodes
// and electors (elections, replication, forwarding, the object log, SQLite files,
// watches), and between them a network and an object store that delay, lose, hold
// and break whatever a seeded random generator says. Processes crash, pause, lose
// their disks, join and leave. Clients write, read and watch all the while; at the
// end the judge holds what they saw against the object log and every node's copy.
//
//	make simulate                        # seeds from 1 on, for ten minutes
//	go test ./test/simulation -run TestSwarm -seed 7 -v
//
// A seed fixes every choice of the simulation: the swarm's options, faults and their
// times, requests. It doesn't fix the order in which Go runs goroutines that are ready
// at the same instant, so a failure that hangs on it may need -seeds N -seed S -same.
//
// world: the cluster and its end. swarm: what a seed chooses. network, bucket, machine:
// what is simulated. faults: what befalls it. clients, watchers: what is asked of it.
// history: what they saw. check_*: what must hold.
package simulation
