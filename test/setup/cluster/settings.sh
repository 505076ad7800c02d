# shellcheck shell=bash
# Settings and helpers of the scripts here; every setting can be given from outside.
: "${CLUSTER_PROGRAMS:?folder made by build.sh: npm run cluster -- build prints it}"
: "${CLUSTER_STATE:=/var/lib/anneal-cluster}" # one run; on a real file system, because overlayfs sits on it
: "${CLUSTER_RUN:=/run/anneal-cluster}"       # sockets, process ids
: "${CLUSTER_NET:=10.89.0}"                   # the host is .1, node N is .1N
: "${CLUSTER_NODES:=2}"                       # real nodes, each in a network namespace of its own (1-9)
: "${CLUSTER_FAKE_NODES:=0}"                  # nodes that exist only in the API, run by kwok
: "${CLUSTER_GPUS:=8}"                        # pretended nvidia.com/gpu per real node
: "${CLUSTER_VOLUMES:=128}"                    # shared volumes offered to claims
: "${CLUSTER_POLICY:=1}"                      # 1: enforce NetworkPolicy
: "${CLUSTER_LEASE_SECONDS:=40}"              # kubelet renews its lease four times in this period
BIN=$CLUSTER_PROGRAMS/bin
# npm puts the programs of packages first, and one of them (a tracer of files) is called nft.
PATH=$BIN:$(tr : '\n' <<< "$PATH" | grep -v '/node_modules/' | paste -sd:)
export KUBECONFIG=$CLUSTER_STATE/admin.conf KUBECACHEDIR=$CLUSTER_RUN/kubectl

# Everything that runs is a member of the control group "anneal": down.sh finds it there, pods included.
if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then OURS=/sys/fs/cgroup/anneal; else OURS=/sys/fs/cgroup/pids/anneal; fi

start() { # NAME COMMAND...: in the background, in our group, output to a log file
  local name=$1
  shift
  (
    echo "$BASHPID" > "$OURS/host/cgroup.procs"
    exec setsid "$@" > "$CLUSTER_STATE/log/$name.log" 2>&1 < /dev/null
  ) &
  echo $! > "$CLUSTER_RUN/$name.pid"
}

wait_for() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" > /dev/null 2>&1; do
    ((SECONDS < end)) || {
      echo "no $what in time, see $CLUSTER_STATE/log" >&2
      exit 1
    }
    sleep 0.3
  done
}

need() { # COMMAND:PACKAGE...: installs what is missing
  local pair missing=()
  for pair; do command -v "${pair%%:*}" > /dev/null || missing+=("${pair#*:}"); done
  ((${#missing[@]})) || return 0
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}
