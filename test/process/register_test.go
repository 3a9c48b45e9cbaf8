//go:build linux

package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// clusterJSON is what these tests look at in cluster.json.
type clusterJSON struct {
	Seq     int64  `json:"seq"`
	WriteID string `json:"write_id"`
	Office  int64  `json:"office"`
	Epoch   int64  `json:"epoch"`
	Primary struct {
		NodeID      string `json:"node_id"`
		Incarnation string `json:"incarnation"`
	} `json:"primary"`
}

func (c *cluster) readClusterJSON() (j clusterJSON, err error) {
	b, err := os.ReadFile(filepath.Join(c.objects, "cluster.json"))
	if err != nil {
		return j, err
	}
	return j, json.Unmarshal(b, &j)
}

// follower looks at cluster.json all the time and holds what it sees against the
// rules: seq, office and epoch never go back, one Primary an epoch.
type follower struct { // of its goroutine alone until that has ended
	faults []string
	seen   int
}

func (c *cluster) follow() {
	f := &follower{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // ends with the test
		defer close(ended)
		f.run(ctx, c)
	}()
	c.t.Cleanup(func() {
		cancel()
		<-ended
		for _, fault := range f.faults {
			c.t.Error(fault)
		}
		c.t.Logf("%d versions of cluster.json seen", f.seen)
	})
}

func (f *follower) run(ctx context.Context, c *cluster) {
	var last clusterJSON
	primaries := map[int64]clusterJSON{}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := c.readClusterJSON()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			f.faults = append(f.faults, fmt.Sprintf("cluster.json: %v", err))
			return
		case now == last:
			continue
		}
		f.seen++
		if now.Seq <= last.Seq || now.Office < last.Office || now.Epoch < last.Epoch || now.WriteID == last.WriteID {
			f.faults = append(f.faults, fmt.Sprintf("cluster.json went from %+v to %+v", last, now))
		}
		if now.Primary.NodeID != "" {
			if p, ok := primaries[now.Epoch]; ok && p.Primary != now.Primary {
				f.faults = append(f.faults, fmt.Sprintf("epoch %d had the Primaries %+v and %+v", now.Epoch, p.Primary, now.Primary))
			}
			primaries[now.Epoch] = now
		}
		last = now
	}
}

// awaitOffice waits until an office beyond old is taken and returns its number.
func (c *cluster) awaitOffice(t testing.TB, ctx context.Context, old int64) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, proc.EventTimeout)
	defer cancel()
	var j clusterJSON
	proc.Until(t, ctx, fmt.Sprintf("an office beyond %d is taken", old), func(context.Context) (err error) {
		if j, err = c.readClusterJSON(); err == nil && j.Office <= old {
			err = fmt.Errorf("the office is %d", j.Office)
		}
		return err
	})
	return j.Office
}

// awaitAnyActive waits until a node is the active Primary, and cluster.json names it.
func (c *cluster) awaitAnyActive(ctx context.Context) (id string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, proc.EventTimeout)
	defer cancel()
	proc.Until(c.t, ctx, "a node is active", func(ctx context.Context) error {
		j, err := c.readClusterJSON()
		if err != nil {
			return err
		}
		if j.Primary.NodeID == "" {
			return errors.New("cluster.json names no Primary")
		}
		id = j.Primary.NodeID
		h, err := proc.AskHealth(ctx, c.nodes[id].health, "/readyz")
		if err == nil && !(h.Status == 200 && h.Active() && h.Epoch == j.Epoch) {
			err = fmt.Errorf("%s says %+v", id, h)
		}
		return err
	})
	return id
}
