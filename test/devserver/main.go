// Command devserver runs a development cluster as a server under test, for the test modules beside
// it: they start it as a process, so that their dependencies and Netsy's don't meet.
//
// Once it serves it prints one line, a JSON object: the client endpoints, and the files of the CA
// and of a client certificate. It ends when its standard input does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// startTimeout bounds the time until there is a Primary.
const startTimeout = 30 * time.Second

func main() {
	o := devcluster.Options{ClusterID: clusterID}
	flag.StringVar(&o.Dir, "dir", "", "directory that holds everything: objects, certificates, data")
	profile := flag.String("profile", string(etcdapi.ProfileEtcd), "etcd_api of the cluster")
	flag.DurationVar(&o.ProgressNotifyInterval, "progress-notify-interval", 0, "interval of periodic watch progress, 0 for the default")
	level := flag.String("log-level", "info", "level of the log, which goes to standard error")
	flag.IntVar(&o.Nodes, "nodes", 1, "number of nodes; they acknowledge by quorum from the start")
	replica := flag.Bool("replica", false, "name the endpoint of one node that isn't the Primary, alone")
	endpoint := flag.String("s3", "", "URL of an S3 server to keep the objects, instead of the directory; credentials come from the environment")
	bucket := flag.String("bucket", "netsy", "bucket there")
	debug := flag.Bool("pprof", false, "serve profiles of the process; the ready line says where")
	contention := flag.Bool("contention", false, "profiles have waiting for locks and channels, too; costs a little")
	puts := flag.Bool("puts", false, "run no cluster, but time puts in the bucket; standard input says of what")
	flag.Parse()
	if *puts {
		exit(putsIn(*endpoint, *bucket))
	}
	if *contention {
		noteContention()
	}
	o.Profile = etcdapi.Profile(*profile)
	o.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.LevelFromString(*level), Output: os.Stderr})
	err := storeIn(&o, *endpoint, *bucket)
	if err == nil {
		err = run(o, *replica, *debug)
	}
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "devserver:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func putsIn(endpoint, bucket string) error {
	st, err := openS3(endpoint, bucket)
	if err != nil {
		return err
	}
	return timePuts(context.Background(), st, os.Stdin, os.Stdout)
}

func run(o devcluster.Options, replica, debug bool) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cluster, err := devcluster.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	endpoints := cluster.Endpoints()
	if o.Nodes > 1 {
		primary, err := awaitQuorum(ctx, cluster, o.Nodes)
		if err != nil {
			return err
		}
		if replica {
			endpoints = []string{endpoints[(primary+1)%len(endpoints)]}
		}
	}
	ca, cert, key := cluster.CertFiles()
	ready := struct {
		Endpoints []string `json:"endpoints"`
		CA        string   `json:"ca"`
		Cert      string   `json:"cert"`
		Key       string   `json:"key"`
		Profiles  string   `json:"profiles,omitempty"`
	}{endpoints, ca, cert, key, ""}
	if debug {
		if ready.Profiles, err = serveProfiles(); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return fmt.Errorf("print the ready line: %w", err)
	}
	return serve(cluster)
}

// serve returns when standard input ends, or with an error when the cluster does.
func serve(cluster *devcluster.Cluster) error {
	ended := make(chan error, 1)
	// Nothing can interrupt the read; the process ends with it.
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-cluster.Done():
		return fmt.Errorf("the cluster ended by itself: %w", cluster.Err())
	}
}
