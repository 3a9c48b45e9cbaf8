package mvcc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netsy-io/netsy/pkg/record"
)

const crashEnv = "NETSY_MVCC_CRASH_DIR"

// TestCrashChild is not a test: it is the process that TestKilledWhileAppending kills.
// It appends batches, telling of each once it is stored, until it dies.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashEnv)
	if dir == "" {
		t.Skip("only run by TestKilledWhileAppending")
	}
	s, err := Open(context.Background(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	epoch := s.ElectionState().Served + 1
	if _, err := s.Serve(context.Background(), epoch); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("served %d\n", epoch)
	for {
		var batch []record.Record
		for i := range 20 {
			rev := s.Tail().Revision + 1 + record.Revision(i)
			batch = append(batch, record.Record{
				Revision: rev, Epoch: epoch, Key: fmt.Appendf(nil, "k%d", rev%7), Value: []byte(strings.Repeat("v", 500)), Version: 1,
			})
		}
		if err := s.Append(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		s.SetLogged(s.Tail().Revision, s.Tail())
		fmt.Printf("stored %d\n", s.Tail().Revision)
	}
}

// TestKilledWhileAppending kills a writer at arbitrary moments, again and again on
// the same file: what it reported is there, the history has no hole and ends with a
// whole batch, and neither promise nor start count has gone back.
func TestKilledWhileAppending(t *testing.T) {
	dir := t.TempDir()
	starts := int64(0)
	for round := range 8 {
		served, stored := crash(t, dir, 1+round*3)
		s := openDir(t, dir)
		starts += 2
		if s.StartCount() != starts {
			t.Fatalf("start count %d, want %d", s.StartCount(), starts)
		}
		st := s.ElectionState()
		if st.Served != served || st.Promised != served || st.Tail.Revision < stored || st.Tail.Revision%20 != 0 {
			t.Fatalf("round %d: %+v, but %d was stored in epoch %d", round, st, stored, served)
		}
		want := record.Revision(1)
		err := s.Records(t.Context(), 1, st.Tail.Revision, func(r *record.Record) error {
			if r.Revision != want || len(r.Value) != 500 {
				return fmt.Errorf("revision %d instead of %d, %d bytes", r.Revision, want, len(r.Value))
			}
			want++
			return nil
		})
		if err != nil || want != st.Tail.Revision+1 {
			t.Fatalf("history ends before %d: %v", want, err)
		}
		w, err := s.NewWorking(t.Context())
		if err != nil || w.Revision() != st.Tail.Revision {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// crash runs the child until it has told of so many batches, then kills it, at
// whatever it is doing.
func crash(t *testing.T, dir string, batches int) (served record.Epoch, stored record.Revision) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
	cmd.Env = append(os.Environ(), crashEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); {
		word, number, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseInt(number, 10, 64)
		switch word {
		case "served":
			served = record.Epoch(n)
		case "stored":
			stored = record.Revision(n)
			if seen++; seen == batches {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err == nil || served == 0 || stored == 0 {
		t.Fatalf("the child ended by itself: %v, epoch %d, revision %d", err, served, stored)
	}
	return served, stored
}

const limitEnv = "NETSY_MVCC_LIMIT_DIR"

// TestLimitChild is not a test: it is the process in which TestFileLimit's disk is full.
// A file size limit of the kernel makes real writes fail, as real disks do.
func TestLimitChild(t *testing.T) {
	dir := os.Getenv(limitEnv)
	if dir == "" {
		t.Skip("only run by TestFileLimit")
	}
	signal.Ignore(syscall.SIGXFSZ)
	s, err := Open(context.Background(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Cur: 300 << 10, Max: 300 << 10}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err = s.Append(context.Background(), next(s, 5000)); err != nil {
			break
		}
	}
	fmt.Printf("failed at %d: %v\n", s.Tail().Revision, err)
	fmt.Println("again:", s.Append(context.Background(), next(s, 500000)))
	os.Exit(3)
}

// TestFileLimit: writes that the kernel refuses are errors of the disk; what was
// reported as stored is there after a restart, with at most the batch in doubt beyond.
func TestFileLimit(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLimitChild$", "-test.v")
	cmd.Env = append(os.Environ(), limitEnv+"="+dir)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 3 || strings.Count(string(out), ErrDisk.Error()) != 2 {
		t.Fatalf("%v\n%s", cmd.ProcessState, out)
	}
	var stored record.Revision
	for line := range strings.Lines(string(out)) {
		fmt.Sscanf(line, "failed at %d:", &stored)
	}
	s := openDir(t, dir)
	got := s.Tail().Revision
	if stored == 0 || got < stored || got > stored+1 {
		t.Fatalf("%d was stored, %d is there\n%s", stored, got, out)
	}
	if got > stored && !strings.Contains(string(out), ErrPoisoned.Error()) {
		t.Fatalf("revision %d came back, but its append was reported as failed for certain\n%s", got, out)
	}
	if _, err := s.NewWorking(t.Context()); err != nil {
		t.Fatal(err)
	}
}
