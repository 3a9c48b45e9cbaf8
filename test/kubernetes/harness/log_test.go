package harness

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
)

func TestLogProblems(t *testing.T) {
	log := `I1122 06:00:00.000000       1 fine.go:1] error in the text of an information
W1122 06:00:00.000000       1 warn.go:1] warned
E1122 06:00:00.000000       1 known.go:1] known fault
E1122 06:00:00.000000       1 other.go:1] other fault
panic: no
goroutine 1 [running]:
F1122 06:00:00.000000       1 fatal.go:1] over
`
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	got, all, err := LogProblems(path, []Explained{{regexp.MustCompile("known fault"), "because"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"E1122 06:00:00.000000       1 other.go:1] other fault", "panic: no", "F1122 06:00:00.000000       1 fatal.go:1] over"}
	if all != 4 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %d, %q", all, got)
	}
}
