#!/usr/bin/env bash
# Makes an OCI image archive without a daemon or a registry.
#   image.sh NAME:TAG OUT.tar [-e KEY=VALUE]... [-u UID[:GID]] [-w DIR] [-E ENTRYPOINT_JSON] [-c COMMAND_JSON] LAYER...
# A LAYER is a tar file (taken as it is), DIR or DIR=/target (packed reproducibly). Load with: ctr -n k8s.io images import OUT.tar
set -euo pipefail

name=$1 out=$2; shift 2
env='"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"' user=0 dir=/ entry=null cmd=null
while getopts e:u:w:E:c: o; do
  case $o in e) env+=",\"$OPTARG\"" ;; u) user=$OPTARG ;; w) dir=$OPTARG ;; E) entry=$OPTARG ;; c) cmd=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))

work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir -p "$work/blobs/sha256"

# put FILE: moves it among the blobs, prints "digest size"
put() {
  local digest; digest=$(sha256sum "$1" | cut -d' ' -f1)
  mv "$1" "$work/blobs/sha256/$digest"
  echo "$digest $(stat -Lc %s "$work/blobs/sha256/$digest")"
}

layers='' diffs=''
for layer; do
  source=${layer%%=*} target=''
  [[ $layer == *=* ]] && target=${layer#*=}
  if [[ -d $source ]]; then
    tar -C "$source" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
      --transform "flags=rSh;s,^\.,.${target}," -cf "$work/layer" .
  else
    # Not a hard link: each that comes or goes changes the file for whoever else packs it now.
    ln -s "$(realpath "$source")" "$work/layer"
  fi
  read -r digest size < <(put "$work/layer")
  layers+="${layers:+,}{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:$digest\",\"size\":$size}"
  diffs+="${diffs:+,}\"sha256:$digest\""
done

printf '{"architecture":"amd64","os":"linux","config":{"User":"%s","WorkingDir":"%s","Env":[%s],"Entrypoint":%s,"Cmd":%s},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
  "$user" "$dir" "$env" "$entry" "$cmd" "$diffs" > "$work/config"
read -r digest size < <(put "$work/config")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
  "$digest" "$size" "$layers" > "$work/manifest"
read -r digest size < <(put "$work/manifest")
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
  "$digest" "$size" "$name" "${name##*:}" > "$work/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' > "$work/oci-layout"
tar -C "$work" --dereference -cf "$out" oci-layout index.json blobs
echo "$name sha256:$digest"
