#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job, live: two real VMs under libvirt, the host agent, a guest agent inside each, and both views of the energy
# side by side. Does all its own set-up on a fresh Debian 12 machine, ends by itself and removes all that it made.
#
#   ./demo.sh [--json]     --json: the summary once more, as one JSON object on the last line
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case "${1:-}" in
    "" | --json) ;;
    -h | --help)
        sed -n '3,6s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "demo.sh: \"$1\" is not an option; type ./demo.sh --help" >&2
        exit 78
        ;;
esac

source tests/lab/setup.sh
setup_build_packages
setup_e2e_packages

log=$(mktemp)
echo "Building (the first time takes a few minutes) …"
cmake --preset release >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
rm -f "$log"
cmake --build --preset release --target wattvisor-host wattvisor-guest wattvisor-hook wattvisor-simulated-host

# Mounts, libvirtd and VMs need root; the build did not.
root=()
if [[ $(id -u) -ne 0 ]]; then
    root=(sudo)
fi
exec "${root[@]}" env PYTHONDONTWRITEBYTECODE=1 python3 -m tests.lab.demo --programs "$PWD/build/release/bin" "$@"
