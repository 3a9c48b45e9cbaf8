package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// NodeList follows the documents under nodes/ at the price of one listing per
// look: a document is read again only when its version changed. Not for
// concurrent use.
type NodeList struct {
	r     *Registry
	nodes map[string]Node // by key
}

// NewNodeList makes an empty list; Refresh fills it.
func (r *Registry) NewNodeList() *NodeList { return &NodeList{r: r, nodes: map[string]Node{}} }

// Refresh looks again and returns the nodes by id, in order. problems are the
// documents that can't be understood: one damaged registration must not hide the
// other nodes. After err the list is as it was.
func (l *NodeList) Refresh(ctx context.Context) (nodes []Node, problems []error, err error) {
	next := map[string]Node{}
	err = objectstore.ListAll(ctx, l.r.store, NodesPrefix, "", func(o objectstore.Info) error {
		n, err := l.look(ctx, o)
		switch {
		case errors.Is(err, ErrNotFound): // deleted since the listing
		case isDocumentProblem(err):
			problems = append(problems, err)
		case err != nil:
			return err
		default:
			next[o.Key] = n
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("registry: listing %s: %w", NodesPrefix, err)
	}
	l.nodes = next
	for _, k := range slices.Sorted(maps.Keys(next)) {
		nodes = append(nodes, next[k])
	}
	return nodes, problems, nil
}

// look gives the node of one listed key, from memory if it hasn't changed.
func (l *NodeList) look(ctx context.Context, o objectstore.Info) (Node, error) {
	id, ok := strings.CutSuffix(strings.TrimPrefix(o.Key, NodesPrefix), ".json")
	if !ok || id == "" || strings.Contains(id, "/") {
		return Node{}, &DamagedError{Key: o.Key, Err: errNotNodeKey}
	}
	if have, ok := l.nodes[o.Key]; ok && have.version == o.Version {
		return have, nil
	}
	return l.r.Node(ctx, id)
}

var errNotNodeKey = errors.New("not the key of a node document")

func isDocumentProblem(err error) bool {
	var damaged *DamagedError
	var mismatch *ClusterMismatchError
	return errors.As(err, &damaged) || errors.As(err, &mismatch)
}
