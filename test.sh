#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests, and installs what they need on a fresh Debian 12 machine.
#
#   ./test.sh                 all parts
#   ./test.sh PART...         only these, in this order:
#     check         format, licence lines, layering
#     unit          parsers, arithmetic, sources, exporters (AddressSanitizer, UndefinedBehaviorSanitizer)
#     integration   the agents with libvirt's test driver and fixture trees (same sanitizers)
#     tsan          what runs on two threads, with ThreadSanitizer
#     tidy          clang-tidy over the sources of the programs
#     e2e           real libvirtd, QEMU, virtiofs, guest kernels and Prometheus; needs root
#     instructions  instructions per tick and scrape against their bounds, counted by callgrind
#
#   ./test.sh bench [option...]    measures, asserts nothing: CPU, memory, peers; needs root; --help tells the options
#   ./test.sh accuracy [option...] measures known loads against their truth; --help tells the options
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

all_parts=(check unit integration tsan tidy e2e instructions)
passed=0
failed=0
skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

headline() {
    printf '\n== %s\n' "$1"
}

# count PASSED FAILED SKIPPED
count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
}

# check NAME COMMAND...: a command that passes or fails as one test.
check() {
    local name=$1
    shift
    if "$@"; then
        echo "ok   $name"
        count 1 0 0
    else
        echo "FAIL $name"
        count 0 1 0
    fi
}

# build PRESET [TARGET...]: quiet unless it fails.
build() {
    local preset=$1
    shift
    echo "building with preset $preset …"
    if ! cmake --preset "$preset" -DWATTVISOR_WERROR=ON >"$log" 2>&1 ||
        ! cmake --build --preset "$preset" ${1+--target "$@"} >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "FAIL build with preset $preset"
        count 0 1 0
        return 1
    fi
}

