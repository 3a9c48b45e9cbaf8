# In k3s' place: two servers agree about the cluster's keys, each once more after a restart; then
# kube-apiserver runs with the flags that k3s gives it for the datastore.
trap 'echo "failed: $BASH_COMMAND"' ERR
config=/etc/rancher/k3s/config.yaml
datastore $config > flags-1 2> said-1 & one=$!
datastore $config > flags-2 2> said-2 & two=$!
wait $one || { cat said-1; exit 1; }
wait $two || { cat said-2; exit 1; }
cmp flags-1 flags-2
sort said-1 said-2 | tr '\n' ',' | grep -x 'bootstrap data is there already,bootstrap data was saved,'
datastore $config 2>&1 > /dev/null | grep -x 'bootstrap data is there already'
cat flags-1

mapfile -t flags < flags-1
openssl genrsa -out service-accounts.key 2048 2> /dev/null
echo 'token-of-admin,admin,admin,"system:masters"' > tokens.csv
kube-apiserver "${flags[@]}" --storage-backend=etcd3 --advertise-address=10.0.0.21 --cert-dir=tls-of-apiserver \
  --service-cluster-ip-range=10.43.0.0/16 --token-auth-file=tokens.csv --authorization-mode=Node,RBAC \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file=service-accounts.key \
  --service-account-signing-key-file=service-accounts.key > logs/kube-apiserver.log 2>&1 &
apiserver=$!
kube() { kubectl --server https://server-1.example.com:6443 --insecure-skip-tls-verify --token token-of-admin "$@"; }
await() {
  for _ in $(seq 600); do
    "$@" > /dev/null 2>&1 && return
    sleep 0.2
  done
  "$@"
}
ready() { ! kill -0 $apiserver || kube get --raw /readyz; } # or ended
await ready
kube get --raw '/readyz?verbose' | grep -F '[+]etcd ok'
kube create namespace guide
kube -n guide get configmaps --watch --output-watch-events -o 'jsonpath={.type} {.object.metadata.name}{"\n"}' > watched.log &
kube -n guide create configmap one --from-literal=a=1
kube -n guide delete configmap one
await grep '^DELETED one$' watched.log
grep ' one$' watched.log | tr '\n' ',' | grep -x 'ADDED one,DELETED one,'
kill $apiserver
wait $apiserver
if grep -E '^[EF][0-9]{4}' logs/kube-apiserver.log | grep -iE 'etcd|compact|storage|watch'; then exit 1; fi

# The keys of both are in one Netsy: what k3s keeps beside what kube-apiserver keeps.
netsyctl log --config /etc/netsy/cluster.jsonc | tail -3
