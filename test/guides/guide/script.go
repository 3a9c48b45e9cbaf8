package guide

import (
	"fmt"
	"path"
	"strings"
)

// script is the page as a shell script. What it prints before and after each block of
// commands says which one is running: begin and end, on a line of their own.
func script(o Options, blocks []block, mark string) string {
	var s strings.Builder
	fmt.Fprintln(&s, "set -euo pipefail")
	o.world(&s)
	fmt.Fprintf(&s, "cd %q\n", o.Dir)
	s.WriteString(o.Before + "\n")
	for i, b := range blocks {
		switch {
		case b.file != "":
			fmt.Fprintf(&s, "mkdir -p '%s'\ncat > '%s' <<'%s'\n%s%s\n", path.Dir(b.file), b.file, mark, b.text, mark)
		case b.commands():
			fmt.Fprintf(&s, "printf '\\n%%s\\n' '%s'\n%sprintf '\\n%%s\\n' '%s'\n", begin(mark, i), b.text, end(mark, i))
		}
	}
	s.WriteString(o.After + "\n")
	return s.String()
}

// world sets up what the shell has of its own; it runs in fresh namespaces.
func (o Options) world(s *strings.Builder) {
	fmt.Fprint(s, `mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
__own=$(mktemp -d)
mount -t tmpfs tmpfs "$__own"
`)
	for i, dir := range append([]string{"/etc"}, o.Own...) {
		fmt.Fprintf(s, "mkdir \"$__own/upper%d\" \"$__own/work%d\"\nmount -t overlay overlay -o lowerdir=%s,upperdir=\"$__own/upper%d\",workdir=\"$__own/work%d\" %s\n", i, i, dir, i, i, dir)
	}
	for _, h := range o.Hosts {
		fmt.Fprintf(s, "ip addr add %s/32 dev lo\necho '%s %s' >> /etc/hosts\n", h.IP, h.IP, h.Name)
	}
}

func begin(mark string, i int) string { return fmt.Sprintf("%s begin %d", mark, i) }
func end(mark string, i int) string   { return fmt.Sprintf("%s end %d", mark, i) }

// printed returns what the i-th block printed, and whether it got to its end.
func printed(output, mark string, i int) (text string, done bool) {
	_, text, began := strings.Cut(output, "\n"+begin(mark, i)+"\n")
	if !began {
		return "", false
	}
	text, _, done = strings.Cut(text, "\n"+end(mark, i)+"\n")
	return text, done
}
