package cost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Counts are requests and bytes by operation.
type Counts struct {
	Requests map[string]float64
	Bytes    map[string]float64
}

// Sample is one process's counters at one moment.
type Sample struct {
	Counts
	At      time.Time
	Started time.Time // of the process, by its machine's clock
}

// maxPage bounds what is read of a page of metrics: a busy node's has some 200 KiB.
const maxPage = 16 << 20

// scrapeTimeout bounds one scrape, as Prometheus' own default does.
const scrapeTimeout = 10 * time.Second

// Scrape reads a process's counters at url.
func Scrape(ctx context.Context, url string) (*Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	s, err := Parse(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	s.At = time.Now()
	return s, nil
}

// Names of the metrics, as pkg/objectstore/instrumented and client_golang have them.
const (
	operationsMetric = "netsy_objectstore_operations_total"
	bytesMetric      = "netsy_objectstore_bytes_total"
	startMetric      = "process_start_time_seconds"
)

var errNotNetsy = errors.New("not the metrics of a process of Netsy's: " + operationsMetric + " or " + startMetric + " is missing")

// Parse reads a page in Prometheus' text format.
func Parse(r io.Reader) (*Sample, error) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(r)
	if err != nil {
		return nil, fmt.Errorf("not a page of metrics: %w", err)
	}
	start := families[startMetric]
	if families[operationsMetric] == nil || start == nil || len(start.GetMetric()) != 1 {
		return nil, errNotNetsy
	}
	return &Sample{
		Counts:  Counts{byOperation(families[operationsMetric]), byOperation(families[bytesMetric])},
		Started: time.UnixMilli(int64(start.GetMetric()[0].GetGauge().GetValue() * 1000)),
	}, nil
}

// byOperation sums a family over its other labels.
func byOperation(f *dto.MetricFamily) map[string]float64 {
	sums := map[string]float64{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "op" {
				sums[l.GetValue()] += m.GetCounter().GetValue()
			}
		}
	}
	return sums
}

// Measured is what a process did in some time.
type Measured struct {
	Counts
	Seconds   float64
	Restarted bool // it began anew meanwhile: what it did before that isn't in it
}

// Between is what a process did between two samples.
func Between(a, b *Sample) Measured {
	m := Measured{Seconds: b.At.Sub(a.At).Seconds(), Restarted: b.Started.After(a.Started.Add(time.Second))} // the clock may be set
	if m.Restarted {
		m.Counts = b.Counts
		return m
	}
	m.Counts = Counts{minus(b.Requests, a.Requests), minus(b.Bytes, a.Bytes)}
	return m
}

// SinceStart is what a process did in all its life.
func SinceStart(s *Sample) Measured {
	return Measured{Counts: s.Counts, Seconds: s.At.Sub(s.Started).Seconds()}
}

func minus(a, b map[string]float64) map[string]float64 {
	d := map[string]float64{}
	for op, n := range a {
		d[op] = max(n-b[op], 0)
	}
	return d
}
