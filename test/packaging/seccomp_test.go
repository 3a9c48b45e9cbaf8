//go:build linux

package packaging

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"os"
)

// sandboxVariable makes the test binary become another program, confined as a unit says:
// a path of a unit. The arguments are the program and its own.
const sandboxVariable = "NETSY_PACKAGING_SANDBOX"

// Offsets in struct seccomp_data (linux/seccomp.h): the call's number and the low half
// of an argument, on little-endian machines.
const callNumber = 0

func argument(i uint32) uint32 { return 16 + 8*i }

// runSandboxed does to this process what systemd would do for the unit's system call
// filter, MemoryDenyWriteExecute and RestrictAddressFamilies, except that any violation
// kills, so that none goes unnoticed; then it becomes the program.
func runSandboxed(unitPath string, argv []string) error {
	runtime.LockOSThread() // the filter is this thread's, and goes with it through exec
	u, err := readUnit(unitPath)
	if err != nil {
		return err
	}
	filter, err := filterOf(u)
	if err != nil {
		return err
	}
	if err := becomeNobody(); err != nil {
		return err
	}
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return err
	}
	prog := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		prog[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0); err != nil {
		return fmt.Errorf("loading the filter: %w", err)
	}
	return syscall.Exec(argv[0], argv, os.Environ())
}

// nobody is the user as which programs run if the tests are root's. It matters: SQLite, for
// one, gives files to their directory's owner if it is root, which the filter refuses.
const nobody = 65534

func becomeNobody() error {
	if os.Getuid() != 0 {
		return nil
	}
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := errors.Join(syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0) // another user loses it
}

func filterOf(u unitFile) ([]bpf.Instruction, error) {
	allowed, err := allowedCalls(u["Service"]["SystemCallFilter"])
	if err != nil {
		return nil, err
	}
	numbers, err := callNumbers()
	if err != nil {
		return nil, err
	}
	kill := bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}
	var f []bpf.Instruction
	if u.one("Service", "MemoryDenyWriteExecute") == "yes" {
		const both = unix.PROT_WRITE | unix.PROT_EXEC
		f = append(f, onCall(numbers["mmap"], bpf.LoadAbsolute{Off: argument(2), Size: 4},
			bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: both}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: both, SkipTrue: 1}, kill)...)
		for _, c := range []string{"mprotect", "pkey_mprotect"} {
			f = append(f, onCall(numbers[c], bpf.LoadAbsolute{Off: argument(2), Size: 4},
				bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: unix.PROT_EXEC}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PROT_EXEC, SkipTrue: 1}, kill)...)
		}
	}
	if families := strings.Fields(u.one("Service", "RestrictAddressFamilies")); len(families) > 0 {
		check := []bpf.Instruction{bpf.LoadAbsolute{Off: argument(0), Size: 4}}
		for i, name := range families {
			n, ok := map[string]uint32{"AF_INET": unix.AF_INET, "AF_INET6": unix.AF_INET6, "AF_UNIX": unix.AF_UNIX}[name]
			if !ok {
				return nil, fmt.Errorf("unknown address family %s", name)
			}
			check = append(check, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipTrue: uint8(len(families) - i)})
		}
		f = append(f, onCall(numbers["socket"], append(check, kill)...)...)
	}
	f = append(f, bpf.LoadAbsolute{Off: callNumber, Size: 4})
	for name := range allowed {
		if n, ok := numbers[name]; ok { // else a call of other architectures
			f = append(f, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: n, SkipTrue: 1}, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
		}
	}
	return append(f, kill), nil
}

// onCall runs steps if the call is n.
func onCall(n uint32, steps ...bpf.Instruction) []bpf.Instruction {
	return append([]bpf.Instruction{bpf.LoadAbsolute{Off: callNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: n, SkipTrue: uint8(len(steps))}}, steps...)
}

// allowedCalls is what SystemCallFilter= lines leave: the first makes a list of what is
// allowed, ~ takes away (systemd.exec(5)). execve is allowed by systemd for its own start.
func allowedCalls(lines []string) (map[string]bool, error) {
	if len(lines) == 0 || strings.HasPrefix(lines[0], "~") {
		return nil, errors.New("SystemCallFilter must begin with what is allowed")
	}
	allowed := map[string]bool{"execve": true}
	if err := each("@default", func(c string) { allowed[c] = true }); err != nil {
		return nil, err
	}
	for _, line := range lines {
		words, remove := strings.CutPrefix(line, "~")
		for _, w := range strings.Fields(words) {
			err := each(w, func(c string) {
				if remove {
					delete(allowed, c)
				} else {
					allowed[c] = true
				}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return allowed, nil
}

// each calls do for every system call of a set, as this systemd has it.
func each(name string, do func(string)) error {
	if !strings.HasPrefix(name, "@") {
		do(name)
		return nil
	}
	out, err := exec.Command("systemd-analyze", "syscall-filter", "--no-pager", name).Output()
	if err != nil {
		return fmt.Errorf("systemd-analyze syscall-filter %s: %w", name, err)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "    ") || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		if err := each(strings.TrimSpace(line), do); err != nil {
			return err
		}
	}
	return nil
}

var callMacro = regexp.MustCompile(`(?m)^#define __NR_([a-z0-9_]+) ([0-9]+)$`)

// callNumbers asks the C compiler, which the programs need anyway.
func callNumbers() (map[string]uint32, error) {
	out, err := exec.Command("cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null").Output()
	if err != nil {
		return nil, fmt.Errorf("cc: %w", err)
	}
	numbers := map[string]uint32{}
	for _, m := range callMacro.FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.ParseUint(m[2], 10, 32)
		if err != nil {
			return nil, err
		}
		numbers[m[1]] = uint32(n)
	}
	for _, c := range []string{"mmap", "mprotect", "pkey_mprotect", "socket"} {
		if _, ok := numbers[c]; !ok {
			return nil, fmt.Errorf("no number of %s", c)
		}
	}
	return numbers, nil
}
