// Command fill writes to an etcd-compatible server, for measurements: a number of keys as fast as it takes
// them, or so many writes a second for some time.
//
//	fill -endpoint node-1:2378 -ca ca.crt -cert c.crt -key c.key -keys 10000 -size 1024
//	fill … -keys 1000 -size 1024 -rate 100 -for 1m
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

var (
	endpoint = flag.String("endpoint", "", "host:port")
	ca       = flag.String("ca", "", "PEM file of the server's CA")
	cert     = flag.String("cert", "", "PEM file of a client's certificate")
	key      = flag.String("key", "", "PEM file of its key")
	keys     = flag.Int("keys", 1000, "keys that are written, one after the other, again and again")
	size     = flag.Int("size", 1024, "bytes of each value")
	rate     = flag.Int("rate", 0, "writes a second; 0: as fast as may be, each key once")
	length   = flag.Duration("for", time.Minute, "how long, with -rate")
)

const (
	writers = 32          // as many requests at once as a busy kube-apiserver has
	most    = time.Minute // for one write
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "fill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	conn, err := dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	kv := pb.NewKVClient(conn)
	numbers := make(chan int)
	var failed atomic.Pointer[error]
	var done atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := range numbers {
				if err := put(ctx, kv, n); err != nil {
					failed.CompareAndSwap(nil, &err)
					continue
				}
				done.Add(1)
			}
		})
	}
	start := time.Now()
	feed(numbers, func() bool { return failed.Load() != nil })
	close(numbers)
	wg.Wait()
	if err := failed.Load(); err != nil {
		return fmt.Errorf("after %d writes: %w", done.Load(), *err)
	}
	fmt.Printf("%d writes of %d bytes in %v\n", done.Load(), *size, time.Since(start).Round(time.Second))
	return nil
}

// feed sends the number of each write when it is due.
func feed(numbers chan<- int, stop func() bool) {
	if *rate == 0 {
		for n := 0; n < *keys && !stop(); n++ {
			numbers <- n
		}
		return
	}
	tick := time.NewTicker(time.Second / time.Duration(*rate))
	defer tick.Stop()
	end := time.Now().Add(*length)
	for n := 0; time.Now().Before(end) && !stop(); n++ {
		<-tick.C
		numbers <- n % *keys
	}
}

// put writes random bytes: they don't compress, so sizes are at their worst.
func put(ctx context.Context, kv pb.KVClient, n int) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	value := make([]byte, *size)
	_, _ = rand.Read(value) // never fails
	name := fmt.Sprintf("/registry/configmaps/fill/key-%08d", n)
	_, err := kv.Put(ctx, &pb.PutRequest{Key: []byte(name), Value: value})
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return nil
}

func dial() (*grpc.ClientConn, error) {
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(*ca)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate", *ca)
	}
	return grpc.NewClient("passthrough:///"+*endpoint,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13})))
}
