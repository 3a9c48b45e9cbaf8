# What `kubeadm init` does, phase by phase, as far as that goes without a kubelet and a
# container runtime; and a kube-apiserver with the flags that kubeadm gives it.
cd - > /dev/null
config=/etc/kubernetes/kubeadm-config.yaml
trap 'echo "failed: $BASH_COMMAND"' ERR
# await COMMAND: tries it for two minutes.
await() {
  for _ in $(seq 600); do
    "$@" > /dev/null 2>&1 && return
    sleep 0.2
  done
  "$@"
}

# The check of the external etcd is the only one that counts here: a node that has a
# control plane's certificate passes, one that has an elector's doesn't.
preflight() { kubeadm init phase preflight --config "$1" --ignore-preflight-errors=all > preflight.log 2>&1 || true; }
preflight $config
grep -q 'Running pre-flight checks' preflight.log
if grep ExternalEtcd preflight.log; then exit 1; fi
netsyctl cert elector elector-1
sed -e "s,/etc/kubernetes/pki/apiserver-etcd-client,$PWD/certs/elector-elector-1," $config > wrong.yaml
preflight wrong.yaml
grep ExternalEtcdVersion preflight.log

kubeadm init phase certs all --config $config
[ ! -e /etc/kubernetes/pki/etcd/server.crt ] # of an etcd of kubeadm's own
kubeadm init phase kubeconfig all --config $config
kubeadm init phase control-plane all --config $config
kubeadm init phase etcd local --config $config 2>&1 | tee etcd.log || true
[ ! -e /etc/kubernetes/manifests/etcd.yaml ]

# The container's command line, as it stands in the manifest.
manifest=/etc/kubernetes/manifests/kube-apiserver.yaml
mapfile -t command < <(sed -n '/^  - command:$/,/^    [a-z]/s/^    - //p' $manifest)
printf '%s\n' "${command[@]}" | grep etcd
"${command[@]}" > logs/kube-apiserver.log 2>&1 &
apiserver=$!
export KUBECONFIG=/etc/kubernetes/super-admin.conf
ready() { ! kill -0 $apiserver || kubectl get --raw /readyz; } # or ended
await ready
kubectl get --raw '/readyz?verbose' | grep -F '[+]etcd ok'

# Create, get, watch, list in pages, delete.
kubectl create namespace guide
kubectl -n guide get configmaps --watch --output-watch-events -o 'jsonpath={.type} {.object.metadata.name}{"\n"}' > watched.log &
kubectl -n guide create configmap one --from-literal=a=1
[ "$(kubectl -n guide get configmap one -o jsonpath='{.data.a}')" = 1 ]
kubectl -n guide patch configmap one --type=merge -p '{"data":{"a":"2"}}'
kubectl get clusterroles --chunk-size=10 -o name | wc -l
kubectl -n guide delete configmap one
await grep '^DELETED one$' watched.log
grep ' one$' watched.log | tr '\n' ',' | grep -x 'ADDED one,MODIFIED one,DELETED one,'

# Nothing so far is an error of the store.
if grep -E '^[EF][0-9]{4}' logs/kube-apiserver.log | grep -iE 'etcd|compact|storage'; then exit 1; fi

# A node is lost with its disk; the Primary, too, if it was that one.
kill -9 "$(cat logs/node-1.pid)"
rm -rf data-1
await kubectl -n guide create configmap two
kubectl -n guide get configmap two

# What joining control planes get: the configuration, and the certificates for Netsy.
kubectl apply -f - <<END
{apiVersion: v1, kind: Node, metadata: {name: cp-1}}
END
kubeadm init phase upload-config all --config $config --kubeconfig $KUBECONFIG
kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{.data.ClusterConfiguration}' | grep -F https://node-3.example.com:2378
key=$(kubeadm certs certificate-key)
sed "/^kind: InitConfiguration/a certificateKey: $key" $config > upload.yaml
kubeadm init phase upload-certs --upload-certs --config upload.yaml --kubeconfig $KUBECONFIG
kubeadm init phase bootstrap-token --config $config --kubeconfig $KUBECONFIG
mv /etc/kubernetes/pki pki-of-the-first
cat > join.yaml <<END
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  file: {kubeConfigPath: $KUBECONFIG}
nodeRegistration: {name: cp-2}
controlPlane:
  localAPIEndpoint: {advertiseAddress: 10.0.0.22}
  certificateKey: $key
END
kubeadm join phase control-plane-prepare download-certs --config join.yaml
for f in etcd/ca.crt apiserver-etcd-client.crt apiserver-etcd-client.key; do cmp pki-of-the-first/$f /etc/kubernetes/pki/$f; done
kubeadm join phase control-plane-prepare certs --config join.yaml
kubeadm join phase control-plane-prepare control-plane --config join.yaml

kill $apiserver
wait $apiserver
