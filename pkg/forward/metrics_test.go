package forward

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/netsy-io/netsy/pkg/mvcc"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
)

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScriptedStream(-1)
		c := newClient(&scriptedPeer{streams: []*scriptedStream{s}})
		defer c.Close()
		refused := make(chan error, 1)
		go func() { refused <- asking(t.Context(), c, true, 0) }()
		synctest.Wait()
		s.answers <- &pb.ForwardResponse{Id: 1, Answer: &pb.ForwardResponse_Error{Error: encodeError(primary.ErrNoSpace, true)}}
		<-refused
		done := readIndex(t.Context(), c, 1)
		s.answerRead(1, 7)
		<-done
		doubt := make(chan error, 1)
		go func() { doubt <- asking(t.Context(), c, true, 0) }()
		synctest.Wait()
		close(s.broken)
		<-doubt
		for reason, want := range map[string]float64{"no_space": 1, "unknown_outcome": 1, "not_primary": 0, "queue_full": 0} {
			if got := counted(t, c.metrics.failures.WithLabelValues(reason)); got != want {
				t.Errorf("%s: %v, want %v", reason, got, want)
			}
		}
		if got := counted(t, c.metrics.streams); got != 1 {
			t.Errorf("%v streams, want 1", got)
		}
	})
}

// What several errors at once are counted as, and what isn't counted.
func TestFailureReasons(t *testing.T) {
	for want, err := range map[string]error{
		"unknown_outcome": fmt.Errorf("%w: %w", primary.ErrUnknownOutcome, primary.ErrNotPrimary),
		"not_primary":     fmt.Errorf("%w: %w", primary.ErrNotPrimary, context.DeadlineExceeded),
		"too_late":        context.DeadlineExceeded,
		"":                mvcc.ErrCompacted,
	} {
		reg := prometheus.NewRegistry()
		m := NewMetrics(reg)
		m.observe(&pb.ForwardRequest{}, time.Now(), err)
		for _, f := range failures {
			if got := counted(t, m.failures.WithLabelValues(f.reason)); (got == 1) != (f.reason == want) {
				t.Errorf("%v is counted %v times as %s", err, got, f.reason)
			}
		}
	}
}

func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
