package etcdapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/mvcc"
)

// sick is a backend in the given state, whose Primary answers no read.
type sick struct {
	fakeBackend
	status Status
}

func (s *sick) Status() Status { return s.status }

// unproven is a Primary that can't prove that it still reigns.
type unproven struct{ Primary }

func (unproven) Snapshot(context.Context) (*mvcc.Snapshot, error) {
	return nil, errors.New("object storage doesn't answer")
}

func TestUnhealthy(t *testing.T) {
	for name, tt := range map[string]struct {
		backend *sick
		reason  string
	}{
		"loading":    {&sick{status: Status{LeaderID: 1, Corrupt: true}}, "ALARM CORRUPT"},
		"no Primary": {&sick{}, "RAFT NO LEADER"},
		"no proof of reign": {&sick{status: Status{LeaderID: 1}, fakeBackend: fakeBackend{primaries: []Primary{&unproven{}}}},
			"RANGE ERROR:"},
		"a Primary that can't be found": {&sick{status: Status{LeaderID: 1}}, "RANGE ERROR:"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := httptest.NewRecorder()
				began := time.Now()
				New(Options{Backend: tt.backend}).HTTP().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/health", nil))
				if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `{"health":"false","reason":"`+tt.reason) {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				if waited := time.Since(began); waited > 10*time.Second {
					t.Errorf("the answer took %s", waited)
				}
			})
		})
	}
}
