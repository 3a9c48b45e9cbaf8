package netsyctl

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script with which the shell completes commands and flags",
		ArgsUsage: "bash|zsh|fish",
		Description: `  source <(netsyctl completion bash)         # in ~/.bashrc
  source <(netsyctl completion zsh)          # in ~/.zshrc, after compinit
  netsyctl completion fish | source          # in ~/.config/fish/config.fish`,
		BashComplete: func(c *cli.Context) {
			fmt.Fprintln(c.App.Writer, "bash\nzsh\nfish")
		},
		Action: func(c *cli.Context) error {
			shell, err := oneArg(c, "SHELL")
			if err != nil {
				return err
			}
			script, err := completionScript(c.App, shell)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}

func completionScript(app *cli.App, shell string) (string, error) {
	switch shell {
	case "bash":
		return bashCompletion, nil
	case "zsh":
		return zshCompletion, nil
	case "fish":
		return app.ToFishCompletion()
	}
	return "", wrongUse("SHELL must be bash, zsh or fish (got %q)", shell)
}

// The shells ask the program itself, by a last argument that the CLI library answers: what
// is offered can't be of another version. Where it has nothing to offer, files are.
const bashCompletion = `# bash completion of netsyctl
_netsyctl() {
  local cur="${COMP_WORDS[COMP_CWORD]}" words=("${COMP_WORDS[@]:0:COMP_CWORD}")
  if [[ "$cur" == -* ]]; then
    words+=("$cur")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$cur")
}
complete -o bashdefault -o default -F _netsyctl netsyctl
`

const zshCompletion = `#compdef netsyctl
_netsyctl() {
  local cur="${words[CURRENT]}"
  local -a offers asked
  asked=("${(@)words[1,CURRENT-1]}")
  if [[ "$cur" == -* ]]; then
    asked+=("$cur")
  fi
  offers=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 "${asked[@]}" --generate-bash-completion 2>/dev/null)}")
  if [[ -n "${offers[1]}" ]]; then
    _describe 'values' offers
  else
    _files
  fi
}
compdef _netsyctl netsyctl
`
