package migration

import (
	"encoding/json"
	"os"
	"testing"
)

// TestImportOfEtcd35 imports a file of etcd 3.5; see its README.
func TestImportOfEtcd35(t *testing.T) {
	const dir = "testdata/etcd-3.5/"
	b, err := os.ReadFile(dir + "etcd.json")
	check(t, err)
	var said struct {
		Compacted int64              `json:"compacted"`
		Revision  int64              `json:"revision"`
		States    map[int64][]string `json:"states"`
		Events    []string           `json:"events"`
	}
	check(t, json.Unmarshal(b, &said))
	p := newPlace(t)
	done := p.mustCtl(t, "import", "etcd", "--snapshot", dir+"etcd.db")
	if done["leases"] != float64(1) || done["purged_revision"] != float64(said.Compacted) {
		t.Errorf("%v", done)
	}
	n := p.start(t)
	_, err = n.Put(within(t), "/registry/new", "")
	check(t, err)
	h := history{from: said.Compacted + 1, to: said.Revision, states: said.States, events: said.Events}
	h.check(t, n.Client)
}
