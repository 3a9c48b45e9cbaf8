package netsyctl

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func datafileVerifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "read data files to their ends and say whether each is sound",
		ArgsUsage: "FILE...",
		Description: `Checks each by itself: whether they follow each other is what netsyctl verify checks. Exit status: 0 all
are sound, 1 one is damaged, 2 one couldn't be read.

  netsyctl datafile verify chunks/*.netsy
  netsyctl datafile verify --config cluster.jsonc bucket:snapshots/0000000000000000012.netsy`,
		Flags: append(sourceFlags(), outputFlag()),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return wrongUse("want at least one argument, FILE (see %s --help)", c.Command.HelpName)
			}
			for _, name := range c.Args().Tail() {
				if strings.HasPrefix(name, "-") {
					return wrongUse("flags go before FILE: put %s first", name)
				}
			}
			return verifyDataFiles(c)
		},
	}
}

type shownVerdict struct {
	File    string `json:"file"`
	Sound   bool   `json:"sound"`
	Problem string `json:"problem,omitempty"`
}

func verifyDataFiles(c *cli.Context) error {
	list, bad := []shownVerdict{}, 0
	for _, name := range c.Args().Slice() {
		v := shownVerdict{File: name}
		x, err := inspectDataFile(c, name)
		switch {
		case isDamage(err):
			v.Problem = err.Error()
		case err != nil:
			return &unjudgedError{err}
		default:
			v.Problem = x.Problem
		}
		if v.Sound = v.Problem == ""; !v.Sound {
			bad++
		}
		list = append(list, v)
	}
	err := show(c, list, func(w io.Writer) {
		for _, v := range list {
			if v.Sound {
				row(w, v.File, "sound")
			} else {
				row(w, v.File, "NOT SOUND", v.Problem)
			}
		}
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of %s not sound", bad, plural(len(list), "file"))
	}
	return err
}
