#!/usr/bin/env bash
# fake-nodes.sh COUNT: adds nodes that exist only in the API, run by kwok; pods land there with a toleration for the taint
# fake.test/node and the node selector type=fake.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"
for ((i = 0; i < $1; i++)); do
  printf -- '---\n{ apiVersion: v1, kind: Node, metadata: { name: fake-%d, annotations: { fake.test/node: "true" }, labels: { type: fake, kubernetes.io/hostname: fake-%d, topology.kubernetes.io/rack: r%d } }, spec: { taints: [{ key: fake.test/node, effect: NoSchedule }] }, status: { capacity: &c { cpu: 64, memory: 512Gi, pods: 110, nvidia.com/gpu: 8 }, allocatable: *c, phase: Running } }\n' "$i" "$i" "$((i / 16))"
done | kubectl create -f - > /dev/null
start kwok kwok --kubeconfig="$KUBECONFIG" --manage-nodes-with-annotation-selector=fake.test/node=true --cidr=10.200.0.0/16 \
  --node-ip="$CLUSTER_NET.1" --node-lease-duration-seconds=160 -v WARN --config="${CLUSTER_FAKE_STAGES:-$here/fake-stages.yaml}"
ready() { [[ $(kubectl get nodes -l type=fake --no-headers | grep -cw Ready) -ge $1 ]]; }
wait_for 180 'fake nodes' ready "$1"
