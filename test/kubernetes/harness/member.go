package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Member is a process of the store.
type Member struct {
	*Process
	health string // base URL of /readyz and /metrics
	leads  string // text of /metrics if it is the Primary, the leader, or the elector in office
}

// pageTimeout bounds a question, which a member answers in milliseconds or, if it is paused, not at all.
const pageTimeout = 5 * time.Second

// pages keeps no connections: each question is a new one to whoever listens now.
var pages = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: pageTimeout}

// Leads tells whether the member says that it leads. One that doesn't answer doesn't say so.
func (m *Member) Leads(ctx context.Context) bool {
	_, text, err := m.page(ctx, "/metrics")
	return err == nil && strings.Contains(text, m.leads)
}

// Ready waits until the member says that it can serve.
func (m *Member) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		status, text, err := m.page(ctx, "/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		if !m.Running() {
			return fmt.Errorf("%s ended, see %s", m.Name, m.LogPath)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s isn't ready after %s, see %s: status %d, %s, %w", m.Name, readyTimeout, m.LogPath, status, text, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (m *Member) page(ctx context.Context, path string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.health+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := pages.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
