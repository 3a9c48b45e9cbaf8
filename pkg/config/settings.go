package config

import "strconv"

// Program is one of Netsy's servers, as a bit of a set.
type Program int

const (
	NodeProgram Program = 1 << iota
	ElectorProgram
	CompactorProgram

	allPrograms = NodeProgram | ElectorProgram | CompactorProgram
	overTLS     = NodeProgram | ElectorProgram
)

func (p Program) String() string {
	switch p {
	case NodeProgram:
		return "netsy-node"
	case ElectorProgram:
		return "netsy-elector"
	case CompactorProgram:
		return "netsy-compactor"
	}
	return "netsy"
}

// setting is one of a process's own settings: an environment variable and a flag.
type setting struct {
	flag     string
	env      string
	def      string
	defText  string // what an empty default means, for people
	doc      string
	required Program // who can't do without it
	programs Program
	at       func(*Process) *string
}

func (s *setting) label() string { return s.env + " (--" + s.flag + ")" }

// DefaultValueCacheMB holds what a small cluster has, and what a large one writes and reads most.
const DefaultValueCacheMB = 12

// settings lists them all, in the order of the reference.
var settings = []setting{
	{flag: "config", env: "NETSY_CONFIG", required: allPrograms, programs: allPrograms, at: func(p *Process) *string { return &p.ConfigFile },
		doc: "The cluster file, the same for every process of a cluster."},
	{flag: "node-id", env: "NETSY_NODE_ID", required: overTLS, defText: "host name", programs: allPrograms, at: func(p *Process) *string { return &p.NodeID },
		doc: "Names this process in its cluster: lowercase letters, digits, single hyphens, at most 32. It must be the name in its certificate. A node keeps its id for ever. A compactor's is for people only."},
	{flag: "data-dir", env: "NETSY_DATA_DIR", def: "/var/lib/netsy", programs: NodeProgram, at: func(p *Process) *string { return &p.DataDir },
		doc: "The node's local copy. It may be lost at any time; one process uses it at a time."},
	{flag: "value-cache-mb", env: "NETSY_VALUE_CACHE_MB", def: strconv.Itoa(DefaultValueCacheMB), programs: NodeProgram, at: func(p *Process) *string { return &p.ValueCacheMB },
		doc: "MiB of memory for values of live keys, 1 to 1048576, or 0 for no bound; the process may take up to twice as much for them. Others are read from the data directory when they are asked for, in some 10 microseconds. Keys are always in memory."},
	{flag: "bind-client", env: "NETSY_BIND_CLIENT", def: ":2378", programs: NodeProgram, at: func(p *Process) *string { return &p.BindClient },
		doc: "Where etcd clients connect."},
	{flag: "advertise-client", env: "NETSY_ADVERTISE_CLIENT", defText: "host name and the port of NETSY_BIND_CLIENT", programs: NodeProgram, at: func(p *Process) *string { return &p.AdvertiseClient },
		doc: "host:port at which others reach NETSY_BIND_CLIENT. It is stored with the cluster: another node with the same id but other addresses is refused."},
	{flag: "bind-peer", env: "NETSY_BIND_PEER", def: ":2381", programs: NodeProgram, at: func(p *Process) *string { return &p.BindPeer },
		doc: "Where the elector and other nodes connect."},
	{flag: "advertise-peer", env: "NETSY_ADVERTISE_PEER", defText: "host name and the port of NETSY_BIND_PEER", programs: NodeProgram, at: func(p *Process) *string { return &p.AdvertisePeer },
		doc: "host:port at which others reach NETSY_BIND_PEER."},
	{flag: "bind-election", env: "NETSY_BIND_ELECTION", def: ":8443", programs: overTLS, at: func(p *Process) *string { return &p.BindElection },
		doc: "Where the elector is asked for members, and by those in waiting whether it is in office; a node uses it with --with-elector only."},
	{flag: "advertise-election", env: "NETSY_ADVERTISE_ELECTION", defText: "host name and the port of NETSY_BIND_ELECTION", programs: overTLS, at: func(p *Process) *string { return &p.AdvertiseElection },
		doc: "host:port at which others reach NETSY_BIND_ELECTION."},
	{flag: "bind-health", env: "NETSY_BIND_HEALTH", def: ":8080", programs: allPrograms, at: func(p *Process) *string { return &p.BindHealth },
		doc: "Plain HTTP for /healthz, /readyz and /metrics, and on nodes and electors the status page at /status."},
	{flag: "status-page", env: "NETSY_STATUS_PAGE", def: "true", programs: overTLS, at: func(p *Process) *string { return &p.StatusPage },
		doc: "true or false: whether there is a status page, for everybody who reaches NETSY_BIND_HEALTH."},
	{flag: "tls-ca", env: "NETSY_TLS_CA", required: overTLS, programs: overTLS, at: func(p *Process) *string { return &p.TLS.CA },
		doc: "PEM file of the CA (or CAs) whose certificates count. Followed as it changes on disk, as are the other two."},
	{flag: "tls-cert", env: "NETSY_TLS_CERT", required: overTLS, programs: overTLS, at: func(p *Process) *string { return &p.TLS.Cert },
		doc: "PEM file of this process's certificate, with the URI SAN netsy://{cluster_id}/peer/{node_id} (elector: netsy://{cluster_id}/elector/{node_id}), for servers and clients."},
	{flag: "tls-key", env: "NETSY_TLS_KEY", required: overTLS, programs: overTLS, at: func(p *Process) *string { return &p.TLS.Key },
		doc: "PEM file of the certificate's key."},
	{flag: "log-level", env: "NETSY_LOG_LEVEL", def: "info", programs: allPrograms, at: func(p *Process) *string { return &p.LogLevel },
		doc: "trace, debug, info, warn or error."},
	{flag: "log-format", env: "NETSY_LOG_FORMAT", def: "text", programs: allPrograms, at: func(p *Process) *string { return &p.LogFormat },
		doc: "text or json."},
}
