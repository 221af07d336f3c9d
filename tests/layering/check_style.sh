#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a reader would otherwise have to notice: format, licence lines, words that do not belong into the agents.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
failed=0

problem() {
    echo "$1" >&2
    failed=1
}

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.cpp' '*.hpp')
[[ ${#sources[@]} -gt 0 ]] || problem "there is no source to check"
clang-format --dry-run --Werror "${sources[@]}" || problem "format: type 'clang-format -i' on the files above"

# What runs in the kernel, and what it shares with us, has the licence that the kernel asks for.
mapfile -t kernel_sources < <(git ls-files --cached --others --exclude-standard -- 'common/usage/bpf/*.[ch]')
[[ ${#kernel_sources[@]} -gt 0 ]] || problem "there is no BPF program to check"
clang-format --dry-run --Werror "${kernel_sources[@]}" || problem "format: type 'clang-format -i' on the files above"
for file in "${kernel_sources[@]}"; do
    head -n 1 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause' || problem "$file: has no licence line"
done

mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.py' '*.sh' '*CMakeLists.txt' '*.cmake' .ci/run)
for file in "${sources[@]}" "${scripts[@]}"; do
    [[ -s $file ]] || continue
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || problem "$file: has no licence line"
done

# Agents neither flush by accident, nor sleep, nor run a shell, nor parse by exceptions.
mapfile -t agents < <(git ls-files --cached --others --exclude-standard -- common virtiofs libvirt-hooks host-agent guest-agent |
    grep -E '\.[ch]pp$')
grep -nE 'std::endl|\b(sleep|usleep|system|popen|stoi|stoul|stoull|atoi)\(|sleep_for|sleep_until|using namespace std;' \
    "${agents[@]}" && problem "the agents do without the words above"
grep -nE '\b(TODO|FIXME|XXX)\b' "${sources[@]}" "${scripts[@]}" | grep -v check_style.sh &&
    problem "open ends go into an issue"

for script in $(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run); do
    bash -n "$script" || problem "$script: does not parse"
done
exit $failed
