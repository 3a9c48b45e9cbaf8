package netsyctl

import (
	"context"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/open"
)

// sourceFlags name the bucket that a command reads: by a cluster file, or as a directory.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", EnvVars: []string{"NETSY_CONFIG"}, Usage: "the cluster file"},
		&cli.StringFlag{Name: "dir", Usage: "instead of a cluster file: a directory that is the bucket, or a copy of one"},
	}
}

// openSource opens what sourceFlags name. clusterID is empty for a directory.
func openSource(c *cli.Context) (st objectstore.Store, clusterID string, err error) {
	if dir := c.String("dir"); dir != "" {
		given := func(flag, env string) bool { v := c.String(flag); return v != "" && v != os.Getenv(env) }
		if given("config", "NETSY_CONFIG") || given("context", "NETSY_CONTEXT") {
			return nil, "", wrongUse("--dir names a bucket, and so do --config and --context: give one")
		}
		st, err = openDir(c.Context, dir)
		return st, "", err
	}
	x, err := chosen(c)
	if err != nil {
		return nil, "", err
	}
	if x.Config == "" {
		return nil, "", wrongUse("which bucket? --config names its cluster file, --context one of contexts.json, --dir a directory (see %s --help)", c.Command.HelpName)
	}
	return openFile(c.Context, x.Config)
}

func openFile(ctx context.Context, path string) (objectstore.Store, string, error) {
	file, err := config.Load(path)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w (see netsyctl config validate)", path, err)
	}
	st, err := open.Open(ctx, file.Storage.Open())
	if err != nil {
		return nil, "", fmt.Errorf("opening object storage: %w", err)
	}
	return st, file.ClusterID, nil
}

// openDir opens a directory that must be there: a store would make what is missing.
func openDir(ctx context.Context, dir string) (objectstore.Store, error) {
	if err := isDir(dir); err != nil {
		return nil, err
	}
	return open.Open(ctx, open.Config{Provider: open.ProviderFile, Bucket: dir})
}
