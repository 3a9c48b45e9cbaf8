package daemon

import (
	"os"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/node"
)

// TestCodesAreDocumented: who acts on a code finds it in docs/operations.md.
func TestCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, c := range node.Codes {
		codes = append(codes, string(c))
	}
	for _, c := range electorCodes {
		codes = append(codes, string(c))
	}
	for _, c := range append(codes, "pass_failed", "78") {
		if !strings.Contains(string(page), "`"+c+"`") && !strings.Contains(string(page), "| "+c+" |") {
			t.Errorf("docs/operations.md doesn't explain %s", c)
		}
	}
}
