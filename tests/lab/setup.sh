#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that Wattvisor's build and tests need, where they are missing. Says nothing when all are
# there.
#
#   tests/lab/setup.sh [build] [e2e] [check]     all three without an argument
#   source tests/lab/setup.sh                    only defines setup_build_packages, setup_e2e_packages, setup_check_packages
#
# On a machine with systemd, Debian's packages start the services that they bring (libvirtd, prometheus), as always on
# Debian; nothing is disabled here. The laboratory uses a libvirtd that runs, and starts its own where none does.

setup_build_packages() {
    setup_install_missing build build-essential g++ cmake ninja-build ccache pkg-config libboost1.81-dev libvirt-dev \
        libspdlog-dev libfmt-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev libpugixml-dev libre2-dev libgtest-dev \
        libgmock-dev clang bpftool libbpf-dev libssl-dev zlib1g-dev libcrypt-dev protobuf-compiler libprotobuf-dev
}

# libvirt-daemon-system brings libvirt's QEMU driver, qemu-system-x86 Debian's virtiofsd (in qemu-system-common).
setup_e2e_packages() {
    setup_install_missing end-to-end libvirt-daemon-system libvirt-clients qemu-system-x86 linux-image-amd64 \
        busybox-static kmod prometheus prometheus-node-exporter python3 python3-jsonschema swtpm swtpm-tools \
        prometheus-pushgateway curl openssl ruby-riemann-client
}

# What the benchmark counts with, and what it measures beside ours.
setup_bench_packages() {
    setup_install_missing benchmark valgrind strace libvirt-daemon-system libvirt-clients prometheus-node-exporter \
        prometheus-libvirt-exporter python3
}

# Prints the path of today's virtiofsd, for tests beside the one that comes with Debian's QEMU: the one on PATH, or
# one that cargo, where it is installed, builds (once; some minutes). Prints nothing where
# there is neither.
setup_other_virtiofsd() {
    local place=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/wattvisor/virtiofsd
    if command -v virtiofsd; then
        return
    fi
    if [[ ! -x $place/bin/virtiofsd ]] && command -v cargo >/dev/null; then
        setup_install_missing virtiofsd libcap-ng-dev libseccomp-dev >&2 || return 0
        echo "setup: building virtiofsd with cargo into $place" >&2
        cargo install --quiet --root "$place" virtiofsd >&2 || return 0
    fi
    if [[ -x $place/bin/virtiofsd ]]; then
        echo "$place/bin/virtiofsd"
    fi
}

setup_check_packages() {
    setup_install_missing check clang-format clang-tidy
}

# setup_install_missing PURPOSE PACKAGE...
setup_install_missing() {
    local purpose=$1 package root=() log
    local missing=()
    shift
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "setup: this is not a Debian system; the $purpose needs what Debian calls: $*" >&2
        return 1
    fi
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0

    if [[ $(id -u) -ne 0 ]]; then
        if ! command -v sudo >/dev/null; then
            echo "setup: packages are missing for the $purpose, and this is neither root nor is there sudo." \
                "As root: apt-get install ${missing[*]}" >&2
            return 1
        fi
        root=(sudo)
    fi
    echo "setup: installing for the $purpose: ${missing[*]}"
    log=$(mktemp)
    # The package lists may be absent (a fresh container) or too old to be downloaded from: then they are fetched, once.
    if ! setup_apt_get "$log" "${missing[@]}" &&
        ! { "${root[@]}" apt-get -qq update >>"$log" 2>&1 && setup_apt_get "$log" "${missing[@]}"; }; then
        cat "$log" >&2
        echo "setup: could not install: ${missing[*]}" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# setup_apt_get LOG PACKAGE... uses the caller's array root.
setup_apt_get() {
    local log=$1
    shift
    # Through env, since sudo drops the caller's environment. A changed configuration file is kept, not asked about.
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@" >>"$log" 2>&1
}

# Sourced, it ends here.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    [[ $# -gt 0 ]] || set -- build e2e check
    for part in "$@"; do
        case $part in
            build | e2e | check) "setup_${part}_packages" ;;
            *)
                echo "usage: $0 [build] [e2e] [check]" >&2
                exit 2
                ;;
        esac
    done
fi
