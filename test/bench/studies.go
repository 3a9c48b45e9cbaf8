package main

import "context"

// study is what isn't a load that all servers have in turn: it starts servers of its own, and
// has a table of its own.
type study struct {
	name string
	run  func(ctx context.Context, b *builds, o options, r *results) error
}

var studies = []study{
	{"put", measurePuts},
	{"memory", measureMemory},
	{"requests", measureRequests},
}
