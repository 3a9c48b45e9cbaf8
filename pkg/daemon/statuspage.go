package daemon

import (
	"net/http"

	"github.com/netsy-io/netsy/pkg/config"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/statuspage"
)

// withStatusPage is rest with the status page beside it, unless the settings say that there is
// none. known is the elector's word, standing how the process stands; close ends the page.
func (d *process) withStatusPage(rest http.Handler, p config.Program, known func() *pb.ClusterState, standing func() string) (h http.Handler, close func()) {
	if d.StatusPage != "true" {
		return rest, func() {}
	}
	page := statuspage.New(statuspage.Options{
		ClusterID: d.Cluster.ClusterID, Store: d.store, Known: known, Role: p.String(), Name: d.NodeID, Standing: standing,
		Ask:    recovery.AskBy(peerapi.Dialer{Source: d.source, ClusterID: d.Cluster.ClusterID}),
		Logger: d.log.Named("statuspage"),
	})
	return page.Handler(rest), page.Close
}
