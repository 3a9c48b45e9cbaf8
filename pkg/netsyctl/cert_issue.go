package netsyctl

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/identity"
)

func certNodeCommand() *cli.Command {
	return issueCommand("node", identity.RolePeer, "NODE_ID", "issue a data node's certificate", `The certificate serves all of the node's ports. etcd clients such as kube-apiserver verify the
host they connect to, so name every host name and address by which they do.

  netsyctl cert node --dns node-1.example.com --ip 10.0.0.1 node-1
  netsyctl cert node --dns localhost --ip 127.0.0.1 --ip ::1 node-1`)
}

func certElectorCommand() *cli.Command {
	return issueCommand("elector", identity.RoleElector, "NAME", "issue a netsy-elector's certificate", `A node that runs the elector within itself (--with-elector) needs none: it has its own.

  netsyctl cert elector --dns elector-1.example.com elector-1`)
}

func certClientCommand() *cli.Command {
	return issueCommand("client", identity.RoleClient, "NAME", "issue an etcd client's certificate", `For kube-apiserver's --etcd-certfile and --etcd-keyfile, or etcdctl's --cert and --key; ca.crt
goes to --etcd-cafile or --cacert.

  netsyctl cert client kube-apiserver`)
}

func certAdminCommand() *cli.Command {
	return issueCommand("admin", identity.RoleAdmin, "NAME", "issue an operator's certificate", `For netsyctl's own commands that talk to a cluster. Give each person their own, with a short life.

  netsyctl cert admin --validity 24h alice`)
}

// issueCommand is what the four have in common; the roles that serve have
// addresses besides.
func issueCommand(name string, role identity.Role, arg, usage, description string) *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "ca-dir", Usage: "directory of ca.crt and ca.key", DefaultText: "that of --dir"},
		validityFlag(365 * 24 * time.Hour), dirFlag(), forceFlag(), outputFlag(),
	}
	if role.Serves() {
		flags = append([]cli.Flag{
			&cli.StringSliceFlag{Name: "dns", Usage: "host name of the server; may be repeated"},
			&cli.StringSliceFlag{Name: "ip", Usage: "IP address of the server; may be repeated"},
		}, flags...)
	}
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: arg, Description: description, Flags: flags,
		Action: func(c *cli.Context) error { return issue(c, role, arg) },
	}
}

func issue(c *cli.Context, role identity.Role, arg string) error {
	req, err := issueRequest(c, role, arg)
	if err != nil {
		return err
	}
	dir := c.String("ca-dir")
	if dir == "" {
		dir = c.String("dir")
	}
	ca, err := identity.ReadCA(filepath.Join(dir, caBase+".crt"), filepath.Join(dir, caBase+".key"))
	if err != nil {
		return fmt.Errorf("%w (make one with netsyctl cert ca, or name its directory with --ca-dir)", err)
	}
	pair, err := ca.Issue(req)
	if err != nil {
		return err
	}
	id := identity.Identity{ClusterID: ca.ClusterID, Role: role, Name: req.Name}
	return store(c, pair, c.String("dir"), fileBase(role, req.Name), id.String())
}

func issueRequest(c *cli.Context, role identity.Role, arg string) (r identity.IssueRequest, err error) {
	r = identity.IssueRequest{Role: role, DNS: c.StringSlice("dns"), Validity: c.Duration("validity")}
	if r.Name, err = oneArg(c, arg); err != nil {
		return r, err
	}
	if r.IPs, err = parseIPs(c.StringSlice("ip")); err != nil {
		return r, err
	}
	if role == identity.RolePeer && len(r.DNS)+len(r.IPs) == 0 {
		return r, errors.New("a node needs a --dns or --ip by which etcd clients reach it: they would refuse a certificate without")
	}
	if fileBase(role, r.Name) == caBase {
		return r, fmt.Errorf("a node named %q would have the CA's file names: name it otherwise", r.Name)
	}
	return r, nil
}

// fileBase keeps the roles' files apart; a node's is its id.
func fileBase(role identity.Role, name string) string {
	if role == identity.RolePeer {
		return name
	}
	return string(role) + "-" + name
}

func parseIPs(list []string) ([]net.IP, error) {
	var ips []net.IP
	for _, s := range list {
		ip := net.ParseIP(s)
		if ip == nil {
			return nil, fmt.Errorf("--ip must be an IP address (got %q); host names go to --dns", s)
		}
		ips = append(ips, ip)
	}
	return ips, nil
}
