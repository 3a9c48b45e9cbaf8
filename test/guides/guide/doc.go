// Package guide runs guides: it takes the commands out of a Markdown page and runs
// them, in order, in one shell, so that a page can't say what doesn't work.
//
// Four kinds of fenced blocks count:
//
//	```sh                    commands, run. Any that fails fails the test
//	```sh skip=REASON        commands that can't be run here; the reason is logged
//	```LANGUAGE file=PATH    a file, written before the next commands run
//	```text                  what the commands above it print: see compare
//
// A block of another kind is for people only. ```console and ```bash are refused, so
// that no commands escape by being called something else.
//
// The shell has a network, a process tree and an /etc of its own (Linux namespaces),
// so a page uses its real ports, host names and paths, whatever else runs on the
// machine, and nothing of it is left afterwards.
package guide
