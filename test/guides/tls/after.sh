# A node with certificates of cert-manager's: the client's works, a node's isn't a client's.
trap 'echo "failed: $BASH_COMMAND"' ERR
kill %1
wait %1
issue mounted cert-manager/ca.yaml cert-manager/client.yaml cert-manager/node.yaml
netsyctl cert inspect --ca mounted/netsy-ca/ca.crt mounted/node-1/tls.crt
export NETSY_TLS_CA=mounted/node-1/ca.crt NETSY_TLS_CERT=mounted/node-1/tls.crt NETSY_TLS_KEY=mounted/node-1/tls.key
netsy-node --validate
netsy-node --with-elector > node-1b.log 2>&1 &
until curl -fs -o /dev/null localhost:8080/readyz; do sleep 0.2; done
client=mounted/netsy-client-kube-apiserver
export ETCDCTL_CACERT=$client/ca.crt ETCDCTL_CERT=$client/tls.crt ETCDCTL_KEY=$client/tls.key
[ "$(etcdctl get still --print-value-only)" = there ]
if ETCDCTL_CERT=$NETSY_TLS_CERT ETCDCTL_KEY=$NETSY_TLS_KEY etcdctl get still > denied.log 2>&1; then exit 1; fi
grep 'PermissionDenied' denied.log

# Renewed by cert-manager: another key and certificate in the same place.
cp -r mounted renewed
issue renewed cert-manager/ca.yaml cert-manager/client.yaml cert-manager/node.yaml
cat mounted/node-1/ca.crt renewed/node-1/ca.crt > both.crt && cp both.crt mounted/node-1/ca.crt
cp renewed/node-1/tls.crt renewed/node-1/tls.key mounted/node-1/
export ETCDCTL_CACERT=renewed/node-1/ca.crt
until [ "$(etcdctl get still --print-value-only)" = there ]; do sleep 0.2; done
