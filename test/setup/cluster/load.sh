#!/usr/bin/env bash
# load.sh ARCHIVE...: puts image archives made by image.sh on every node.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"
for archive; do
  for socket in "$CLUSTER_RUN"/node-*/containerd.sock; do
    ctr -a "$socket" -n k8s.io images import "$archive" > /dev/null 2> "$CLUSTER_RUN/load.log" || {
      cat "$CLUSTER_RUN/load.log" >&2
      exit 1
    }
  done
done
