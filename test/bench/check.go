package main

import (
	"bytes"
	"context"
	"fmt"
)

// end is the end of the range of all keys that begin with a prefix ending in "/".
func end(prefix string) []byte { return []byte(prefix[:len(prefix)-1] + "0") }

// hasAll is the check that under a prefix are as many keys as the clients were told
// that they created.
func hasAll(prefix string) func(context.Context, []*worker) error {
	return func(ctx context.Context, ws []*worker) error {
		want := int64(0)
		for _, w := range ws {
			want += int64(w.n)
		}
		got, err := ws[0].count(ctx, []byte(prefix), end(prefix))
		if err == nil && got != want {
			err = fmt.Errorf("%d keys were created, and %d are there", want, got)
		}
		return err
	}
}

// pageBytes is about what a page of a check has, so that checks need little memory.
const pageBytes = 1 << 20

// hasLast is the check that under a prefix are exactly the keys that the clients
// have there, each of its last acknowledged revision and value.
func hasLast(prefix string, size int) func(context.Context, []*worker) error {
	return func(ctx context.Context, ws []*worker) error {
		owners := map[string]*worker{}
		for _, w := range ws {
			for key := range w.rev {
				owners[key] = w
			}
		}
		from := []byte(prefix)
		for {
			resp, err := ws[0].list(ctx, from, end(prefix), max(10, pageBytes/size))
			if err != nil {
				return err
			}
			for _, kv := range resp.Kvs {
				w := owners[string(kv.Key)]
				if w == nil || kv.ModRevision != w.rev[string(kv.Key)] || !bytes.Equal(kv.Value, w.value) {
					return fmt.Errorf("%s, of revision %d, is not what was written last", kv.Key, kv.ModRevision)
				}
				delete(owners, string(kv.Key))
			}
			if !resp.More || len(resp.Kvs) == 0 {
				break
			}
			from = append(resp.Kvs[len(resp.Kvs)-1].Key, 0)
		}
		for key := range owners {
			return fmt.Errorf("%d keys that were written aren't there: %s", len(owners), key)
		}
		return nil
	}
}
