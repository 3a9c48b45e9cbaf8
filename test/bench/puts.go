package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// putResult compares creates with what each of them waits for: a put of a chunk.
type putResult struct {
	Clients int          `json:"clients"`
	Rounds  []*putSample `json:"rounds"`
	Err     string       `json:"error,omitempty"`
}

// putSample is a measurement of creates, and one of puts right after it.
type putSample struct {
	Create  sample  `json:"create"`
	Chunks  int     `json:"chunks"`      // that the creates made
	Chunk   int     `json:"chunk_bytes"` // in the mean; the size of the puts
	Put     putTime `json:"put"`
	Records float64 `json:"records"` // a chunk, in the mean
}

// putTime is what puts took, one after another, by the S3 server and Netsy's own client of it.
type putTime struct {
	Puts int           `json:"puts"`
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
}

// putClients are how many create.
var putClients = []int{1, 64}

// measurePuts interleaves creates of netsy-s3 with puts of chunks as large as theirs.
func measurePuts(ctx context.Context, b *builds, o options, r *results) error {
	if !contains(o.targets, "netsy-s3") {
		return nil
	}
	t, err := b.fresh(ctx, kind{"netsy-s3", "", "Netsy, one node on an S3 server", netsy(1, true)})
	if err != nil {
		return err
	}
	defer t.end()
	p, err := b.putter(ctx)
	if err != nil {
		return err
	}
	defer p.end()
	for _, clients := range putClients {
		res := &putResult{Clients: clients}
		r.Puts = append(r.Puts, res)
		for round := range o.rounds {
			s, err := p.compare(ctx, t, load{clients: clients, size: 1 << 10, duration: o.duration, round: round})
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				res.Err = err.Error()
				break
			}
			res.Rounds = append(res.Rounds, s)
		}
	}
	printPuts(o.out, r.Puts)
	return nil
}

// putter is a process that puts objects as Netsy does, when it is told to.
type putter struct {
	proc   *process
	ask    io.Writer
	answer *bufio.Reader
	bucket string
}

func (b *builds) putter(ctx context.Context) (*putter, error) {
	gw, err := b.s3(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := gw.bucket("puts")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(b.devserver, "-puts", "-s3", gw.url, "-bucket", "puts")
	cmd.Env, cmd.Stderr = append(os.Environ(), gw.env()...), progress
	p, stdin, out, err := launchPiped(cmd)
	if err != nil {
		return nil, err
	}
	return &putter{p, stdin, bufio.NewReader(out), dir}, nil
}

func (p *putter) end() {
	if err := p.proc.stop(); err != nil {
		say("stopping what puts: %v", err)
	}
	os.RemoveAll(p.bucket)
}

// time puts objects of a size for a while, one after another.
func (p *putter) time(size int, d time.Duration) (t putTime, err error) {
	if _, err := fmt.Fprintln(p.ask, size, d.Milliseconds()); err != nil {
		return t, err
	}
	line, err := p.answer.ReadBytes('\n')
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(line, &t)
}

// compare measures creates, sees what chunks they made, and times puts of that size.
func (p *putter) compare(ctx context.Context, t *target, l load) (s *putSample, err error) {
	s = &putSample{}
	n, bytes, err := chunks(t.bucket)
	if err != nil {
		return nil, err
	}
	if s.Create, err = (shape{run: measure(create)}).runWithin(ctx, t, l); err != nil {
		return nil, err
	}
	n2, bytes2, err := chunks(t.bucket)
	if err != nil {
		return nil, err
	}
	if n2 == n {
		return nil, fmt.Errorf("%d creates made no chunk", s.Create.Ops)
	}
	s.Chunks = n2 - n
	s.Chunk, s.Records = int(bytes2-bytes)/s.Chunks, float64(s.Create.Ops)/float64(s.Chunks)
	s.Put, err = p.time(s.Chunk, l.duration)
	return s, err
}

// chunks counts a bucket's chunks and their bytes; all that was acknowledged by object storage
// is among them.
func chunks(bucket string) (n int, bytes int64, err error) {
	es, err := os.ReadDir(filepath.Join(bucket, "chunks"))
	if err != nil {
		return 0, 0, err
	}
	for _, e := range es {
		info, err := e.Info()
		if err != nil {
			return 0, 0, err
		}
		if !info.IsDir() {
			n, bytes = n+1, bytes+info.Size()
		}
	}
	return n, bytes, nil
}

func printPuts(out io.Writer, rs []*putResult) {
	fmt.Fprintln(out, "\nput: creates of netsy-s3 beside puts of objects as large as the chunks that they made, one after another; each after the other, medians of the rounds")
	w := newTable(out)
	fmt.Fprintln(w, "clients\tcreates/s\tcreate p50\tcreate p99\trecords/chunk\tbytes/chunk\tPUT p50\tPUT p99\tp50: create / PUT\t")
	for _, r := range rs {
		if len(r.Rounds) == 0 {
			continue
		}
		p50, put := putMedian(r, func(s *putSample) time.Duration { return s.Create.P50 }), putMedian(r, func(s *putSample) time.Duration { return s.Put.P50 })
		fmt.Fprintf(w, "%d\t%.0f\t%v\t%v\t%.1f\t%d\t%v\t%v\t%s\t\n", r.Clients, putMedian(r, func(s *putSample) float64 { return s.Create.Rate }),
			short(p50), short(putMedian(r, func(s *putSample) time.Duration { return s.Create.P99 })), putMedian(r, func(s *putSample) float64 { return s.Records }),
			putMedian(r, func(s *putSample) int64 { return int64(s.Chunk) }), short(put), short(putMedian(r, func(s *putSample) time.Duration { return s.Put.P99 })), ratio(p50, put))
	}
	w.Flush()
	for _, r := range rs {
		if r.Err != "" {
			fmt.Fprintf(out, "%d clients: %s\n", r.Clients, r.Err)
		}
	}
}

func putMedian[T number](r *putResult, of func(*putSample) T) T {
	var vs []T
	for _, s := range r.Rounds {
		vs = append(vs, of(s))
	}
	return median(vs)
}
