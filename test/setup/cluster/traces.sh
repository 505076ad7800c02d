#!/usr/bin/env bash
# Prints what a cluster could leave behind on this machine, one thing a line: what is printed after it was taken down was printed before it came.
# Processes are told by a variable that they were given: traces.sh NAME=VALUE.
set -uo pipefail
PATH=$(tr : '\n' <<< "$PATH" | grep -v '/node_modules/' | paste -sd:)

each() { # WORDS COMMAND...: every line of its output, behind the words; a command that is not there has left nothing
  local words=$1
  shift
  "$@" 2> /dev/null | sed "s|^|$words |"
}

each mount awk '{ print $2 }' /proc/mounts
each 'network namespace' ls /run/netns
each interface ls /sys/class/net
each route ip route show table all type unicast
each 'firewall rule' bash -c 'iptables-save | grep "^-A"; ip6tables-save | grep "^-A"; nft list tables; ipset list -name'
each 'control group' find /sys/fs/cgroup -type d -path '*anneal*'
each folder ls -d /var/lib/anneal-cluster /run/anneal-cluster
each file find /var/lib/cni /var/log/containers /run/containerd/s /run/nri /var/lib/kubelet/device-plugins ! -type d
each 'forwarding of packets:' cat /proc/sys/net/ipv4/ip_forward
for variables in $(grep -lzxsF "$1" /proc/[0-9]*/environ 2> /dev/null); do
  process=${variables%/environ}
  echo "process ${process#/proc/} $(tr '\0' ' ' < "$process/cmdline" 2> /dev/null | cut -c1-120)"
done
