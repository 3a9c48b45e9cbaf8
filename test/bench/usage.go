package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what processes have used so far.
type usage struct {
	cpu  time.Duration // user and system time; the kernel counts it in ticks of 10 ms
	rss  int64         // bytes in memory now
	peak int64         // most bytes in memory so far
}

// usageOf adds up what processes have used: proc_pid_stat(5), proc_pid_status(5).
func usageOf(pids ...int) (u usage, err error) {
	for _, pid := range pids {
		p, err := usageOfOne(pid)
		if err != nil {
			return u, fmt.Errorf("what process %d uses: %w", pid, err)
		}
		u.cpu, u.rss, u.peak = u.cpu+p.cpu, u.rss+p.rss, u.peak+p.peak
	}
	return u, nil
}

func usageOfOne(pid int) (u usage, err error) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Linux has
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // from the third field on
	if len(f) < 13 {
		return u, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	for _, b := range f[11:13] { // utime, stime
		n, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(n) * tick
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	u.rss, u.peak = kilobytes(status, "VmRSS:"), kilobytes(status, "VmHWM:")
	return u, nil
}

func kilobytes(status []byte, field string) int64 {
	_, rest, _ := bytes.Cut(status, []byte(field))
	f := bytes.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(f[0]), 10, 64)
	return n << 10
}

// ownCPU is the processor time of this process: of the clients.
func ownCPU() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
