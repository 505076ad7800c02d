# shellcheck shell=bash
# Control groups, version 1 or 2: everything that a cluster starts is a member of one of ours.
group() { # NAME: makes it in each hierarchy
  local root parent name controllers
  for root in /sys/fs/cgroup /sys/fs/cgroup/*/; do
    root=${root%/} parent=$(dirname "$root/$1")
    if [[ -f $root/cgroup.controllers ]]; then # version 2, or the empty version 2 tree of a mixed system
      [[ $root == /sys/fs/cgroup || $(stat -fc %T "$root/..") != cgroup2fs ]] || continue
      read -ra controllers < "$parent/cgroup.controllers" || true
      for name in "${controllers[@]}"; do echo "+$name" > "$parent/cgroup.subtree_control" 2> /dev/null || true; done
      mkdir -p "$root/$1"
    elif [[ -f $root/cgroup.procs && $(stat -fc %T "$root") != cgroup2fs ]]; then # version 1: a new group starts without processors
      mkdir -p "$root/$1"
      for name in cpuset.cpus cpuset.mems; do
        [[ ! -f $root/$1/$name ]] || cat "$parent/$name" > "$root/$1/$name"
      done
    fi
  done
}

# A group weighs as much as one process outside of it: beside a compiler a whole cluster would hardly move.
weigh() { # NAME PROCESSES: as much as so many
  local shares=/sys/fs/cgroup/cpu/$1/cpu.shares weight=/sys/fs/cgroup/$1/cpu.weight
  [[ ! -f $shares ]] || echo $((1024 * $2)) > "$shares"
  [[ ! -f $weight ]] || echo $((100 * $2)) > "$weight"
}
