// Command datastore does what `k3s server` does with its datastore before kube-apiserver
// starts, by the library that k3s uses for it (github.com/k3s-io/kine), from k3s' own
// configuration file: it finds out what kind of datastore it is, agrees with the other servers who
// makes the cluster's CAs and keys, and saves them below /bootstrap/ (k3s: pkg/cluster).
// It prints the flags that kube-apiserver gets, one a line.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/k3s-io/kine/pkg/client"
	"github.com/k3s-io/kine/pkg/endpoint"
	"github.com/k3s-io/kine/pkg/tls"
	"sigs.k8s.io/yaml"
)

// config is the part of /etc/rancher/k3s/config.yaml that is about the datastore. Its
// keys are the names of k3s' flags.
type config struct {
	Endpoint      string   `json:"datastore-endpoint"`
	CAFile        string   `json:"datastore-cafile"`
	CertFile      string   `json:"datastore-certfile"`
	KeyFile       string   `json:"datastore-keyfile"`
	Token         string   `json:"token"`
	APIServerArgs []string `json:"kube-apiserver-arg"`
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "datastore:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var c config
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		return err
	}
	etcd, err := endpoint.Listen(ctx, endpoint.Config{
		Endpoint: c.Endpoint, BackendTLSConfig: tls.Config{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile},
	})
	if err != nil {
		return err
	}
	// An etcd is used as it is, and by several servers: k3s' controllers elect a leader.
	if got := strings.Join(etcd.Endpoints, ","); got != c.Endpoint || !etcd.LeaderElect {
		return fmt.Errorf("%q was not taken for an etcd: endpoints %s, leader election %v", c.Endpoint, got, etcd.LeaderElect)
	}
	store, err := client.New(etcd)
	if err != nil {
		return err
	}
	if err := errors.Join(bootstrap(ctx, store, "/bootstrap/"+c.Token), store.Close()); err != nil {
		return err
	}
	fmt.Printf("--etcd-servers=%s\n--etcd-cafile=%s\n--etcd-certfile=%s\n--etcd-keyfile=%s\n", c.Endpoint, c.CAFile, c.CertFile, c.KeyFile)
	for _, arg := range c.APIServerArgs {
		fmt.Println("--" + arg)
	}
	return nil
}

// bootstrap is the servers' agreement about one key: the first creates it empty, which is its lock,
// then puts the data there; the others wait for the data. Its value, in k3s the encrypted CAs
// and keys, is here as large as those are.
func bootstrap(ctx context.Context, store client.Client, key string) error {
	data := bytes.Repeat([]byte("k3s "), 4<<10)
	err := store.Create(ctx, key, []byte{})
	switch {
	case err == nil:
		return first(ctx, store, key, data)
	case err.Error() != "key exists":
		return fmt.Errorf("creating %s: %w", key, err)
	}
	for {
		found, err := store.List(ctx, "/bootstrap", 0)
		if err != nil || len(found) != 1 || string(found[0].Key) != key {
			return fmt.Errorf("listing /bootstrap: %d found, %w", len(found), err)
		}
		if bytes.Equal(found[0].Data, data) {
			fmt.Fprintln(os.Stderr, "bootstrap data is there already")
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func first(ctx context.Context, store client.Client, key string, data []byte) error {
	lock, err := store.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("reading %s: %w", key, err)
	}
	if err := store.Update(ctx, key, lock.Modified, data); err != nil {
		return fmt.Errorf("updating %s: %w", key, err)
	}
	if err := store.Update(ctx, key, lock.Modified, nil); err == nil {
		return fmt.Errorf("%s was updated from a revision that is gone", key)
	}
	// As when the token is changed: under the new name, then the old one goes.
	if err := store.Create(ctx, key+".old", data); err != nil {
		return err
	}
	old, err := store.Get(ctx, key+".old")
	if err != nil {
		return err
	}
	if err := store.Delete(ctx, key+".old", old.Modified); err != nil {
		return fmt.Errorf("deleting %s.old: %w", key, err)
	}
	fmt.Fprintln(os.Stderr, "bootstrap data was saved")
	return nil
}
