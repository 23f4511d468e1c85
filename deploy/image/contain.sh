#!/usr/bin/env bash
# Starts a program as a container runtime starts the chart's pod, where there is none to do it:
#   contain.sh ROOT POD UID:GID NAME=VALUE… -- PROGRAM…
# ROOT is the image's file system, read-only to the program; POD holds what is mounted into it: etc,
# run, data, tmp. Processes and mounts are its own, the program is the first of them, in a session
# of its own, without a capability and with no way to get one; the network is that of the host.
set -euo pipefail

if [[ $$ -ne 1 ]]; then
    exec unshare --mount --pid --ipc --uts --fork --kill-child=KILL -- "$0" "$@"
fi

root=$1 pod=$2 user=$3
shift 3
environment=()
while [[ $1 != -- ]]; do
    environment+=("$1")
    shift
done
shift

mkdir -p "$root"/{etc/pgdrift,run/secrets/pgdrift,var/lib/pgdrift,tmp,proc,dev}
mount --bind "$root" "$root"
mount --bind -o ro "$pod/etc" "$root/etc/pgdrift"
mount --bind -o ro "$pod/run" "$root/run/secrets/pgdrift"
mount --bind "$pod/data" "$root/var/lib/pgdrift"
mount --bind "$pod/tmp" "$root/tmp"
for file in hosts resolv.conf; do
    [[ -e $root/etc/$file ]] || touch "$root/etc/$file"
    mount --bind -o ro "/etc/$file" "$root/etc/$file"
done
mount -t tmpfs -o nosuid,mode=0755 none "$root/dev"
for device in null zero full random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t proc -o nosuid,nodev,noexec none "$root/proc"
mount -o remount,bind,ro "$root/dev"
mount -o remount,bind,ro "$root"
exec env -i "${environment[@]}" \
    /usr/bin/setsid /usr/bin/setpriv --no-new-privs --inh-caps=-all -- \
    /usr/sbin/chroot --userspec="$user" --groups="${user#*:}" "$root" "$@"
