package daemon

import (
	"errors"
	"fmt"
	"testing"

	"github.com/netsy-io/netsy/pkg/config"
)

func TestExitStatus(t *testing.T) {
	wrong, missing := config.Problem{Message: "wrong"}, config.Problem{Message: "missing", Delivered: true}
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, StatusOK},
		{errors.New("any"), StatusFailure},
		{config.Problems{wrong}, StatusConfig},
		{config.Problems{missing}, StatusFailure},
		{config.Problems{missing, wrong}, StatusConfig},
		{fmt.Errorf("wrapped: %w", config.Problems{wrong}), StatusConfig},
		{&Misconfigured{errors.New("flag")}, StatusConfig},
		{fmt.Errorf("wrapped: %w", &Misconfigured{errors.New("flag")}), StatusConfig},
	} {
		if got := statusOf(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
	for _, args := range [][]string{{"netsy-node", "--no-such-flag"}, {"netsy-node", "--with-elector=perhaps"}} {
		p := Program{Settings: config.NodeProgram}
		if got := statusOf(p.run(t.Context(), args)); got != StatusConfig {
			t.Errorf("%v: %d", args, got)
		}
	}
}
