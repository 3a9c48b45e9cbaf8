package deploy

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

var loadChart = sync.OnceValues(func() (*chart.Chart, error) { return loader.Load(chartDir) })

// values reads an example and puts more over it: YAML of the same form.
func values(t *testing.T, file string, more ...string) map[string]any {
	t.Helper()
	vals, err := chartutil.ReadValuesFile(file)
	check(t, err)
	out := vals.AsMap()
	for _, m := range more {
		over := map[string]any{}
		check(t, yaml.Unmarshal([]byte(m), &over))
		out = chartutil.MergeTables(over, out)
	}
	return out
}

// rendered is what Helm would install.
type rendered struct {
	manifest, notes string
}

func render(name string, vals map[string]any) (rendered, error) {
	c, err := loadChart()
	if err != nil {
		return rendered{}, err
	}
	install := action.NewInstall(&action.Configuration{})
	install.DryRun, install.ClientOnly, install.Replace = true, true, true
	install.ReleaseName, install.Namespace = name, namespace
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"}
	rel, err := install.Run(c, vals)
	if err != nil {
		return rendered{}, err
	}
	return rendered{manifest: rel.Manifest, notes: rel.Info.Notes}, nil
}

func mustRender(t *testing.T, vals map[string]any) objects {
	t.Helper()
	r, err := render(release, vals)
	check(t, err)
	return decode(t, r.manifest)
}

// objects of a manifest, by "Kind/name".
type objects map[string]any

// kinds that the chart may make, as Kubernetes' own types.
var kinds = map[string]func() any{
	"v1/ConfigMap":                        func() any { return &corev1.ConfigMap{} },
	"v1/Service":                          func() any { return &corev1.Service{} },
	"v1/ServiceAccount":                   func() any { return &corev1.ServiceAccount{} },
	"apps/v1/StatefulSet":                 func() any { return &appsv1.StatefulSet{} },
	"apps/v1/Deployment":                  func() any { return &appsv1.Deployment{} },
	"batch/v1/CronJob":                    func() any { return &batchv1.CronJob{} },
	"policy/v1/PodDisruptionBudget":       func() any { return &policyv1.PodDisruptionBudget{} },
	"networking.k8s.io/v1/NetworkPolicy":  func() any { return &networkingv1.NetworkPolicy{} },
	"monitoring.coreos.com/v1/PodMonitor": func() any { return &monitoringv1.PodMonitor{} },

	"monitoring.coreos.com/v1/PrometheusRule": func() any { return &monitoringv1.PrometheusRule{} },
}

// decode reads every object strictly: a field that Kubernetes doesn't know, or one given twice, fails.
func decode(t *testing.T, manifest string) objects {
	t.Helper()
	objs := objects{}
	for _, doc := range strings.Split("\n"+manifest, "\n---\n") {
		var meta metav1.PartialObjectMetadata
		check(t, yaml.Unmarshal([]byte(doc), &meta))
		if meta.Kind == "" {
			continue
		}
		create, ok := kinds[meta.APIVersion+"/"+meta.Kind]
		if !ok {
			t.Fatalf("unexpected object %s/%s", meta.APIVersion, meta.Kind)
		}
		o := create()
		if err := yaml.UnmarshalStrict([]byte(doc), o); err != nil {
			t.Fatalf("%s %s: %v\n%s", meta.Kind, meta.Name, err, doc)
		}
		key := meta.Kind + "/" + meta.Name
		if objs[key] != nil {
			t.Fatalf("%s is there twice", key)
		}
		if meta.Namespace != namespace {
			t.Errorf("%s is in namespace %q, want the release's", key, meta.Namespace)
		}
		objs[key] = o
	}
	return objs
}

// get returns the object under a key.
func get[T any](t *testing.T, objs objects, key string) *T {
	t.Helper()
	o, ok := objs[key].(*T)
	if !ok {
		t.Fatalf("there is no %s among %v", key, keys(objs))
	}
	return o
}

func keys(objs objects) (ks []string) {
	for k := range maps.Keys(objs) {
		ks = append(ks, k)
	}
	return ks
}

// pods returns each pod template by its component.
func (objs objects) pods() map[string]corev1.PodTemplateSpec {
	pods := map[string]corev1.PodTemplateSpec{}
	for _, o := range objs {
		switch o := o.(type) {
		case *appsv1.StatefulSet:
			pods["node"] = o.Spec.Template
		case *appsv1.Deployment:
			pods["elector"] = o.Spec.Template
		case *batchv1.CronJob:
			pods["compactor"] = o.Spec.JobTemplate.Spec.Template
		}
	}
	return pods
}

// forExamples runs a test on what each example renders to.
func forExamples(t *testing.T, test func(t *testing.T, vals map[string]any, objs objects)) {
	for _, file := range exampleNames(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			vals := values(t, file)
			test(t, vals, mustRender(t, vals))
		})
	}
}

func TestLint(t *testing.T) {
	forExamples(t, func(t *testing.T, vals map[string]any, _ objects) {
		l := lint.AllWithKubeVersion(chartDir, vals, namespace, &chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"})
		for _, m := range l.Messages {
			if m.Severity >= support.WarningSev {
				t.Error(m)
			}
		}
	})
}

// TestDefaultsExplainThemselves: without values there is nothing to install, and Helm says what is missing.
func TestDefaultsExplainThemselves(t *testing.T) {
	_, err := render(release, map[string]any{})
	if err == nil || !strings.Contains(err.Error(), "cluster_id") || !strings.Contains(err.Error(), "storage") {
		t.Fatalf("rendering without values: %v", err)
	}
}

func TestEveryTemplateIsUsed(t *testing.T) {
	var all bytes.Buffer
	for _, file := range exampleNames(t) {
		r, err := render(release, values(t, file))
		check(t, err)
		all.WriteString(r.manifest)
	}
	files, err := filepath.Glob(chartDir + "/templates/*.yaml")
	check(t, err)
	for _, f := range files {
		if !strings.Contains(all.String(), "# Source: netsy/templates/"+filepath.Base(f)) {
			t.Errorf("no example renders %s", f)
		}
	}
}

func TestNotes(t *testing.T) {
	for _, file := range exampleNames(t) {
		r, err := render(release, values(t, file))
		check(t, err)
		if strings.Contains(r.notes, "<no value>") || strings.Contains(r.notes, "%!") || !strings.Contains(r.notes, ":2378") {
			t.Errorf("%s: notes:\n%s", file, r.notes)
		}
	}
}

// TestDocumented: each top-level value of the chart is explained in its README.
func TestDocumented(t *testing.T) {
	c, err := loadChart()
	check(t, err)
	readme, err := os.ReadFile(chartDir + "/README.md")
	check(t, err)
	for name := range c.Values {
		if !bytes.Contains(readme, []byte(fmt.Sprintf("`%s", name))) {
			t.Errorf("README.md doesn't explain %s", name)
		}
	}
}
