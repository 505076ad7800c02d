#!/usr/bin/env bash
# install-peers.sh FOLDER: puts what build-peers.sh made into the running cluster. Both make their own webhook certificates.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"
"$here/load.sh" "$1"/*.tar
# Their webhooks wait for a certificate that they make, and look for it a minute later or two.
local_images() {
  sed -E 's#image: [^ ]*/(jobset|trainer-controller-manager):[^ ]*#image: localhost/\1:1#; s#imagePullPolicy: Always#imagePullPolicy: Never#'
}
kubectl kustomize "$1/jobset/default" | local_images | kubectl apply --server-side -f - > /dev/null
kubectl -n jobset-system rollout status deployment --timeout=360s > /dev/null
kubectl kustomize "$1/trainer/overlays/manager" | local_images | kubectl apply --server-side -f - > /dev/null
kubectl -n kubeflow-system rollout status deployment --timeout=360s > /dev/null
