#!/usr/bin/env bash
# Whether this machine can run the cluster. Prints the first thing that it lacks, as one line, and ends with 1; it leaves nothing behind.
set -uo pipefail
lacks() {
  echo "$1"
  exit 1
}
[[ $EUID == 0 ]] || lacks 'a cluster needs root, for network namespaces and control groups'

# npm puts the programs of packages first, and one of them (a tracer of files) is called nft.
PATH=$(tr : '\n' <<< "$PATH" | grep -v '/node_modules/' | paste -sd:)
missing=()
for command in iptables nft ipset ip openssl; do command -v "$command" > /dev/null || missing+=("$command"); done
((${#missing[@]} == 0)) || command -v apt-get > /dev/null \
  || lacks "there is no ${missing[*]}, and no apt-get to install it with"

if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
  groups=(/sys/fs/cgroup)
  for name in cpu memory pids; do
    grep -qw "$name" /sys/fs/cgroup/cgroup.controllers || lacks "there is no control group for $name"
  done
else
  groups=(/sys/fs/cgroup/cpu /sys/fs/cgroup/memory /sys/fs/cgroup/pids)
fi
for group in "${groups[@]}"; do
  mkdir "$group/anneal-probe-$$" 2> /dev/null || lacks "no control group can be made in $group"
  rmdir "$group/anneal-probe-$$"
done

# containerd keeps the layers of its images below this folder
folder=$(mktemp -d /var/lib/anneal-probe.XXXXXX 2> /dev/null) || lacks 'nothing can be written below /var/lib'
trap 'rm -rf "$folder"' EXIT
mkdir "$folder"/{lower,upper,work,merged}
layers=lowerdir=$folder/lower,upperdir=$folder/upper,workdir=$folder/work
unshare --mount mount -t overlay overlay -o "$layers" "$folder/merged" 2> /dev/null \
  || lacks 'overlayfs cannot be mounted below /var/lib'

unshare --net true 2> /dev/null || lacks 'no network namespace can be made'
if command -v ip > /dev/null; then
  unshare --net sh -c 'ip link add anneal0 type bridge && ip link add anneal1 type veth peer name anneal2' 2> /dev/null \
    || lacks 'the kernel has no bridges or no pairs of network devices'
fi
if command -v nft > /dev/null; then
  unshare --net nft add table ip anneal 2> /dev/null || lacks 'the kernel has no nftables'
fi
