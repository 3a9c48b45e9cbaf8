# Machines for the guides, on one Linux machine: sourced by a shell of package guide, which has a
# network, a process tree and mounts of its own, that shell becomes the administrator's machine, from
# which node-1 to node-4 and s3.example.com are reached as in real life.
#
# Each machine has a network, a host name, processes and a disk of its own: namespaces, and an
# overlay of this machine's files. All of it ends with the shell. Only three programs are stand-ins: ssh
# and scp enter a machine's namespaces, systemctl (and journalctl) runs the real unit's command line
# with the real unit's environment and user. Real systemd and its confinement are test/packaging's.
#
# LAB: this file's directory. LAB_TOOLS: a directory with what tools.sh puts there. Needs root.
__disks=/run/lab-disks
mkdir -p "$__disks" /run/lab
mount -t tmpfs -o size=4g tmpfs "$__disks"
mount -t tmpfs tmpfs /run/lab
mkdir /run/lab/bin
install "$LAB/ssh" "$LAB/scp" "$LAB_TOOLS/etcdctl" "$LAB_TOOLS/fill" "$LAB_TOOLS/netsyctl" /run/lab/bin/
export PATH=/run/lab/bin:$PATH
ip link add lab type bridge
ip addr add 10.0.0.100/24 dev lab
ip link set lab up
__hosts() {
  echo "127.0.0.1 localhost"
  echo "10.0.0.9 s3.example.com"
  for n in 1 2 3 4; do echo "10.0.0.$n node-$n.example.com node-$n"; done
}
__hosts > /etc/hosts

# __machine NAME ADDRESS starts a machine; its first process's id goes to /run/lab/NAME.
__machine() {
  local d=$__disks/$1 shell pid=
  mkdir -p "$d"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=/,upperdir=$d/upper,workdir=$d/work" "$d/root"
  mkdir -p "$d/root/usr/local/bin"
  __hosts > "$d/root/etc/hosts"
  install "$LAB/systemctl" "$LAB/journalctl" "$d/root/usr/local/bin/"
  unshare --net --uts --mount --pid --fork --kill-child -- bash -c '
    hostname "$1"; cd "$2"
    mount -t proc proc proc; mount --rbind /dev dev
    for own in run tmp root; do mount -t tmpfs tmpfs $own; done # nobody else is in there
    mkdir run/lock; touch run/up
    exec chroot . bash -c "cd /; while :; do sleep 3600 & wait \$!; done"' machine "$1" "$d/root" &
  shell=$!
  until pid=$(cat "/proc/$shell/task/$shell/children") && [ -n "$pid" ]; do sleep 0.05; done
  pid=${pid// /}
  until [ "$(readlink "/proc/$pid/exe")" = "$d/root$(readlink -f "$(command -v bash)")" ] && [ -f "/proc/$pid/root/run/up" ]; do sleep 0.05; done
  echo "$pid" > "/run/lab/$1"
  ip link add "v$1" type veth peer name eth0 netns "$pid"
  ip link set "v$1" master lab up
  nsenter -t "$pid" -n sh -c "ip link set lo up; ip addr add $2/24 dev eth0; ip link set eth0 up"
}

for __n in 1 2 3 4; do __machine "node-$__n" "10.0.0.$__n"; done

# The S3 server. Its bucket is a directory of the machine s3.
__machine s3 10.0.0.9
install "$LAB_TOOLS/versitygw" "$LAB_TOOLS/netsyctl" "$__disks/s3/root/usr/local/bin/"
ssh s3 'mkdir -p /srv/s3/netsy-prod; setsid versitygw --quiet --port :7070 --access lab --secret lab-secret --region us-east-1 posix /srv/s3 < /dev/null > /root/s3.log 2>&1 &'
until curl -s -o /dev/null http://s3.example.com:7070/; do sleep 0.1; done

# What the nodes say is what one wants to see when a page isn't true.
__logs() {
  local status=$? m f
  [ "$status" != 0 ] || return 0
  for m in "$__disks"/*/root/var/log/lab/*.log; do
    [ ! -f "$m" ] || { f=${m#"$__disks"/}; echo "--- ${f%%/*}: $(basename "$m"), its end"; tail -n 30 "$m"; } >&2
  done
}
trap __logs EXIT

cp "$LAB_TOOLS"/*.deb .
