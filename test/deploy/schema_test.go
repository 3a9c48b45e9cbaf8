package deploy

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/config"
)

// TestSchemaRefuses: each of these is a mistake that somebody will make.
func TestSchemaRefuses(t *testing.T) {
	for _, c := range []struct{ name, base, over, says string }{
		{"a misspelled section", "s3-irsa", `{node: {replicas: 3}}`, "node"},
		{"a misspelled value", "s3-irsa", `{nodes: {replica: 3}}`, "replica"},
		{"a misspelled cluster setting", "s3-irsa", `{cluster: {storage: {bucket: b}}}`, "bucket"},
		{"camel case in the cluster file", "s3-irsa", `{cluster: {heartbeatInterval: 1s}}`, "heartbeatInterval"},
		{"no nodes", "s3-irsa", `{nodes: {replicas: 0}}`, "replicas"},
		{"replicas as text", "s3-irsa", `{nodes: {replicas: "3"}}`, "replicas"},
		{"a cluster id with a capital", "s3-irsa", `{cluster: {cluster_id: Prod}}`, "cluster_id"},
		{"a cluster id that is too long", "s3-irsa", `{cluster: {cluster_id: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}`, "cluster_id"},
		{"a directory as the bucket", "s3-irsa", `{cluster: {storage: {provider: file}}}`, "provider"},
		{"a duration without a unit", "s3-irsa", `{cluster: {heartbeat_interval: 500}}`, "heartbeat_interval"},
		{"a storage class that can't be read", "s3-irsa", `{cluster: {storage: {class: GLACIER}}}`, "class"},
		{"no secret of the nodes", "s3-irsa", `{tls: {nodesSecret: ""}}`, "nodesSecret"},
		{"no secret of the electors", "s3-irsa", `{tls: {electorsSecret: ""}}`, "electorsSecret"},
		{"no issuer", "cert-manager", `{tls: {certManagerCSI: {issuerName: ""}}}`, "issuerName"},
		{"an unknown source of certificates", "s3-irsa", `{tls: {source: vault}}`, "source"},
		{"S3's keys for Google", "gcs-key", `{credentials: {s3Secret: x}}`, "s3Secret"},
		{"Google's key for S3", "s3-irsa", `{credentials: {gcsSecret: x}}`, "gcsSecret"},
		{"the chart's own variables", "s3-irsa", `{nodes: {extraEnv: [{name: NETSY_DATA_DIR, value: /}]}}`, "extraEnv"},
		{"a key in the values", "s3-irsa", `{credentials: {secretAccessKey: x}}`, "secretAccessKey"},
		{"a disk that several nodes share", "s3-compatible", `{nodes: {persistence: {accessModes: [ReadWriteMany]}}}`, "accessModes"},
		{"a schedule that isn't one", "s3-irsa", `{compactor: {schedule: "10m"}}`, "schedule"},
		{"a digest that isn't one", "s3-irsa", `{image: {digest: "sha256:1"}}`, "digest"},
		{"a log level that isn't one", "s3-irsa", `{log: {level: verbose}}`, "level"},
		{"a quantity that isn't one", "s3-irsa", `{nodes: {resources: {limits: {memory: 2GB}}}}`, "memory"},
		{"annotations beside the service account", "s3-irsa", `{nodes: {serviceAccountAnnotations: {a: b}}}`, "serviceAccountAnnotations"},
		{"a misspelled part of a service account", "s3-irsa", `{electors: {serviceAccount: {annotation: {a: b}}}}`, "annotation"},
		{"a service account's name that isn't one", "s3-irsa", `{compactor: {serviceAccount: {name: Netsy_Compactor}}}`, "name"},
		{"a status page that is neither on nor off", "s3-irsa", `{statusPage: {enabled: "no"}}`, "enabled"},
		{"a name with two hyphens", "s3-irsa", `{fullnameOverride: a--b}`, "fullnameOverride"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := render(release, values(t, chartDir+"/ci/"+c.base+".yaml", c.over))
			if err == nil || !strings.Contains(err.Error(), "schema") || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("want a refusal that names %s, got %v", c.says, err)
			}
		})
	}
}

// TestNamesThatAreTooLong: node ids have at most 32 characters, and are never cut short.
func TestNamesThatAreTooLong(t *testing.T) {
	vals := values(t, chartDir+"/ci/s3-irsa.yaml")
	for name, fits := range map[string]bool{
		"a": true, "a.b": true, "netsy": true, "eighteen-letters-x": true, "nineteen-letters-xy": false,
		"a-release-with-a-name-that-nobody-would-type": false,
	} {
		_, err := render(name, vals)
		if fits && err != nil || !fits && (err == nil || !strings.Contains(err.Error(), "fullnameOverride")) {
			t.Errorf("release %q: %v", name, err)
		}
	}
}

// TestSchemaKnowsTheClusterFile: the schema has exactly the settings that pkg/config has. What a
// value may be is pkg/config's to say; TestClusterFile and the programs themselves ask it.
func TestSchemaKnowsTheClusterFile(t *testing.T) {
	b, err := os.ReadFile(chartDir + "/values.schema.json")
	check(t, err)
	var schema struct {
		Properties struct{ Cluster any }
	}
	check(t, json.Unmarshal(b, &schema))
	got := leaves(schema.Properties.Cluster, "")
	var want []string
	for _, m := range regexp.MustCompile("(?m)^\\*\\*`([a-z_.]+)`\\*\\*").FindAllStringSubmatch(config.Reference(), -1) {
		want = append(want, m[1])
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) < 20 || !slices.Equal(got, want) {
		t.Errorf("the schema has the settings\n%v\npkg/config has\n%v", got, want)
	}
}

func leaves(schema any, path string) (names []string) {
	props, ok := schema.(map[string]any)["properties"].(map[string]any)
	if !ok {
		return []string{strings.TrimPrefix(path, ".")}
	}
	for name, s := range props {
		names = append(names, leaves(s, path+"."+name)...)
	}
	return names
}
