#!/usr/bin/env bash
# load.sh ARCHIVE...: puts image archives made by image.sh on every node that does not have them yet, on all of them at a time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/settings.sh"

# The first of an archive's files, which names the image and the digest of its manifest.
index() { tar -xOf "$1" --occurrence=1 index.json; }
word() { grep -oP "\"$1\":\"\K[^\"]+" | head -1; }

load() { # SOCKET ARCHIVE...
  local node=(ctr -a "$1" -n k8s.io images) archive digest name said
  shift
  for archive; do
    digest=$(index "$archive" | word digest) name=$(index "$archive" | word io.containerd.image.name)
    [[ -z $("${node[@]}" ls -q "name==$name,target.digest==$digest" 2> /dev/null) ]] || continue
    said=$("${node[@]}" import "$archive" 2>&1) || {
      echo "$said" >&2
      return 1
    }
  done
}

loading=()
for socket in "$CLUSTER_RUN"/node-*/containerd.sock; do
  load "$socket" "$@" &
  loading+=($!)
done
for each in "${loading[@]}"; do wait "$each"; done
