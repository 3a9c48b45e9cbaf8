//go:build linux

package proc

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"go.uber.org/goleak"
)

// The kernel kills a process whose parent death signal is set when the *thread*
// that started it ends. So one goroutine, on a thread of its own that ends only
// with the test process, starts them all: whatever way the tests end (panic,
// timeout, kill -9), no process outlives them.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go spawn(work) // ends with the test process: see above
	return work
})

// IgnoreSpawner keeps goleak from reporting it.
func IgnoreSpawner() goleak.Option {
	return goleak.IgnoreTopFunction("github.com/netsy-io/netsy/test/internal/proc.spawn")
}

func spawn(work <-chan func()) {
	runtime.LockOSThread()
	for f := range work {
		f()
	}
}

func start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	done := make(chan error)
	spawner() <- func() { done <- cmd.Start() }
	return <-done
}
