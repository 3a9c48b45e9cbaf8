package simulation

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// swarm is what a seed chooses before anything runs. Each world has some kinds of
// faults only, and its own sizes and times: all of everything at once hides what one
// thing alone would show.
type swarm struct {
	Seed     uint64
	Duration time.Duration // of the part with faults

	Nodes, Spare, Electors, Quorum int // Spare: nodes that may join later
	Clients, Watchers, Keys        int
	Think                          time.Duration // mean pause between a client's calls
	Ask                            time.Duration // between a watcher's questions for progress

	Network, Store delays
	Rates          storeRates // while faults of the store are on

	Snapshots compaction

	Kinds  []faultKind
	Calm   time.Duration // mean pause between faults
	AtOnce int           // things that may be wrong at the same time

	Heartbeat, QuorumTimeout, FlushAge, PriorTimeout, Lease, Deregistration, Compaction, Progress time.Duration
	FlushBytes                                                                                    int
	ValueCache                                                                                    int64 // room for all values, for a few, for none
}

// newSwarm chooses by seed alone.
func newSwarm(seed uint64, duration time.Duration) swarm {
	rng := newRand(seed, "swarm")
	pick := func(ds ...time.Duration) time.Duration { return ds[rng.IntN(len(ds))] }
	s := swarm{
		Seed: seed, Duration: duration,
		Nodes: []int{1, 2, 3, 3, 3, 5}[rng.IntN(6)], Electors: 1 + rng.IntN(2), Quorum: []int{-1, -1, -1, 0, 1}[rng.IntN(5)],
		Clients: 2 + rng.IntN(5), Watchers: 1 + rng.IntN(4), Keys: 1 + rng.IntN(8),
		Think: pick(20*time.Millisecond, 100*time.Millisecond, 300*time.Millisecond), Ask: pick(time.Second, 7*time.Second, time.Hour),
		Network: delays{Usual: pick(time.Millisecond, 10*time.Millisecond), Most: pick(50*time.Millisecond, 3*time.Second), Odd: rng.Float64() * 0.02},
		Store:   delays{Usual: pick(20*time.Millisecond, 100*time.Millisecond), Most: pick(time.Second, 4*time.Second), Odd: rng.Float64() * 0.05},
		Calm:    pick(time.Second, 3*time.Second, 10*time.Second), AtOnce: 1 + rng.IntN(4),

		Heartbeat: 500 * time.Millisecond, PriorTimeout: 2 * time.Second, Lease: pick(0, 1500*time.Millisecond, 1500*time.Millisecond),
		QuorumTimeout: pick(100*time.Millisecond, time.Second), FlushAge: pick(time.Second, 10*time.Second, time.Minute), FlushBytes: []int{2 << 10, 4 << 20}[rng.IntN(2)],
		Deregistration: pick(10*time.Second, 3*time.Minute), Compaction: pick(0, 0, 5*time.Second, 20*time.Second), Progress: pick(2*time.Second, 0),
	}
	s.ValueCache = []int64{0, 1 << 10, 1}[newRand(seed, "values").IntN(3)]
	if rng.IntN(2) == 0 {
		s.Spare = rng.IntN(6 - s.Nodes)
	}
	if rng.IntN(2) == 0 {
		s.Rates = storeRates{Refused: rng.Float64() * 0.02, LostReply: rng.Float64() * 0.02, LostWrite: rng.Float64() * 0.02, Late: rng.Float64() * 0.02, Echo: rng.Float64() * 0.02}
	}
	if rng.IntN(3) > 0 {
		s.Snapshots = compaction{
			Compactors: 1 + rng.IntN(2), Every: pick(time.Second, 5*time.Second, 20*time.Second), Records: []int64{1, 10, 100}[rng.IntN(3)],
			Retention: pick(time.Millisecond, 5*time.Second, time.Minute), Keep: 2 + rng.IntN(2),
		}
	}
	share := []float64{0.1, 0.3, 0.5}[rng.IntN(3)]
	for _, k := range allKinds {
		if rng.Float64() < share {
			s.Kinds = append(s.Kinds, k)
		}
	}
	return s
}

// newRand makes the random numbers of one part of a world: what one part draws doesn't
// change what the others do.
func newRand(seed uint64, part string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, part))))
}

func (s swarm) String() string {
	var kinds []string
	for _, k := range s.Kinds {
		kinds = append(kinds, string(k))
	}
	return fmt.Sprintf("%d nodes (%d more may join), %d electors, quorum %d, %d clients, lease %v, flush %v, value cache %d, network %v, store %v rates %+v, snapshots %+v, faults: %s",
		s.Nodes, s.Spare, s.Electors, s.Quorum, s.Clients, s.Lease, s.FlushAge, s.ValueCache, s.Network, s.Store, s.Rates, s.Snapshots, strings.Join(kinds, ", "))
}
