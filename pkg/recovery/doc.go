// Package recovery is the operator's way out when durability mode is quorum and too
// few voters will ever answer again: netsyctl cluster recover. It finds out what is
// left (Look), decides whether giving up what is lost is needed at all (Decide), and
// does it in one compare-and-swap of cluster.json (Recover). It is the only place
// that breaks the rules of elections, and nothing calls it but an operator.
package recovery
