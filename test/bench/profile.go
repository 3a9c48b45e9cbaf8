package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// during are the profiles that are of a measurement alone: its processor time, what it
// allocated, where it waited. The parameter is the seconds.
var during = map[string]string{
	"cpu": "/profile?seconds=%d", "allocs": "/allocs?seconds=%d", "mutex": "/mutex?seconds=%d", "block": "/block?seconds=%d",
}

// profile takes profiles of the target meanwhile; the function that it returns waits for
// them, and takes one of the heap as it is then.
func profile(ctx context.Context, t *target, dir, name string, d time.Duration) func() error {
	done := make(chan error, len(during))
	for kind, page := range during {
		go func() { // the returned function waits for it
			url := t.Profiles + fmt.Sprintf(page, max(1, int(d.Seconds())))
			done <- fetch(ctx, url, filepath.Join(dir, name+"."+kind+".pprof"))
		}()
	}
	return func() (err error) {
		for range during {
			err = errors.Join(err, <-done)
		}
		return errors.Join(err, heapProfile(ctx, t, dir, name))
	}
}

// heapProfile keeps what is on the heap, after a collection.
func heapProfile(ctx context.Context, t *target, dir, name string) error {
	return fetch(ctx, t.Profiles+"/heap?gc=1", filepath.Join(dir, name+".heap.pprof"))
}

// fetch keeps a page in a file.
func fetch(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}
