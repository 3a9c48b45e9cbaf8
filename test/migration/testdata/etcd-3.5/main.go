// Generate makes etcd.db and etcd.json: a snapshot of a real etcd 3.5, and what that etcd
// answered about it. With a file as its argument it restores that instead, and says what
// etcd 3.5 finds in it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	etcdutl "go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Answers are what etcd said: all keys at some revisions, and all events.
type Answers struct {
	Compacted int64              `json:"compacted"`
	Revision  int64              `json:"revision"`
	States    map[int64][]string `json:"states"`
	Events    []string           `json:"events"`
}

func main() {
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "etcd35-*")
	check(err)
	defer os.RemoveAll(dir)
	if len(os.Args) > 1 {
		restore(os.Args[1], filepath.Join(dir, "restored"))
		return
	}
	c, stop := start(dir)
	defer stop()
	generate(c)
}

func start(dir string) (*clientv3.Client, func()) {
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Dir, cfg.LogLevel = dir, "panic"
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls, cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = free, free, free, free
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	e, err := embed.StartEtcd(cfg)
	check(err)
	<-e.Server.ReadyNotify()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://" + e.Clients[0].Addr().String()}})
	check(err)
	return c, e.Close
}

func generate(c *clientv3.Client) {
	ctx, rng := context.Background(), rand.New(rand.NewPCG(3, 5))
	lease, err := c.Grant(ctx, 3600)
	check(err)
	gone, err := c.Grant(ctx, 3600)
	check(err)
	key := func() string { return fmt.Sprintf("/registry/k%d", rng.IntN(20)) }
	write := func(n int, other clientv3.LeaseID) {
		for i := range n {
			var err error
			switch i % 6 {
			case 0:
				_, err = c.Delete(ctx, key())
			case 1:
				_, err = c.Txn(ctx).Then(clientv3.OpPut("/registry/a"+key(), "x"), clientv3.OpDelete(key()), clientv3.OpPut("/registry/b", fmt.Sprint(i))).Commit()
			case 2:
				_, err = c.Put(ctx, key(), "leased", clientv3.WithLease(lease.ID))
			case 3:
				_, err = c.Put(ctx, key(), "leased", clientv3.WithLease(other))
			default:
				_, err = c.Put(ctx, key(), fmt.Sprint("value ", i))
			}
			check(err)
		}
	}
	write(60, gone.ID)
	a := Answers{States: map[int64][]string{}}
	a.Compacted = revision(c)
	_, err = c.Compact(ctx, a.Compacted, clientv3.WithCompactPhysical())
	check(err)
	write(45, gone.ID)
	_, err = c.Revoke(ctx, gone.ID)
	check(err)
	write(10, clientv3.NoLease)
	a.Revision = revision(c)
	for rev := a.Compacted + 1; rev < a.Revision; rev += 9 {
		a.States[rev] = state(c, rev)
	}
	a.States[a.Revision] = state(c, a.Revision)
	save(c)
	_, err = c.Put(ctx, "end", "")
	check(err)
	a.Events = events(c, a.Compacted+1, a.Revision)
	b, err := json.MarshalIndent(a, "", "\t")
	check(err)
	check(os.WriteFile("etcd.json", append(b, '\n'), 0o644))
}

func save(c *clientv3.Client) {
	r, err := c.Snapshot(context.Background())
	check(err)
	f, err := os.Create("etcd.db")
	check(err)
	_, err = io.Copy(f, r)
	check(err)
	check(f.Close())
}

func revision(c *clientv3.Client) int64 {
	resp, err := c.Get(context.Background(), "any")
	check(err)
	return resp.Header.Revision
}

func line(kv *mvccpb.KeyValue) string {
	return fmt.Sprintf("%q=%q create %d mod %d version %d", kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision, kv.Version)
}

func state(c *clientv3.Client, rev int64) (lines []string) {
	resp, err := c.Get(context.Background(), "\x00", clientv3.WithFromKey(), clientv3.WithRev(rev))
	check(err)
	lines = []string{fmt.Sprint(resp.Count, " keys")}
	for _, kv := range resp.Kvs {
		lines = append(lines, line(kv))
	}
	return lines
}

func events(c *clientv3.Client, from, to int64) (lines []string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for resp := range c.Watch(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithRev(from), clientv3.WithPrevKV()) {
		check(resp.Err())
		for _, ev := range resp.Events {
			if ev.Kv.ModRevision > to {
				return lines
			}
			s := ev.Type.String() + " " + line(ev.Kv)
			if ev.PrevKv != nil && ev.Kv.ModRevision > from {
				s += " after " + line(ev.PrevKv)
			}
			lines = append(lines, s)
		}
	}
	return nil
}

func restore(file, dir string) {
	cfg := embed.NewConfig()
	check(etcdutl.NewV3(zap.NewNop()).Restore(etcdutl.RestoreConfig{
		SnapshotPath: file, OutputDataDir: dir, Name: cfg.Name, PeerURLs: []string{"http://127.0.0.1:0"},
		InitialCluster: cfg.Name + "=http://127.0.0.1:0", InitialClusterToken: "restored",
	}))
	c, stop := start(dir)
	defer stop()
	fmt.Println("revision", revision(c))
	for _, l := range state(c, 0) {
		fmt.Println(l)
	}
	put, err := c.Put(context.Background(), "next", "")
	check(err)
	fmt.Println("next revision", put.Header.Revision)
	_, err = c.Compact(context.Background(), put.Header.Revision, clientv3.WithCompactPhysical())
	check(err)
	fmt.Println("compacted")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
