# shellcheck shell=bash
# One node: a network namespace with a containerd, a kubelet, a kube-proxy and a policy agent of its own.
node() { # NUMBER
  local n=$1 name=node-$1 ip=$CLUSTER_NET.1$1 dir=$S/node-$1 run=$R/node-$1 pods=10.244.$1.0/24 i
  mkdir -p "$dir/cni" "$dir/containerd" "$dir/logs" "$run"
  ip netns add "anneal-$n"
  ip link add "anneal-$n" type veth peer name eth0 netns "anneal-$n"
  ip link set "anneal-$n" master anneal0 up
  ip -n "anneal-$n" addr add "$ip/24" dev eth0
  ip -n "anneal-$n" link set lo up
  ip -n "anneal-$n" link set eth0 up
  ip -n "anneal-$n" route add default via "$CLUSTER_NET.1"
  ip route add "$pods" via "$ip"
  for ((i = 1; i <= CLUSTER_NODES; i++)); do
    ((i == n)) || ip -n "anneal-$n" route add "10.244.$i.0/24" via "$CLUSTER_NET.1$i"
  done
  # nsenter and not `ip netns exec`: the latter hides /sys/fs/cgroup
  local enter="nsenter --net=/run/netns/anneal-$n"
  $enter sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
  group "anneal/$name"
  cert "$name" "/O=system:nodes/CN=system:node:$name" "DNS:$name,IP:$ip"
  kubeconfig "$name"
  cat > "$dir/cni/10-anneal.conflist" <<JSON
{ "cniVersion": "1.0.0", "name": "anneal", "plugins": [
  { "type": "ptp", "mtu": 1500, "ipam": { "type": "host-local", "dataDir": "$run/ipam", "ranges": [[{ "subnet": "$pods" }]], "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "portmap", "capabilities": { "portMappings": true } } ] }
JSON
  cat > "$dir/containerd.toml" <<TOML
version = 3
root = "$dir/containerd"
state = "$run/containerd"
[grpc]
address = "$run/containerd.sock"
[plugins."io.containerd.nri.v1.nri"]
disable = true
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "localhost/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
netns_mounts_under_state_dir = true
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["$BIN"]
conf_dir = "$dir/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "$BIN/runc"
Root = "$run/runc"
TOML
  cat > "$dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $ip
authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: $PKI/ca.crt } }
authorization: { mode: Webhook }
tlsCertFile: $PKI/$name.crt
tlsPrivateKeyFile: $PKI/$name.key
containerRuntimeEndpoint: unix://$run/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /anneal/$name
failCgroupV1: false
failSwapOn: false
nodeLeaseDurationSeconds: $CLUSTER_LEASE_SECONDS
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: $S/resolv.conf
podLogsDir: $dir/logs
maxPods: 200
imageGCHighThresholdPercent: 100
evictionHard: { memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1% }
YAML
  cat > "$dir/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: { kubeconfig: $S/proxy.conf }
hostnameOverride: $name
clusterCIDR: 10.244.0.0/16
conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s }
YAML
  start "$name-containerd" $enter containerd --config "$dir/containerd.toml"
  wait_for 30 "containerd on $name" ctr -a "$run/containerd.sock" version
  start "$name-kubelet" $enter kubelet --config="$dir/kubelet.yaml" --kubeconfig="$S/$name.conf" --root-dir="$dir/kubelet" \
    --hostname-override="$name" --node-ip="$ip" --cert-dir="$dir"
  start "$name-proxy" $enter kube-proxy --config="$dir/proxy.yaml"
  if [[ $CLUSTER_POLICY == 1 ]]; then
    start "$name-policy" $enter sh -c 'until "$@"; do sleep 0.5; done' sh policy --kubeconfig="$KUBECONFIG" --node="$name"
  fi
}
