package identity

import "github.com/prometheus/client_golang/prometheus"

// Metrics of identities: reloads of a Source, refusals at either end.
type Metrics struct {
	reloads  *prometheus.CounterVec
	broken   prometheus.Gauge
	notAfter prometheus.Gauge
	caEnds   prometheus.Gauge
	refusals *prometheus.CounterVec
}

// NewMetrics makes the metrics, and registers them if reg isn't nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_tls_loads_total",
			Help: "Times the TLS files were found new: taken over (ok) or unusable (error).",
		}, []string{"result"}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_tls_files_unusable",
			Help: "1 while the TLS files on disk can't be used and the last good ones are.",
		}),
		notAfter: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_tls_certificate_not_after_timestamp_seconds",
			Help: "When the certificate in use expires, in seconds since 1970.",
		}),
		caEnds: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "netsy_tls_ca_not_after_timestamp_seconds",
			Help: "When the last certificate of the CA file expires, in seconds since 1970.",
		}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "netsy_identity_refusals_total",
			Help: "Connections and calls refused for who the other end is, by reason.",
		}, []string{"side", "reason"}),
	}
	if reg != nil {
		reg.MustRegister(m.reloads, m.broken, m.notAfter, m.caEnds, m.refusals)
	}
	return m
}

func (m *Metrics) loaded(x *material) {
	m.reloads.WithLabelValues("ok").Inc()
	m.broken.Set(0)
	m.notAfter.Set(float64(x.pair.Leaf.NotAfter.Unix()))
	m.caEnds.Set(float64(x.trustEnds.Unix()))
}

func (m *Metrics) rejected() {
	m.reloads.WithLabelValues("error").Inc()
	m.broken.Set(1)
}

func (m *Metrics) recovered() { m.broken.Set(0) }
