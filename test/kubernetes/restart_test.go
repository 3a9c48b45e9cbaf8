package kubernetes_test

import (
	"testing"

	"github.com/netsy-io/netsy/test/kubernetes/harness"
)

// TestStoreRestarts stops and kills the store's processes under a kube-apiserver that stays: to
// its clients it is a pause, in which no watch ends for good.
func TestStoreRestarts(t *testing.T) {
	c := startCluster(t, oneNode, "etcd", harness.Options{EventTTL: eventTTL, CompactionInterval: compactionInterval}, explainedOutage...)
	w := newWitness(t, c.client, c.namespace(t, "witness"), 1)
	w.goesOn(t, "the start")
	for _, p := range c.store.Members() {
		check(t, p.Stop())
		check(t, p.Start())
		w.goesOn(t, "a stop of "+p.Name)
		check(t, p.Kill())
		check(t, p.Start())
		w.goesOn(t, "a kill of "+p.Name)
	}
	for range 3 {
		check(t, c.store.Nodes[0].Kill())
		check(t, c.store.Nodes[0].Start())
		w.goesOn(t, "another kill of "+c.store.Nodes[0].Name)
	}
	for _, p := range c.store.Members() {
		check(t, p.Kill())
	}
	check(t, c.store.Start())
	w.goesOn(t, "a kill of everything")
	check(t, c.api.Ready(t.Context()))
	w.finish(t, 0)
}

// TestAPIServerRestarts stops and kills kube-apiserver. A new one knows no history from before its
// start, so watches begin anew.
func TestAPIServerRestarts(t *testing.T) {
	c := startCluster(t, oneNode, "etcd", harness.Options{EventTTL: eventTTL, CompactionInterval: compactionInterval}, explainedAPIRestart...)
	w := newWitness(t, c.client, c.namespace(t, "witness"), 1)
	w.goesOn(t, "the start")
	check(t, c.api.Stop())
	check(t, c.api.Start(t.Context()))
	w.goesOn(t, "a stop of kube-apiserver")
	check(t, c.api.Kill())
	check(t, c.api.Start(t.Context()))
	w.goesOn(t, "a kill of kube-apiserver")
	w.finish(t, 2)
	t.Run("own endpoints", c.testOwnEndpoints)
	t.Run("consistent reads", c.testConsistentReads)
}
