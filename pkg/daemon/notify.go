package daemon

import (
	"context"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
)

// lookEvery is how often a process looks at itself for its service manager: a state that
// nothing tells of shows within a second.
const lookEvery = time.Second

// tellManager tells the service manager, if there is one, when the process is ready for the
// first time, how it is, and that it stops when ctx ends. look says how the process is.
// It waits for the word of readiness, which is tried at each look until it is out. Nothing
// depends on the rest.
func (d *process) tellManager(ctx context.Context, look func() (ready bool, line string)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	told, warned := false, false
	for {
		ready, line := look()
		d.tellStatus(line)
		if ready && !told {
			err := d.manager.Ready()
			told = err == nil
			if !told && !warned {
				warned = true
				d.log.Warn("the service manager can't be told that the start is over; trying again every second", "event", logevent.ManagerUntold, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			d.untold(d.manager.Stopping())
			d.tellStatus("stopping")
			return nil
		case <-tick.C:
		}
	}
}

// tellStatus shows a line in the service manager.
func (d *process) tellStatus(line string) { d.untold(d.manager.Status(line)) }

// untold notes that the service manager didn't hear what it needn't.
func (d *process) untold(err error) {
	if err != nil {
		d.log.Debug("the service manager can't be told", "error", err)
	}
}
