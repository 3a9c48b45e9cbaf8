package guide

import "strings"

// NetsyHosts are the machines of ThreeNodes, and others given as NAME=IP.
func NetsyHosts(others ...string) []Host {
	hosts := []Host{{"node-1.example.com", "10.0.0.11"}, {"node-2.example.com", "10.0.0.12"}, {"node-3.example.com", "10.0.0.13"}}
	for _, o := range others {
		name, ip, _ := strings.Cut(o, "=")
		hosts = append(hosts, Host{name, ip})
	}
	return hosts
}

// ThreeNodes is for Options.Before: a cluster "prod" of three nodes on NetsyHosts, on the
// ports that are usual, as docs/vms.md tells to make one by hand. The CA is in ./certs.
const ThreeNodes = `
netsyctl cert ca --cluster-id prod > /dev/null
mkdir -p objects logs /etc/netsy
cat > /etc/netsy/cluster.jsonc <<END
{"cluster_id": "prod", "storage": {"provider": "file", "bucket_name": "$PWD/objects"}}
END
for i in 1 2 3; do
  host=node-$i.example.com
  netsyctl cert node --dns $host --ip 10.0.0.1$i node-$i > /dev/null
  NETSY_CONFIG=/etc/netsy/cluster.jsonc NETSY_NODE_ID=node-$i NETSY_DATA_DIR=$PWD/data-$i \
  NETSY_TLS_CA=certs/ca.crt NETSY_TLS_CERT=certs/node-$i.crt NETSY_TLS_KEY=certs/node-$i.key \
  NETSY_BIND_CLIENT=$host:2378 NETSY_BIND_PEER=$host:2381 NETSY_BIND_ELECTION=$host:8443 NETSY_BIND_HEALTH=$host:8080 \
  NETSY_ADVERTISE_CLIENT=$host:2378 NETSY_ADVERTISE_PEER=$host:2381 NETSY_ADVERTISE_ELECTION=$host:8443 \
    netsy-node --with-elector > logs/node-$i.log 2>&1 &
  echo $! > logs/node-$i.pid
done
for i in 1 2 3; do
  until curl -fs -o /dev/null http://node-$i.example.com:8080/readyz; do sleep 0.2; done
done
`
