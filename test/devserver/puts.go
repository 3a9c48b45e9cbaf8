package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// timePuts times what a commit on object storage waits for, without Netsy: puts of objects of a
// size that mustn't exist, one after another. Each line of in is "SIZE MILLISECONDS", and is
// answered with a line of JSON.
func timePuts(ctx context.Context, st objectstore.Store, in io.Reader, out io.Writer) error {
	next := int64(1)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var size, ms int
		if _, err := fmt.Sscan(lines.Text(), &size, &ms); err != nil {
			return fmt.Errorf("a line is to be SIZE MILLISECONDS: %w", err)
		}
		took, err := putsFor(ctx, st, &next, size, time.Duration(ms)*time.Millisecond)
		if err != nil {
			return err
		}
		slices.Sort(took)
		answer := struct {
			Puts int           `json:"puts"`
			P50  time.Duration `json:"p50_ns"`
			P99  time.Duration `json:"p99_ns"`
		}{len(took), took[len(took)/2], took[len(took)*99/100]}
		if err := json.NewEncoder(out).Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// putsFor puts at least one object, and begins none once d is over.
func putsFor(ctx context.Context, st objectstore.Store, next *int64, size int, d time.Duration) (took []time.Duration, err error) {
	body := make([]byte, size)
	rng := rand.New(rand.NewPCG(uint64(size), uint64(*next)))
	for i := range body {
		body[i] = byte(rng.Uint32()) // a chunk of more than 4 KiB is compressed
	}
	for start := time.Now(); len(took) == 0 || time.Since(start) < d; *next++ {
		begun := time.Now()
		if _, err := st.Put(ctx, objectlog.ChunkKey(record.Revision(*next)), body, objectstore.IfAbsent()); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun))
	}
	return took, nil
}
