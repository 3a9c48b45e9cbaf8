package file

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

const (
	processes, slots, increments = 3, 40, 40
	envDir, envName              = "NETSY_TEST_STORE", "NETSY_TEST_NAME"
)

// TestProcesses races several processes, not goroutines, for slots and for a
// counter, in one directory.
func TestProcesses(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Config{Dir: dir})
	if _, err := s.Put(t.Context(), "counter", []byte("0"), objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	won := make([]string, processes)
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestProcessChild$", "-test.v")
			cmd.Env = append(os.Environ(), envDir+"="+dir, fmt.Sprintf("%s=%d", envName, i))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("process %d: %v\n%s", i, err, out)
			}
			won[i] = string(out)
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for slot := range slots {
		b, _, err := objectstore.ReadAll(t.Context(), s, fmt.Sprintf("slots/%d", slot), 100)
		if err != nil {
			t.Fatal(err)
		}
		for i := range processes {
			claims := strings.Contains(won[i], fmt.Sprintf("won %d.\n", slot))
			if claims != (string(b) == strconv.Itoa(i)) {
				t.Errorf("slot %d holds %q; process %d claims it: %v", slot, b, i, claims)
			}
		}
	}
	b, _, err := objectstore.ReadAll(t.Context(), s, "counter", 100)
	if want := strconv.Itoa(processes * increments); err != nil || string(b) != want {
		t.Errorf("the counter is %q (%v), expected %s", b, err, want)
	}
}

// TestProcessChild is what each process does.
func TestProcessChild(t *testing.T) {
	dir, name := os.Getenv(envDir), os.Getenv(envName)
	if dir == "" {
		t.Skip("runs as a child of TestProcesses")
	}
	ctx := t.Context()
	s := openTest(t, Config{Dir: dir})
	for slot := range slots {
		_, err := s.Put(ctx, fmt.Sprintf("slots/%d", slot), []byte(name), objectstore.IfAbsent())
		if err == nil {
			fmt.Printf("won %d.\n", slot)
		} else if !errors.Is(err, objectstore.ErrPreconditionFailed) {
			t.Fatal(err)
		}
	}
	for done := 0; done < increments; {
		b, info, err := objectstore.ReadAll(ctx, s, "counter", 100)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(string(b))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Put(ctx, "counter", []byte(strconv.Itoa(n+1)), objectstore.IfMatch(info.Version))
		if err == nil {
			done++
		} else if !errors.Is(err, objectstore.ErrPreconditionFailed) {
			t.Fatal(err)
		}
	}
}
