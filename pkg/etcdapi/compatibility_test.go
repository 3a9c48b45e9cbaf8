package etcdapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

const compatibilityPage = "../../docs/etcd-compatibility.md"

// answers are the words that the table may use, with what they promise.
var answers = map[string]codes.Code{"served": codes.OK, "Unimplemented": codes.Unimplemented}

// promises reads the table of RPCs: by profile, then by name.
func promises(t *testing.T) map[etcdapi.Profile]map[string]codes.Code {
	t.Helper()
	page, err := os.ReadFile(filepath.FromSlash(compatibilityPage))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "<!-- table:rpcs -->\n")
	table, _, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		t.Fatalf("%s: the table's marks are gone", compatibilityPage)
	}
	rows := strings.Split(strings.TrimSpace(table), "\n")
	out := map[etcdapi.Profile]map[string]codes.Code{etcdapi.ProfileKubernetes: {}, etcdapi.ProfileEtcd: {}}
	for _, row := range rows[2:] { // the heading and its line
		cells := strings.Split(row, "|")
		if len(cells) != 6 {
			t.Fatalf("%s: want 4 cells: %s", compatibilityPage, row)
		}
		name := strings.TrimSpace(cells[1])
		for i, p := range []etcdapi.Profile{etcdapi.ProfileKubernetes, etcdapi.ProfileEtcd} {
			code, known := answers[strings.TrimSpace(cells[2+i])]
			if _, twice := out[p][name]; !known || twice {
				t.Fatalf("%s: row %q: unknown word or second row: %s", compatibilityPage, name, row)
			}
			out[p][name] = code
		}
	}
	return out
}

// TestEveryRPCAnswersAsDocumented calls each RPC that etcd has, in each profile.
func TestEveryRPCAnswersAsDocumented(t *testing.T) {
	rpcs := etcdRPCs(t)
	for profile, promised := range promises(t) {
		t.Run(string(profile), func(t *testing.T) {
			if len(promised) != len(rpcs) {
				t.Errorf("the table has %d rows, etcd %d RPCs", len(promised), len(rpcs))
			}
			conn := start(t, profile).dial(t, "client")
			for _, r := range rpcs {
				want, ok := promised[r.name]
				if !ok {
					t.Errorf("%s: the table has no row", r.name)
					continue
				}
				if err := r.call(t.Context(), conn); status.Code(err) != want {
					t.Errorf("%s: got %v (%v), the table says %v", r.name, status.Code(err), err, want)
				}
			}
		})
	}
}
