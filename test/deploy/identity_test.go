package deploy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// identities says for each service account which workloads have it and, if the chart makes it, its
// annotations: "node+elector {a: b}", or "node not made".
func identities(t *testing.T, objs objects) map[string]string {
	t.Helper()
	of := map[string][]string{}
	for component, pod := range objs.pods() {
		of[pod.Spec.ServiceAccountName] = append(of[pod.Spec.ServiceAccountName], component)
	}
	got := map[string]string{}
	for name, components := range of {
		slices.Sort(components)
		slices.Reverse(components) // node, elector, compactor
		says := "not made"
		if o, ok := objs["ServiceAccount/"+name].(*corev1.ServiceAccount); ok {
			if o.AutomountServiceAccountToken == nil || *o.AutomountServiceAccountToken {
				t.Errorf("service account %s has pods mount its token", name)
			}
			var pairs []string
			for _, k := range slices.Sorted(maps.Keys(o.Annotations)) {
				pairs = append(pairs, k+": "+o.Annotations[k])
			}
			says = "{" + strings.Join(pairs, ", ") + "}"
		}
		got[name] = strings.Join(components, "+") + " " + says
	}
	for key := range objs {
		if name, ok := strings.CutPrefix(key, "ServiceAccount/"); ok && got[name] == "" {
			t.Errorf("no workload has the service account %s", name)
		}
	}
	return got
}

// TestServiceAccounts: one for each workload, so that each can have the permissions of its program;
// what is said for all is said for each.
func TestServiceAccounts(t *testing.T) {
	for _, c := range []struct {
		name, base, over string
		want             map[string]string
	}{
		{"by default", "s3-compatible", `{}`, map[string]string{
			"prod-netsy-node": "node {}", "prod-netsy-elector": "elector {}", "prod-netsy-compactor": "compactor {}"}},
		{"one annotation for all", "s3-compatible", `{serviceAccount: {annotations: {a: b}}}`, map[string]string{
			"prod-netsy-node": "node {a: b}", "prod-netsy-elector": "elector {a: b}", "prod-netsy-compactor": "compactor {a: b}"}},
		{"each its own, beside what is for all", "s3-compatible",
			`{serviceAccount: {annotations: {a: b, role: all}}, nodes: {serviceAccount: {annotations: {role: x}}}, electors: {serviceAccount: {annotations: {role: z}}}}`, map[string]string{
				"prod-netsy-node": "node {a: b, role: x}", "prod-netsy-elector": "elector {a: b, role: z}", "prod-netsy-compactor": "compactor {a: b, role: all}"}},
		{"one account for all", "s3-compatible", `{serviceAccount: {name: one, annotations: {a: b}}}`, map[string]string{"one": "node+elector+compactor {a: b}"}},
		{"one account for all, with the same annotations", "s3-compatible",
			`{serviceAccount: {name: one}, nodes: {serviceAccount: {annotations: {a: b}}}, electors: {serviceAccount: {annotations: {a: b}}}, compactor: {serviceAccount: {annotations: {a: b}}}}`,
			map[string]string{"one": "node+elector+compactor {a: b}"}},
		{"a name for one", "s3-compatible", `{compactor: {serviceAccount: {name: sweeper, annotations: {a: b}}}}`, map[string]string{
			"prod-netsy-node": "node {}", "prod-netsy-elector": "elector {}", "sweeper": "compactor {a: b}"}},
		{"a name for one, another for the rest", "s3-compatible", `{serviceAccount: {name: one}, compactor: {serviceAccount: {name: sweeper}}}`, map[string]string{
			"one": "node+elector {}", "sweeper": "compactor {}"}},
		{"none made", "s3-compatible", `{serviceAccount: {create: false}}`, map[string]string{"default": "node+elector+compactor not made"}},
		{"made elsewhere", "s3-compatible", `{serviceAccount: {create: false, name: mine}}`, map[string]string{"mine": "node+elector+compactor not made"}},
		{"three made elsewhere", "s3-compatible",
			`{serviceAccount: {create: false}, nodes: {serviceAccount: {name: x}}, electors: {serviceAccount: {name: w}}, compactor: {serviceAccount: {name: v}}}`,
			map[string]string{"x": "node not made", "w": "elector not made", "v": "compactor not made"}},
		{"one made elsewhere", "s3-compatible", `{nodes: {serviceAccount: {create: false, name: mine}}}`, map[string]string{
			"mine": "node not made", "prod-netsy-elector": "elector {}", "prod-netsy-compactor": "compactor {}"}},
		{"only one made", "s3-compatible", `{serviceAccount: {create: false}, nodes: {serviceAccount: {create: true, annotations: {a: b}}}}`, map[string]string{
			"prod-netsy-node": "node {a: b}", "default": "elector+compactor not made"}},
		{"electors within the nodes", "single-node", `{electors: {serviceAccount: {annotations: {a: b}}}}`, map[string]string{
			"prod-netsy-node": "node {}", "prod-netsy-compactor": "compactor {}"}},
		{"no compactor", "s3-compatible", `{compactor: {enabled: false}}`, map[string]string{"prod-netsy-node": "node {}", "prod-netsy-elector": "elector {}"}},
		{"roles of EKS", "s3-irsa", `{}`, map[string]string{
			"prod-netsy-node":      "node {eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/netsy-node}",
			"prod-netsy-elector":   "elector {eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/netsy-elector}",
			"prod-netsy-compactor": "compactor {eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/netsy-compactor}"}},
		{"service accounts of Google Cloud", "gcs-workload-identity", `{}`, map[string]string{
			"prod-netsy-node":      "node {iam.gke.io/gcp-service-account: netsy-node@my-project.iam.gserviceaccount.com}",
			"prod-netsy-elector":   "elector {iam.gke.io/gcp-service-account: netsy-elector@my-project.iam.gserviceaccount.com}",
			"prod-netsy-compactor": "compactor {iam.gke.io/gcp-service-account: netsy-compactor@my-project.iam.gserviceaccount.com}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			vals := values(t, chartDir+"/ci/"+c.base+".yaml", c.over)
			got := identities(t, mustRender(t, vals))
			if !maps.Equal(got, c.want) {
				t.Errorf("service accounts:\n%v\nwant\n%v", got, c.want)
			}
			r, err := render(release, vals)
			check(t, err)
			for name, of := range got { // what the notes have the reader bind policies to
				for _, component := range strings.Split(strings.Fields(of)[0], "+") {
					if line := regexp.MustCompile(fmt.Sprintf(`(?m)^  %s: %s`, name, component)); !line.MatchString(r.notes) {
						t.Errorf("the notes don't say that %s has %s:\n%s", component, name, r.notes)
					}
				}
			}
		})
	}
}

