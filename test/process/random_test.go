//go:build linux

package process

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// rounds is how often to do what is done in rounds.
func rounds(t testing.TB, usual int) int {
	n, err := strconv.Atoi(os.Getenv("NETSY_PROCESS_ROUNDS"))
	switch {
	case os.Getenv("NETSY_PROCESS_ROUNDS") == "":
		return usual
	case err != nil || n < 1:
		t.Fatalf("NETSY_PROCESS_ROUNDS must be a positive number (got %q)", os.Getenv("NETSY_PROCESS_ROUNDS"))
	}
	return n
}

// random returns the source of a test's choices and logs how to repeat them. What
// the processes do meanwhile is theirs: a seed repeats the plan, not the timing.
func random(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("NETSY_PROCESS_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("NETSY_PROCESS_SEED: %v", err)
		}
	}
	t.Logf("NETSY_PROCESS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
