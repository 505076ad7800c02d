#!/usr/bin/env bash
# Stops what up.sh started, pods included, and removes its state. Programs and images stay in the cache.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

# by membership of our control group: no search by name, no stale process ids
for _ in $(seq 100); do
  mapfile -t ids < <(find "$OURS" -name cgroup.procs -exec cat {} + 2> /dev/null)
  ((${#ids[@]})) || break
  kill -KILL "${ids[@]}" 2> /dev/null
  sleep 0.1
done

# mounts below our folders, deepest first
awk '{ print $2 }' /proc/mounts | grep -E "^($CLUSTER_STATE|$CLUSTER_RUN)/" | sort -r | while read -r dir; do umount -l "$dir"; done
ip -o netns list 2> /dev/null | awk '/^anneal-/ { print $1 }' | while read -r name; do
  ip link delete "$name" 2> /dev/null
  ip netns delete "$name"
done
# the folder of network namespaces is a mount of itself, made with the first of them
[[ -n $(ls -A /run/netns 2> /dev/null) ]] || umount /run/netns 2> /dev/null
ip link delete anneal0 2> /dev/null
[[ ! -f $CLUSTER_RUN/ip_forward ]] || cat "$CLUSTER_RUN/ip_forward" > /proc/sys/net/ipv4/ip_forward
for dir in /sys/fs/cgroup/anneal /sys/fs/cgroup/*/anneal; do
  [[ -d $dir ]] && find "$dir" -depth -type d -exec rmdir {} + 2> /dev/null
done
rm -rf --one-file-system "$CLUSTER_RUN" "$CLUSTER_STATE"

# What programs put where no setting reaches: results of CNI for our network, links to logs that are gone, sockets on which nobody listens.
for file in /var/lib/cni/results/anneal-*-eth0; do
  [[ -f $file ]] || continue
  id=${file##*/anneal-} id=${id%-eth0}
  rm -f "$file" "/var/lib/cni/results/cni-loopback-$id-lo"
done
find /var/log/containers -lname "$CLUSTER_STATE/*" -delete 2> /dev/null
for socket in /run/containerd/s/* /var/lib/kubelet/device-plugins/kubelet.sock; do
  [[ ! -S $socket ]] || grep -qF " $socket" /proc/net/unix || rm -f "$socket"
done
for dir in /var/lib/cni/results /var/lib/cni /var/log/containers /run/containerd/s /run/containerd /var/lib/kubelet/device-plugins /var/lib/kubelet /run/netns; do
  rmdir "$dir" 2> /dev/null
done
true
