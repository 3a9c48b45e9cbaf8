package watch

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the watches of a node.
type Metrics struct {
	streams   prometheus.Gauge
	watchers  prometheus.Gauge
	lagging   prometheus.Gauge
	events    prometheus.Counter
	progress  prometheus.Counter
	fellBack  prometheus.Counter
	steps     *prometheus.CounterVec
	compacted prometheus.Counter
}

// NewMetrics makes the metrics and registers them with r. With a nil r they work
// but are not exported.
func NewMetrics(r prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "netsy_watch_" + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "netsy_watch_" + name, Help: help})
	}
	m := &Metrics{
		streams:   gauge("streams", "Open watch streams."),
		watchers:  gauge("watchers", "Open watches."),
		lagging:   gauge("lagging_watchers", "Watches that are catching up from the ring or from history."),
		events:    counter("events_sent_total", "Events handed to the senders of watch streams."),
		progress:  counter("progress_sent_total", "Progress notifications handed to the senders of watch streams."),
		fellBack:  counter("slow_watchers_total", "Times a watch whose client reads too slowly left the live fan-out."),
		compacted: counter("compacted_total", "Watches cancelled because the history they need was compacted."),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_watch_catch_up_steps_total", Help: "Catch-up reads by where they were served from.",
		}, []string{"source"}),
	}
	for _, source := range []string{"ring", "history"} {
		m.steps.WithLabelValues(source) // there from the beginning: a rate begins at the first
	}
	if r != nil {
		r.MustRegister(m.streams, m.watchers, m.lagging, m.events, m.progress, m.fellBack, m.compacted, m.steps)
	}
	return m
}
