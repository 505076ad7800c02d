#!/usr/bin/env bash
# build-kueue.sh OUT: Kueue from its Go module, as an image archive and manifests. A module of its own, as it needs a Kubernetes of its own.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
export GOFLAGS="-trimpath -buildvcs=false -mod=readonly -p=${CLUSTER_BUILD_JOBS:-2}" GOWORK=off CGO_ENABLED=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/kueue"
go -C "$here/peers/kueue" build -ldflags '-s -w' -o "$work/kueue/manager" sigs.k8s.io/kueue/cmd/kueue
"$here/image.sh" localhost/kueue:1 "$out/kueue.tar" -u 65532:65532 "$work/kueue" > /dev/null
cp -r "$(go -C "$here/peers/kueue" list -m -f '{{.Dir}}' sigs.k8s.io/kueue)/config" "$out/config"
chmod -R u+w "$out/config"