// TestAnnotationsThatWouldBeLost: a program would run with another's permissions, or with none.
func TestAnnotationsThatWouldBeLost(t *testing.T) {
	for over, says := range map[string]string{
		`{serviceAccount: {name: one}, nodes: {serviceAccount: {annotations: {a: b}}}}`:                 `nodes and electors share the service account "one"`,
		`{serviceAccount: {name: one}, compactor: {serviceAccount: {annotations: {a: b}}}}`:             `nodes and compactor share the service account "one"`,
		`{electors: {serviceAccount: {name: prod-netsy-node, annotations: {a: b}}}}`:                    `share the service account "prod-netsy-node"`,
		`{serviceAccount: {create: false, name: mine}, nodes: {serviceAccount: {annotations: {a: b}}}}`: `nodes.serviceAccount.annotations would be on no service account: the chart doesn't create "mine"`,
		`{electors: {serviceAccount: {create: false, name: mine, annotations: {a: b}}}}`:                `electors.serviceAccount.annotations would be on no service account`,
		`{serviceAccount: {create: false}, compactor: {serviceAccount: {annotations: {a: b}}}}`:         `compactor.serviceAccount.annotations would be on no service account`,
	} {
		_, err := render(release, values(t, chartDir+"/ci/s3-compatible.yaml", over))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: want a refusal that says %q, got %v", over, says, err)
		}
	}
}

// TestStatusPage: on, unless the values say otherwise, in the programs that have one.
func TestStatusPage(t *testing.T) {
	for over, want := range map[string]string{`{}`: "true", `{statusPage: {enabled: true}}`: "true", `{statusPage: {enabled: false}}`: "false"} {
		for component, pod := range mustRender(t, values(t, chartDir+"/ci/s3-irsa.yaml", over)).pods() {
			want := want
			if component == "compactor" {
				want = ""
			}
			got := ""
			for _, e := range pod.Spec.Containers[0].Env {
				if e.Name == "NETSY_STATUS_PAGE" {
					got = e.Value
				}
			}
			if got != want {
				t.Errorf("%s: %s has the status page %q, want %q", over, component, got, want)
			}
		}
		r, err := render(release, values(t, chartDir+"/ci/s3-irsa.yaml", over))
		check(t, err)
		if strings.Contains(r.notes, "localhost:8080/status") != (want == "true") {
			t.Errorf("%s: the notes:\n%s", over, r.notes)
		}
	}
}

// TestNoImageYet: who installs the chart with the default repository is told what is missing, and
// nobody else is.
func TestNoImageYet(t *testing.T) {
	for over, told := range map[string]bool{
		`{}`:                            true,
		`{image: {tag: v1.0.0}}`:        true,
		`{image: {pullPolicy: Always}}`: true,
		`{image: {repository: registry.example.com/netsy}}`:              false,
		`{image: {repository: registry.example.com/netsy, tag: v0.1.0}}`: false,
	} {
		r, err := render(release, values(t, chartDir+"/ci/s3-irsa.yaml", over))
		check(t, err)
		if strings.Contains(r.notes, "THERE IS NO IMAGE YET") != told || strings.Contains(r.notes, "image.repository=") != told {
			t.Errorf("%s: told that there is no image: %v\n%s", over, !told, r.notes)
		}
	}
}
