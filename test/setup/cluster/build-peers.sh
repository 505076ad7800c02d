#!/usr/bin/env bash
# build-peers.sh OUT: Kubeflow Trainer and JobSet from their Go modules, as image archives and manifests, for measurements side by
# side. They are modules of their own because they need different controller-runtimes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
export GOFLAGS="-trimpath -buildvcs=false -mod=readonly -p=${CLUSTER_BUILD_JOBS:-2}" GOWORK=off CGO_ENABLED=0
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

build() { # FOLDER MODULE PACKAGE NAME MANIFESTS
  mkdir "$work/$4"
  go -C "$here/peers/$1" build -ldflags '-s -w' -o "$work/$4/manager" "$3"
  "$here/image.sh" "localhost/$4:1" "$out/$4.tar" -u 65532:65532 -E '["/manager"]' "$work/$4" > /dev/null
  cp -r "$(go -C "$here/peers/$1" list -m -f '{{.Dir}}' "$2")/$5" "$out/$1"
  chmod -R u+w "$out/$1"
}
trainer=github.com/kubeflow/trainer/v2 jobset=sigs.k8s.io/jobset
build jobset $jobset $jobset jobset config
build trainer $trainer $trainer/cmd/trainer-controller-manager trainer-controller-manager manifests
# JobSet is installed from its own manifests, not from the web page that this overlay names
sed -i '/third-party\/jobset/d' "$out/trainer/overlays/manager/kustomization.yaml"
