package deploy

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestMonitoringFiles: Helm can't reach beyond a chart, so it has copies; make test-monitoring checks
// the originals.
func TestMonitoringFiles(t *testing.T) {
	for _, name := range []string{"dashboard.json", "alerts.yaml"} {
		original, err := os.ReadFile(root + "/deploy/monitoring/" + name)
		check(t, err)
		copied, err := os.ReadFile(chartDir + "/files/" + name)
		check(t, err)
		if !bytes.Equal(original, copied) {
			t.Errorf("%s/files/%s isn't deploy/monitoring/%[2]s: cp deploy/monitoring/%[2]s %s/files/", chartDir, name, strings.TrimPrefix(chartDir, root+"/"))
		}
	}
}

// TestMonitoringObjects: what is installed is what the files say, templates of alerts and legends of the
// dashboard included, which look like Helm's own.
func TestMonitoringObjects(t *testing.T) {
	objs := mustRender(t, values(t, chartDir+"/ci/s3-irsa.yaml"))
	dashboard := get[corev1.ConfigMap](t, objs, "ConfigMap/prod-netsy-dashboard")
	var shown, original any
	check(t, json.Unmarshal([]byte(dashboard.Data["netsy.json"]), &shown))
	b, err := os.ReadFile(root + "/deploy/monitoring/dashboard.json")
	check(t, err)
	check(t, json.Unmarshal(b, &original))
	if !equalJSON(t, shown, original) || dashboard.Labels["grafana_dashboard"] != "1" {
		t.Errorf("the dashboard isn't as in its file, or its labels %v don't have Grafana's sidecar find it", dashboard.Labels)
	}
	var spec monitoringv1.PrometheusRuleSpec
	b, err = os.ReadFile(root + "/deploy/monitoring/alerts.yaml")
	check(t, err)
	check(t, yaml.UnmarshalStrict(b, &spec))
	rule := get[monitoringv1.PrometheusRule](t, objs, "PrometheusRule/prod-netsy")
	if !equalJSON(t, rule.Spec, spec) || len(spec.Groups) == 0 {
		t.Error("the alerts aren't as in their file")
	}
}

// TestPodMonitorJob: alerts look for a job with netsy in its name, whatever the release is called.
func TestPodMonitorJob(t *testing.T) {
	objs := mustRender(t, values(t, chartDir+"/ci/s3-irsa.yaml", `{fullnameOverride: db}`))
	relabelings := get[monitoringv1.PodMonitor](t, objs, "PodMonitor/db").Spec.PodMetricsEndpoints[0].RelabelConfigs
	if len(relabelings) == 0 || relabelings[0].TargetLabel != "job" || *relabelings[0].Replacement != "netsy/db" {
		t.Errorf("relabelings are %+v", relabelings)
	}
}

func equalJSON(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	check(t, err)
	y, err := json.Marshal(b)
	check(t, err)
	return bytes.Equal(x, y)
}
