package elector

import "github.com/netsy-io/netsy/pkg/netsypb/peerpb"

// ClusterState is what this elector tells the nodes while it is in office; nil: it isn't.
// Nobody may change it.
func (e *Elector) ClusterState() *peerpb.ClusterState {
	o := e.office.Load()
	if o == nil || !e.lock.MayAct() {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state
}

// Standing is how this elector stands, for people.
func (e *Elector) Standing() string {
	if e.InOffice() {
		return "in office"
	}
	return "standing by"
}
