package netsyctl

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
)

func configValidateCommand() *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "find every mistake in a cluster file",
		ArgsUsage: "FILE",
		Description: `Reports all mistakes at once, each with its line and column, and fails if there is any. It looks at
the file alone: nothing is connected to. For a node's environment as well, run netsy-node --validate.

  netsyctl config validate cluster.jsonc
  netsyctl config validate -o json cluster.jsonc`,
		Flags: []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			name, err := oneArg(c, "FILE")
			if err != nil {
				return err
			}
			b, err := os.ReadFile(name)
			if err != nil {
				return &unjudgedError{err}
			}
			_, err = config.Parse(name, b)
			return showValidation(c, name, err)
		},
	}
}

type validation struct {
	File     string          `json:"file"`
	Valid    bool            `json:"valid"`
	Problems config.Problems `json:"problems"`
}

// showValidation prints the problems, or that there are none. With problems it
// also fails, in few words since they have been shown.
func showValidation(c *cli.Context, name string, err error) error {
	v := validation{File: name, Valid: err == nil, Problems: config.Problems{}}
	if err != nil && !errors.As(err, &v.Problems) {
		return &unjudgedError{err}
	}
	shown := show(c, v, func(w io.Writer) {
		for _, p := range v.Problems {
			row(w, p.String())
		}
		if v.Valid {
			row(w, name+": valid")
		}
	})
	if shown == nil && !v.Valid {
		return fmt.Errorf("%s: %d problems", name, len(v.Problems))
	}
	return shown
}
