// Package process tests Netsy as it is run: the real binaries as processes, with
// certificates, ports, data directories and a directory as object storage, killed,
// paused, restarted and starved while clients write. After each test a checker
// compares what clients were told with what watches, reads and the object log say.
//
// By default few rounds are run. NETSY_PROCESS_ROUNDS sets the number of kills,
// NETSY_PROCESS_SEED repeats the random choices of a run, NETSY_PROCESS_KEEP=DIR
// keeps every cluster's files below DIR. Linux only.
package process
