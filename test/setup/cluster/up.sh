#!/usr/bin/env bash
# Starts a Kubernetes cluster from the programs made by build.sh: the control plane on the host, every node in a network namespace of
# its own. Writes $CLUSTER_STATE/admin.conf and prints its path. About ten seconds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for part in settings groups pki control-plane node; do . "$here/$part.sh"; done
S=$CLUSTER_STATE R=$CLUSTER_RUN PKI=$CLUSTER_STATE/pki SERVER=https://$CLUSTER_NET.1:6443
[[ $EUID == 0 ]] || {
  echo 'up.sh: a cluster needs root, for network namespaces and control groups' >&2
  exit 1
}
need iptables:iptables nft:nftables ipset:ipset ip:iproute2 openssl:openssl
"$here/down.sh"
mkdir -p "$PKI" "$S/log" "$R"
group anneal
weigh anneal 4
group anneal/host
authority
control_plane_certificates

# --- network: packets are forwarded while it runs; one bridge, the host on .1; services are reached from the host through node 1
ip link add anneal0 type bridge
ip addr add "$CLUSTER_NET.1/24" dev anneal0
ip link set anneal0 up
cp /proc/sys/net/ipv4/ip_forward "$R/ip_forward"
echo 1 > /proc/sys/net/ipv4/ip_forward

control_plane

# --- nodes
: > "$S/resolv.conf"
for ((n = 1; n <= CLUSTER_NODES; n++)); do node "$n"; done
ip route add 10.96.0.0/16 via "$CLUSTER_NET.11"
"$here/load.sh" "$CLUSTER_PROGRAMS"/images/*.tar

# --- inside the cluster: names, shared volumes
wait_for 60 'API server' kubectl get --raw=/readyz
sed "s/HOST_ADDRESS/$CLUSTER_NET.1/" "$here/addons.yaml" | kubectl apply -f - > /dev/null
for ((i = 1; i <= CLUSTER_VOLUMES; i++)); do
  mkdir -p "$S/volumes/$i"; chmod 0777 "$S/volumes/$i"
  printf -- '---\n{ apiVersion: v1, kind: PersistentVolume, metadata: { name: shared-%s }, spec: { storageClassName: shared, capacity: { storage: 100Gi }, accessModes: [ReadWriteMany, ReadWriteOnce], persistentVolumeReclaimPolicy: Retain, hostPath: { path: %s } } }\n' "$i" "$S/volumes/$i"
done | kubectl apply -f - > /dev/null
wait_for 60 nodes bash -c "[[ \$(kubectl get nodes -o name | wc -l) -ge $CLUSTER_NODES ]]"
kubectl wait --for=condition=Ready node --all --timeout=60s > /dev/null
# pretended devices: the kubelet leaves extended resources that it does not know alone
for ((n = 1; n <= CLUSTER_NODES; n++)); do
  kubectl patch node "node-$n" --subresource=status --type=merge -p "{\"status\":{\"capacity\":{\"nvidia.com/gpu\":\"$CLUSTER_GPUS\"},\"allocatable\":{\"nvidia.com/gpu\":\"$CLUSTER_GPUS\"}}}" > /dev/null
done
kubectl -n kube-system rollout status deployment/coredns --timeout=60s > /dev/null
if ((CLUSTER_FAKE_NODES > 0)); then "$here/fake-nodes.sh" "$CLUSTER_FAKE_NODES"; fi
echo "$KUBECONFIG"