# run_ctest PRESET LABEL [ctest option...]
run_ctest() {
    local preset=$1 label=$2 summary total bad skips
    shift 2
    # In random order, and in a locale whose decimal point is a dot whatever the user's is.
    LC_ALL=C.UTF-8 ctest --preset "$preset" -L "$label" --schedule-random -j "$(nproc)" "$@" 2>&1 | tee "$log" |
        grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed|^ *Start +[0-9]+:|^Test project'
    # "100% tests passed, 0 tests failed out of 123"
    summary=$(grep -oE '[0-9]+ tests failed out of [0-9]+' "$log" | tail -n 1)
    if [[ -z $summary ]]; then
        echo "FAIL ctest ran no test with label $label"
        count 0 1 0
        return
    fi
    bad=${summary%% *}
    total=${summary##* }
    skips=$(grep -cE '\*\*\*Skipped' "$log")
    count $((total - bad - skips)) "$bad" "$skips"
}

# run_unittest MODULE...
run_unittest() {
    local ran bad skips status
    if [[ $(id -u) -ne 0 ]]; then
        echo "FAIL the end-to-end tests mount, and start VMs: run them as root"
        count 0 1 0
        return
    fi
    PYTHONDONTWRITEBYTECODE=1 WATTVISOR_PROGRAMS=$PWD/build/release/bin python3 -m unittest -v "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    ran=$(sed -nE 's/^Ran ([0-9]+) tests?.*/\1/p' "$log" | tail -n 1)
    bad=$(sed -nE 's/^FAILED \((.*)\)/\1/p' "$log" | grep -oE '(failures|errors)=[0-9]+' | grep -oE '[0-9]+' |
        awk '{sum += $1} END {print sum + 0}')
    skips=$(grep -oE 'skipped=[0-9]+' "$log" | tail -n 1 | grep -oE '[0-9]+' || echo 0)
    if [[ -z $ran || ($bad -eq 0 && $status -ne 0) ]]; then
        echo "FAIL the end-to-end tests did not run to their end"
        count 0 1 0
        return
    fi
    # A class that cannot be set up is an error without a test of its own.
    count $((ran - skips > bad ? ran - skips - bad : 0)) "$bad" "$skips"
}

part_check() {
    setup_check_packages || return 1
    check "format, licence lines and words" tests/layering/check_style.sh
    check "layering" tests/layering/check_layering.py --self-test
    check "every trap has its test" tests/layering/check_traps.py
    check "mutations still apply" python_module tests.mutation --check
}

part_unit() {
    build dev && run_ctest dev unit
}

part_integration() {
    build dev && run_ctest dev integration
}

part_tsan() {
    build tsan host_agent_libvirt_test share_round_trip_test &&
        TSAN_OPTIONS=halt_on_error=1 run_ctest tsan integration
}

part_tidy() {
    setup_check_packages || return 1
    { cmake --preset tidy && cmake --build --preset tidy --target wattvisor_bpf_headers wattvisor_riemann_messages; } >"$log" 2>&1 ||
        { tail -n 30 "$log"; return 1; }
    # From the preset's compile commands, without compiling everything once more.
    check "clang-tidy" tidy_sources
}

tidy_sources() {
    local failed=0
    run-clang-tidy -quiet -p build/tidy -j "$(nproc)" "^$PWD/(?!build/)" >"$log" 2>&1 || failed=1
    grep -E '(error|warning): ' "$log" | sort -u
    return $failed
}

part_e2e() {
    setup_e2e_packages || return 1
    if [[ -z ${WATTVISOR_VIRTIOFSD:-} ]]; then
        WATTVISOR_VIRTIOFSD=$(setup_other_virtiofsd)
        export WATTVISOR_VIRTIOFSD
    fi
    echo "virtiofsd: libvirt's own${WATTVISOR_VIRTIOFSD:+, and $WATTVISOR_VIRTIOFSD}"
    build release wattvisor-host wattvisor-guest wattvisor-hook wattvisor-simulated-host wattvisor-carry-driver &&
        run_unittest tests.e2e.test_energy tests.e2e.test_failures tests.e2e.test_shares tests.e2e.test_prometheus \
            tests.e2e.test_command_line tests.e2e.test_formats tests.e2e.test_metrics tests.e2e.test_push \
            tests.e2e.test_scrape tests.e2e.test_queries tests.e2e.test_migration tests.e2e.test_accuracy \
            tests.e2e.test_demo
}

part_instructions() {
    setup_install_missing instructions valgrind python3 || return 1
    build release wattvisor_tick_bench &&
        check "instructions per tick and scrape" python_module tests.bench.instructions
}

# Takes options instead of further parts. Its result is a table, not a number of tests.
run_bench() {
    setup_build_packages && setup_bench_packages || exit 1
    build release wattvisor-host wattvisor-guest wattvisor-simulated-host wattvisor-bench-fleet wattvisor-bench-bare-calls wattvisor_tick_bench || exit 1
    python_module tests.bench "$@"
}

# As bench; fails where a row is out of its bound.
run_accuracy() {
    setup_build_packages && setup_e2e_packages || exit 1
    build release wattvisor-accuracy wattvisor-host wattvisor-guest wattvisor-hook wattvisor-simulated-host || exit 1
    python_module tests.accuracy "$@"
}

python_module() {
    PYTHONDONTWRITEBYTECODE=1 python3 -m "$@"
}

main() {
    local part known
    if [[ ${1:-} == bench || ${1:-} == accuracy ]]; then
        source tests/lab/setup.sh
        "run_$1" "${@:2}"
        return
    fi
    for part in "$@"; do
        case $part in
            -h | --help)
                sed -n '3,17s/^# \{0,1\}//p' "$0"
                exit 0
                ;;
        esac
        known=" ${all_parts[*]} "
        if [[ $known != *" $part "* ]]; then
            echo "test.sh: \"$part\" is no part; there are: ${all_parts[*]}" >&2
            exit 78
        fi
    done
    [[ $# -gt 0 ]] || set -- "${all_parts[@]}"

    source tests/lab/setup.sh
    setup_build_packages || exit 1
    for part in "$@"; do
        headline "$part"
        local began=$SECONDS
        "part_$part" || count 0 1 0
        echo "-- $part took $((SECONDS - began)) s"
    done
    printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [[ $failed -eq 0 && $passed -gt 0 ]]
}

main "$@"
