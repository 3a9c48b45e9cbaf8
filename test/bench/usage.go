package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what processes have used so far.
type usage struct {
	cpu  time.Duration // user and system time; the kernel counts it in ticks of 10 ms
	peak int64         // most bytes in memory so far, or since forgetPeaks
}

const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Linux has

// usageOf adds up what processes have used: proc_pid_stat(5), proc_pid_status(5).
func usageOf(pids ...int) (u usage, err error) {
	for _, pid := range pids {
		p, err := usageOfOne(pid)
		if err != nil {
			return u, fmt.Errorf("what process %d uses: %w", pid, err)
		}
		u.cpu, u.peak = u.cpu+p.cpu, u.peak+p.peak
	}
	return u, nil
}

func usageOfOne(pid int) (u usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // from the third field on
	if len(f) < 13 {
		return u, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	if u.cpu, err = ticks(f[11:13]); err != nil { // utime, stime
		return u, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	u.peak = kilobytes(status, "VmHWM:")
	return u, err
}

// ticks adds up numbers of ticks.
func ticks(fields [][]byte) (d time.Duration, err error) {
	for _, b := range fields {
		n, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return d, err
		}
		d += time.Duration(n) * tick
	}
	return d, nil
}

// forgetPeaks lets the kernel count the peaks of memory anew: proc_pid_clear_refs(5).
// Where it can't, peaks are those since the processes began.
func forgetPeaks(pids ...int) {
	for _, pid := range pids {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
	}
}

// kilobytes is a field of a page of /proc, in bytes; 0 if there is none.
func kilobytes(page []byte, field string) int64 {
	_, rest, _ := bytes.Cut(page, []byte(field))
	f := bytes.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(f[0]), 10, 64)
	return n << 10
}

// residence is what memory a process has, in bytes.
type residence struct {
	RSS  int64 `json:"rss"`
	Anon int64 `json:"anon"` // of it its own: heap, stacks
	File int64 `json:"file"` // of it mapped files: the program, and bbolt's file, which the kernel can drop
	PSS  int64 `json:"pss"`  // pages that n processes share count 1/n; 0: can't be read
	Peak int64 `json:"peak"` // of RSS, since it began
}

func residenceOf(pid int) (r residence, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return r, err
	}
	r = residence{
		RSS: kilobytes(status, "VmRSS:"), Anon: kilobytes(status, "RssAnon:"),
		File: kilobytes(status, "RssFile:") + kilobytes(status, "RssShmem:"), Peak: kilobytes(status, "VmHWM:"),
	}
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err == nil {
		r.PSS = kilobytes(rollup, "Pss:")
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return r, err
}

func (r residence) plus(o residence) residence {
	return residence{r.RSS + o.RSS, r.Anon + o.Anon, r.File + o.File, r.PSS + o.PSS, r.Peak + o.Peak}
}

// ownCPU is the processor time of this process: of the clients.
func ownCPU() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// machineTime is what all processors of the machine have done so far: proc_stat(5).
type machineTime struct {
	busy   time.Duration
	stolen time.Duration // by the hypervisor, for other machines
}

func machineTimeNow() (machineTime, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machineTime{}, err
	}
	return parseMachineTime(stat)
}

func parseMachineTime(stat []byte) (m machineTime, err error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	f := bytes.Fields(line) // cpu user nice system idle iowait irq softirq steal …
	if len(f) < 9 || string(f[0]) != "cpu" {
		return m, fmt.Errorf("/proc/stat begins with %q", line)
	}
	busy := [][]byte{f[1], f[2], f[3], f[6], f[7]}
	if m.busy, err = ticks(busy); err != nil {
		return m, err
	}
	m.stolen, err = ticks(f[8:9])
	return m, err
}
