package config

import "github.com/urfave/cli/v2"

// Flags returns a program's flags, each with its environment variable.
func Flags(program Program) []cli.Flag {
	var flags []cli.Flag
	for i := range settings {
		s := &settings[i]
		if s.programs&program == 0 {
			continue
		}
		// Defaults are Resolve's, so that an empty variable has them too.
		text := s.def
		if text == "" && s.required&program == 0 {
			text = s.defText
		}
		flags = append(flags, &cli.StringFlag{Name: s.flag, EnvVars: []string{s.env}, Usage: s.doc, DefaultText: text})
	}
	return append(flags, &cli.BoolFlag{Name: "validate",
		Usage: "check the settings, the cluster file and the certificate, say what is wrong with them, and exit"})
}

// FromFlags is Resolve for a command that has Flags.
func FromFlags(program Program, c *cli.Context) (*Process, error) {
	return Resolve(program, c.String)
}
