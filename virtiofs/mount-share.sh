#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Mounts the VM's own energy in a guest that has no systemd: mount-share.sh [FOLDER]
# Run as root inside the VM. Does nothing if it is mounted already.
set -eu

tag=scaphandre
folder=${1:-/var/scaphandre}

fail() {
    echo "mount-share: $1" >&2
    exit 1
}

is_mounted() {
    # Fields of /proc/mounts: source, folder, type.
    while read -r source mounted type _; do
        if [ "$source" = "$tag" ] && [ "$mounted" = "$folder" ] && [ "$type" = virtiofs ]; then
            return 0
        fi
    done < /proc/mounts
    return 1
}

knows_virtiofs() {
    grep -qw virtiofs /proc/filesystems
}

case $folder in
    -h | --help) sed -n '3,4s/^# //p' "$0"; exit 0 ;;
    /*) ;;
    *) fail "the folder must begin with a slash: $folder" ;;
esac

if is_mounted; then
    exit 0
fi
[ "$(id -u)" = 0 ] || fail "needs root; type: sudo $0"
# Built into some kernels, a module of others.
knows_virtiofs || modprobe virtiofs 2> /dev/null || true
knows_virtiofs || fail "this kernel knows no virtiofs: it needs Linux 5.4 with CONFIG_VIRTIO_FS"
mkdir -p "$folder"
mount -t virtiofs -o ro,nosuid,nodev,noexec "$tag" "$folder" ||
    fail "the VM offers no share '$tag'. On the host type: wattvisor-host enroll NAME, and restart the VM"
