package monitoring

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestDashboardForm(t *testing.T) {
	d, _, err := readDashboard(dashFile)
	must(t, err)
	for _, f := range d.faults() {
		t.Error(f)
	}
	if n := len(d.Panels); n < 50 {
		t.Errorf("only %d panels", n)
	}
}

// TestDashboardRows: what somebody on call looks at first comes first.
func TestDashboardRows(t *testing.T) {
	d, _, err := readDashboard(dashFile)
	must(t, err)
	var rows []string
	for _, p := range d.Panels {
		if p.Type == "row" {
			rows = append(rows, p.Title)
		}
	}
	want := "Cluster at a glance, Writes, Replication, Reads, watches and leases, Elections, Object storage, " +
		"Compaction and snapshots, Loading, Process and SQLite, gRPC"
	if got := strings.Join(rows, ", "); got != want {
		t.Errorf("rows:\n%s\nwant:\n%s", got, want)
	}
}

// TestDashboardNamesAlerts: the alerts that descriptions name are there.
func TestDashboardNamesAlerts(t *testing.T) {
	alerts := map[string]bool{}
	for _, r := range readRules(t, alertsFile) {
		alerts[r.Alert] = true
	}
	b, err := os.ReadFile(dashFile)
	must(t, err)
	named := regexp.MustCompile(`Netsy[A-Z]\w+`).FindAllString(string(b), -1)
	if len(named) < 20 {
		t.Errorf("only %d alerts are named", len(named))
	}
	for _, name := range named {
		if !alerts[name] {
			t.Errorf("the dashboard names the alert %s, which isn't there", name)
		}
	}
}

// TestDashboardFormMutations: what Grafana would show wrong, or not at all, is found.
func TestDashboardFormMutations(t *testing.T) {
	d, whole, err := readDashboard(dashFile)
	must(t, err)
	if fs := d.faults(); len(fs) > 0 {
		t.Skip("it has faults as it is")
	}
	for name, m := range map[string][2]string{
		"an id twice":                   {`"id": 7,`, `"id": 8,`},
		"an overlap":                    {`"x": 3,`, `"x": 2,`},
		"beyond the grid":               {`"x": 21,`, `"x": 22,`},
		"no unit":                       {`"unit": "wps"`, `"unit": ""`},
		"a variable that isn't there":   {`instance=~\"$instance\"`, `instance=~\"$node\"`},
		"a variable is missing":         {`"name": "namespace"`, `"name": "ns"`},
		"a fixed data source":           {`"uid": "${datasource}"`, `"uid": "prometheus"`},
		"All doesn't match a lack":      {`"allValue": ".*"`, `"allValue": ".+"`},
		"a cluster isn't asked for":     {`cluster=~\"$cluster\"`, `cluster=~\".+\"`},
		"no legend":                     {`"legendFormat": "{{instance}}"`, `"legendFormat": ""`},
		"two panels with the same name": {`"title": "Receipt age"`, `"title": "Lag"`},
	} {
		changed := bytes.Replace(whole, []byte(m[0]), []byte(m[1]), -1)
		if name == "an id twice" || name == "an overlap" {
			changed = bytes.Replace(whole, []byte(m[0]), []byte(m[1]), 1)
		}
		if bytes.Equal(changed, whole) {
			t.Errorf("%s: nothing to change", name)
			continue
		}
		var d dashboard
		must(t, json.Unmarshal(changed, &d))
		if len(d.faults()) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}
