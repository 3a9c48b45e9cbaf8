package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

// load is what clients do.
type load struct {
	clients  int
	value    []byte
	duration time.Duration
}

type result struct {
	rate     float64 // operations a second
	p50, p99 time.Duration
}

// creates lets every client create keys, as kube-apiserver creates objects, one
// after another, for the duration.
func (l load) creates(ctx context.Context, s *server, prefix string) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([][]time.Duration, l.clients)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range l.clients {
		conn, err := s.dial(i)
		if err != nil {
			cancel(err)
			break
		}
		defer conn.Close()
		wg.Go(func() {
			if err := l.client(ctx, conn, fmt.Sprintf("%s/%d", prefix, i), begin, &took[i]); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(begin)
	if err := context.Cause(ctx); err != nil {
		return result{}, err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return result{rate: float64(len(all)) / elapsed.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100]}, nil
}

func (l load) client(ctx context.Context, conn *grpc.ClientConn, prefix string, begin time.Time, took *[]time.Duration) error {
	kv := pb.NewKVClient(conn)
	for n := 0; time.Since(begin) < l.duration; n++ {
		key := fmt.Appendf(nil, "%s/%d", prefix, n)
		start := time.Now()
		resp, err := kv.Txn(ctx, &pb.TxnRequest{
			Compare: []*pb.Compare{{Key: key, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{}}},
			Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: l.value}}}},
		}, grpc.WaitForReady(true))
		if err != nil {
			return err
		}
		if !resp.Succeeded {
			return errors.New("a key that nobody wrote exists")
		}
		*took = append(*took, time.Since(start))
	}
	return nil
}
