#!/usr/bin/env bash
# install-kueue.sh FOLDER up | down: puts what build-kueue.sh made into the running cluster, or takes it out again. Kueue makes its own
# webhook certificates. It looks at namespaces with the label "queued" alone, as a site may have it: others go on as if it were not there,
# also while it comes and goes. There it manages every Job, with the name of a queue or without. Its list of what waits in a queue is no API of the cluster, without which no namespace could go meanwhile.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"
manifests() {
  kubectl kustomize "$1/config/default" |
    sed -E 's#image: [^ ]*/kueue:[^ ]*#image: localhost/kueue:1#; s#imagePullPolicy: Always#imagePullPolicy: Never#
      s#^( *)- key: kubernetes.io/metadata.name#\1- { key: queued, operator: Exists }\n&#
      s/^( *)#manageJobsWithoutQueueName: true/\1manageJobsWithoutQueueName: true\n\1managedJobsNamespaceSelector: { matchExpressions: [{ key: queued, operator: Exists }] }/' |
    awk -v RS='---\n' -v ORS='---\n' '!/(^|\n)kind: APIService\n/'
}
if [[ $2 == down ]]; then
  # While it runs it lets its objects go; without it they, and their namespaces, would stay for ever.
  for kind in workloads localqueues clusterqueues resourceflavors; do
    kubectl delete "$kind.kueue.x-k8s.io" --all --all-namespaces --timeout=60s > /dev/null 2>&1 || true
  done
  manifests "$1" | kubectl delete --ignore-not-found --wait=false -f - > /dev/null
  exit
fi
"$here/load.sh" "$1/kueue.tar"
manifests "$1" | kubectl apply --server-side -f - > /dev/null
kubectl -n kueue-system rollout status deployment --timeout=180s > /dev/null
# Its pods are ready before its webhooks answer, and without them no Job of the cluster is taken.
ask_webhook() {
  kubectl create --dry-run=server -f - <<< '{ apiVersion: kueue.x-k8s.io/v1beta2, kind: ResourceFlavor, metadata: { name: probe } }'
}
wait_for 120 'webhook of Kueue' ask_webhook
