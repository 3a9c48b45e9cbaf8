//go:build linux

package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"
)

// health is what /readyz and /healthz say, of nodes and electors.
type health struct {
	OK           bool   `json:"ok"`
	NodeID       string `json:"node_id"`
	Health       string `json:"health"`
	Reason       string `json:"reason"`
	PrimaryState string `json:"primary_state"`
	Epoch        int64  `json:"epoch"`
	HasLeader    bool   `json:"has_leader"`
	Revision     int64  `json:"revision"`
	InOffice     bool   `json:"in_office"`

	Status int `json:"-"` // of HTTP
}

func (h health) active() bool { return h.PrimaryState == "PRIMARY_STATE_ACTIVE" }

// healthClient keeps no connections: each question is a new one to whoever listens now.
var healthClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}

func askHealth(ctx context.Context, addr, path string) (h health, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return h, err
	}
	resp, err := healthClient.Do(req)
	if err != nil {
		return h, err
	}
	defer resp.Body.Close()
	h.Status = resp.StatusCode
	return h, json.NewDecoder(resp.Body).Decode(&h)
}

// pollEvery is the pace of polling where there is nothing to be woken by.
const pollEvery = 20 * time.Millisecond

// until polls cond until it returns nil. what says what is waited for.
func until(t testing.TB, ctx context.Context, what string, cond func(context.Context) error) {
	t.Helper()
	if err := poll(ctx, cond); err != nil {
		t.Fatalf("waiting until %s: %v", what, err)
	}
}

func poll(ctx context.Context, cond func(context.Context) error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := cond(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// awaitHealth waits until path says what cond wants, or the process ends.
func (c *cluster) awaitHealth(ctx context.Context, p *proc, id, path, what string, cond func(health) bool) health {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	var h health
	until(c.t, ctx, id+" "+what, func(ctx context.Context) (err error) {
		if !p.running() {
			cancel()
			return fmt.Errorf("%s ended: %v", p.name, p.cmd.ProcessState)
		}
		if h, err = askHealth(ctx, c.nodes[id].health, path); err != nil {
			return err
		}
		if !cond(h) {
			return fmt.Errorf("%s of %s says %+v", path, id, h)
		}
		return nil
	})
	return h
}

// eventTimeout bounds every wait for something that must happen: several times
// what it can take (the elector's lock goes stale after 10 s) on a busy machine.
const eventTimeout = 60 * time.Second

func (c *cluster) awaitActive(ctx context.Context, p *proc, id string) health {
	c.t.Helper()
	return c.awaitHealth(ctx, p, id, "/readyz", "is the active Primary", func(h health) bool { return h.Status == 200 && h.active() })
}

func (c *cluster) awaitInOffice(ctx context.Context, p *proc, id string) {
	c.t.Helper()
	c.awaitHealth(ctx, p, id, "/healthz", "is in office", func(h health) bool { return h.InOffice })
}

// awaitLease waits until the elector has granted read leases.
func (c *cluster) awaitLease(ctx context.Context, elector string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	granted := regexp.MustCompile(`(?m)^netsy_elector_leases_total [1-9]`)
	until(c.t, ctx, "a read lease is granted", func(ctx context.Context) error {
		resp, err := healthClient.Get("http://" + c.nodes[elector].health + "/metrics")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err == nil && !granted.Match(b) {
			err = errors.New("none is")
		}
		return err
	})
}
