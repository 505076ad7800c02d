#!/usr/bin/env bash
# load.sh ARCHIVE...: puts image archives made by image.sh on every node that does not have them yet.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

# The first of an archive's files, which names the image and the digest of its manifest.
index() { tar -xOf "$1" --occurrence=1 index.json; }
word() { grep -oP "\"$1\":\"\K[^\"]+" | head -1; }

for archive; do
  digest=$(index "$archive" | word digest) name=$(index "$archive" | word io.containerd.image.name)
  for socket in "$CLUSTER_RUN"/node-*/containerd.sock; do
    node=(ctr -a "$socket" -n k8s.io images)
    [[ -z $("${node[@]}" ls -q "name==$name,target.digest==$digest" 2> /dev/null) ]] || continue
    "${node[@]}" import "$archive" > /dev/null 2> "$CLUSTER_RUN/load.log" || {
      cat "$CLUSTER_RUN/load.log" >&2
      exit 1
    }
  done
done
