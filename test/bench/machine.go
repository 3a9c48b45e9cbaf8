package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what a run was made on and with: figures of others don't compare with it.
type machine struct {
	Date      time.Time     `json:"date"`
	CPU       string        `json:"cpu"`
	Cores     int           `json:"cores"`
	Memory    int64         `json:"memory_bytes"`
	Kernel    string        `json:"kernel"`
	LoadAvg   string        `json:"load_average"`
	Dir       string        `json:"dir"`
	Free      int64         `json:"free_bytes"`       // there
	SyncP50   time.Duration `json:"fdatasync_p50_ns"` // of an append of 4 KiB
	SyncP99   time.Duration `json:"fdatasync_p99_ns"`
	Go        string        `json:"go"`
	Netsy     string        `json:"netsy"`
	Etcd      string        `json:"etcd"`
	Kine      string        `json:"kine"`
	Versitygw string        `json:"versitygw"`
}

func machineOf(ctx context.Context, dir string) (m machine, err error) {
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	_, model, _ := bytes.Cut(cpuinfo, []byte("model name\t: "))
	model, _, _ = bytes.Cut(model, []byte("\n"))
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	average, _ := os.ReadFile("/proc/loadavg")
	memory, _ := os.ReadFile("/proc/meminfo")
	m = machine{
		Date: time.Now().UTC().Truncate(time.Second), CPU: string(model), Cores: runtime.NumCPU(), Memory: kilobytes(memory, "MemTotal:"),
		Kernel: strings.TrimSpace(string(kernel)), LoadAvg: strings.TrimSpace(string(average)), Dir: dir, Go: runtime.Version(),
		Netsy: output(ctx, "", "git", "describe", "--tags", "--always", "--dirty"), Etcd: moduleVersion("go.etcd.io/etcd/server/v3"),
		Kine:      output(ctx, "kine", "go", "list", "-m", "-f", "{{.Version}}", "github.com/k3s-io/kine"),
		Versitygw: output(ctx, "../objectstore", "go", "list", "-m", "-f", "{{.Version}}", "github.com/versity/versitygw"),
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return m, err
	}
	m.Free = int64(fs.Bavail) * fs.Bsize
	m.SyncP50, m.SyncP99, err = syncTimes(dir)
	return m, err
}

func (m machine) print(out io.Writer) {
	fmt.Fprintf(out, "%s; %d cores, %s; %d GiB; Linux %s; load average %s\n", m.Date.Format(time.RFC3339), m.Cores, m.CPU, m.Memory>>30, m.Kernel, m.LoadAvg)
	fmt.Fprintf(out, "%s: %d GiB free; fdatasync of an append of 4 KiB takes %v (p99 %v)\n", m.Dir, m.Free>>30, short(m.SyncP50), short(m.SyncP99))
	fmt.Fprintf(out, "Netsy %s; etcd %s; kine %s; versitygw %s; %s\n", m.Netsy, m.Etcd, m.Kine, m.Versitygw, m.Go)
}

// output is what a command says, or that it isn't known.
func output(ctx context.Context, dir string, name string, args ...string) string {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	b, err := cmd.Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// moduleVersion is the version of a module in this program.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "unknown"
}

// syncs is how many appends are timed.
const syncs = 200

// syncTimes times fdatasync after appends of 4 KiB in dir: what every store waits for
// before it acknowledges.
func syncTimes(dir string) (p50, p99 time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "fdatasync"))
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	took, block := make([]time.Duration, syncs), make([]byte, 4<<10)
	for i := range took {
		begun := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, 0, err
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return percentile(took, 50), percentile(took, 99), nil
}
