# The cluster file and the settings of the quick start, under this page's cluster id.
mkdir objects
cat > cluster.jsonc <<END
{"cluster_id": "prod", "storage": {"provider": "file", "bucket_name": "$PWD/objects"}, "etcd_api": "etcd"}
END
export NETSY_CONFIG=cluster.jsonc NETSY_NODE_ID=node-1 NETSY_DATA_DIR=data \
  NETSY_TLS_CA=certs/ca.crt NETSY_TLS_CERT=certs/node-1.crt NETSY_TLS_KEY=certs/node-1.key \
  NETSY_BIND_CLIENT=localhost:2378 NETSY_BIND_PEER=localhost:2381 NETSY_BIND_ELECTION=localhost:8443 NETSY_BIND_HEALTH=localhost:8080 \
  NETSY_ADVERTISE_CLIENT=localhost:2378 NETSY_ADVERTISE_PEER=localhost:2381 NETSY_ADVERTISE_ELECTION=localhost:8443
