// Package monitoring checks what deploy/monitoring holds, the dashboard and the alerts, by Prometheus'
// own code: a real cluster is scraped into its database, and every query has to name metrics, labels
// and values of labels that are there, and be answered by its engine; the rules pass its rule tests.
// The picture of the dashboard in docs/images is drawn here, too: see picture_test.go.
package monitoring
