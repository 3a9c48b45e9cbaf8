//go:build linux

package proc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Health is what /readyz and /healthz say, of nodes and electors.
type Health struct {
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

// Active reports whether the node is the active Primary.
func (h Health) Active() bool { return h.PrimaryState == "PRIMARY_STATE_ACTIVE" }

// healthClient keeps no connections: each question is a new one to whoever listens now.
var healthClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}

// Page reads a page of a process's health port.
func Page(ctx context.Context, addr, path string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := healthClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// AskHealth reads path (/readyz or /healthz) of the process whose health port is addr.
func AskHealth(ctx context.Context, addr, path string) (h Health, err error) {
	status, body, err := Page(ctx, addr, path)
	if err != nil {
		return h, err
	}
	h.Status = status
	return h, json.Unmarshal(body, &h)
}

// AwaitHealth waits until path says what cond wants, or the process ends.
func (p *Proc) AwaitHealth(ctx context.Context, addr, path, what string, cond func(Health) bool) (h Health) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	Until(p.t, ctx, p.Name+" "+what, func(ctx context.Context) (err error) {
		if !p.Running() {
			cancel()
			return fmt.Errorf("%s ended: %v", p.Name, p.State())
		}
		if h, err = AskHealth(ctx, addr, path); err != nil {
			return err
		}
		if !cond(h) {
			return fmt.Errorf("%s says %+v", path, h)
		}
		return nil
	})
	return h
}
