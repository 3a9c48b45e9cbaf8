package main

import (
	"errors"
	"runtime"
	"slices"
	"time"
)

// sample is one measurement.
type sample struct {
	Ops       int           `json:"ops"`
	Rate      float64       `json:"rate"` // operations a second
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	ServerCPU time.Duration `json:"server_cpu_ns"` // an operation
	ClientCPU time.Duration `json:"client_cpu_ns"` // an operation
	Peak      int64         `json:"peak_bytes"`    // of memory, of the server, during the measurement
	Others    float64       `json:"others"`        // share of the machine's processors that went to processes not under measurement
	Stolen    float64       `json:"stolen"`        // share that the hypervisor gave to other machines
}

// meter measures what a target uses from begin to end.
type meter struct {
	t       *target
	begun   time.Time
	server  usage
	client  time.Duration
	machine machineTime
}

func begin(t *target) (*meter, error) {
	forgetPeaks(t.pids()...)
	u, err := usageOf(t.pids()...)
	all, err2 := machineTimeNow()
	return &meter{t: t, begun: time.Now(), server: u, client: ownCPU(), machine: all}, errors.Join(err, err2)
}

// end makes a sample of how long the operations took. It sorts them.
func (m *meter) end(took []time.Duration) (sample, error) {
	elapsed := time.Since(m.begun)
	u, err := usageOf(m.t.pids()...)
	all, err2 := machineTimeNow()
	if err := errors.Join(err, err2); err != nil {
		return sample{}, err
	}
	if len(took) == 0 {
		return sample{}, errors.New("no operation came to an end")
	}
	slices.Sort(took)
	n := time.Duration(len(took))
	server, client := u.cpu-m.server.cpu, ownCPU()-m.client
	there := elapsed * time.Duration(runtime.NumCPU())
	return sample{
		Ops: len(took), Rate: float64(n) / elapsed.Seconds(), P50: percentile(took, 50), P99: percentile(took, 99),
		ServerCPU: server / n, ClientCPU: client / n, Peak: u.peak,
		Others: share(all.busy-m.machine.busy-server-client, there), Stolen: share(all.stolen-m.machine.stolen, there),
	}, nil
}

// share is a/b, and not below 0: ticks are coarse.
func share(a, b time.Duration) float64 { return max(0, float64(a)/float64(b)) }
