// SPDX-License-Identifier: Apache-2.0
#include "common/usage/numa_text.hpp"

#include "common/base/text_file.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace wattvisor {

namespace {

constexpr std::uint64_t kMostBytes = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMostNodes = 1024; // CONFIG_NODES_SHIFT is at most 10
constexpr std::uint64_t kKibibyte = 1024;

std::string_view take_word(std::string_view& text) {
    constexpr std::string_view kBlanks = " \t";
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
    text.remove_prefix(word.size());
    return word;
}

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    return b != 0 && a > kMostBytes / b ? kMostBytes : a * b;
}

void add(NodeBytes& bytes, unsigned node, std::uint64_t more) {
    std::uint64_t& sum = bytes[node];
    sum = more > kMostBytes - sum ? kMostBytes : sum + more;
}

// "N3=1234"
std::optional<std::pair<unsigned, std::uint64_t>> parse_node_value(std::string_view word) {
    const auto equals = word.find('=');
    if (!word.starts_with('N') || equals == std::string_view::npos) {
        return std::nullopt;
    }
    const auto node = parse_number(word.substr(1, equals - 1));
    const auto value = parse_number(word.substr(equals + 1));
    if (!node || !value || *node >= kMostNodes) {
        return std::nullopt;
    }
    return std::pair(static_cast<unsigned>(*node), *value);
}

void add_values(NodeBytes& bytes, std::string_view words, std::uint64_t unit) {
    while (!words.empty()) {
        if (const auto value = parse_node_value(take_word(words))) {
            add(bytes, value->first, times(value->second, unit));
        }
    }
}

// The lines that are called `first` or `second`, a name that ends at a blank or at '='.
std::optional<NodeBytes> parse_lines(std::string_view text, std::string_view first,
                                     std::string_view second, std::uint64_t unit) {
    NodeBytes bytes;
    bool found = false;
    while (!text.empty()) {
        std::string_view line = take_until(text, '\n');
        const std::string_view word = take_word(line);
        const std::string_view name = word.substr(0, word.find('='));
        if (name == first || name == second) {
            add_values(bytes, line, unit);
            found = true;
        }
    }
    return found ? std::optional(std::move(bytes)) : std::nullopt;
}

// "Node 0 MemTotal:       16316412 kB"
std::optional<std::uint64_t> parse_meminfo_line(std::string_view line, std::string_view name) {
    take_word(line);
    take_word(line);
    if (take_word(line) != name) {
        return std::nullopt;
    }
    return parse_number(take_word(line));
}

} // namespace

void add_bytes(NodeBytes& bytes, const NodeBytes& more) {
    for (const auto& [node, value] : more) {
        add(bytes, node, value);
    }
}

std::optional<NodeBytes> parse_numa_stat_v2(std::string_view text) {
    return parse_lines(text, "anon", "shmem", 1);
}

std::optional<NodeBytes> parse_numa_stat_v1(std::string_view text, std::uint64_t page_size) {
    auto with_groups_below =
        parse_lines(text, "hierarchical_anon", "hierarchical_unevictable", page_size);
    return with_groups_below ? with_groups_below
                             : parse_lines(text, "anon", "unevictable", page_size);
}

std::optional<NodeBytes> parse_hugetlb_numa_stat(std::string_view text) {
    auto with_groups_below = parse_lines(text, "hierarchical_total", "hierarchical_total", 1);
    return with_groups_below ? with_groups_below : parse_lines(text, "total", "total", 1);
}

// "7f3c00000000 default file=/memfd:ram\040(deleted) huge dirty=512 N0=512 kernelpagesize_kB=2048"
// In a file's name the kernel writes blanks and '=' as octal numbers: no name can look like a
// count.
NodeBytes parse_numa_maps(std::string_view text, NumaMapsPart part) {
    constexpr std::string_view kPageSize = "kernelpagesize_kB=";
    NodeBytes bytes;
    while (!text.empty()) {
        const std::string_view line = take_until(text, '\n');
        std::string_view rest = line;
        bool is_huge = false;
        std::uint64_t page_size = 0;
        while (!rest.empty()) {
            const std::string_view word = take_word(rest);
            is_huge = is_huge || word == "huge";
            if (word.starts_with(kPageSize)) {
                page_size = parse_number(word.substr(kPageSize.size())).value_or(0);
            }
        }
        if (page_size != 0 && (is_huge || part == NumaMapsPart::all)) {
            add_values(bytes, line, times(page_size, kKibibyte));
        }
    }
    return bytes;
}

std::optional<std::uint64_t> parse_node_used_memory(std::string_view meminfo) {
    std::optional<std::uint64_t> total;
    std::optional<std::uint64_t> free;
    while (!meminfo.empty()) {
        const std::string_view line = take_until(meminfo, '\n');
        total = total ? total : parse_meminfo_line(line, "MemTotal:");
        free = free ? free : parse_meminfo_line(line, "MemFree:");
    }
    if (!total || !free || *free > *total) {
        return std::nullopt;
    }
    return times(*total - *free, kKibibyte);
}

std::vector<unsigned> parse_node_distances(std::string_view text) {
    constexpr std::uint64_t kFarthest = 255; // ACPI's "cannot be reached"
    std::vector<unsigned> distances;
    std::string_view line = take_until(text, '\n');
    while (!trim(line).empty()) {
        const auto distance = parse_number(take_word(line));
        distances.push_back(
            static_cast<unsigned>(std::min(distance.value_or(kFarthest), kFarthest)));
    }
    return distances;
}

} // namespace wattvisor
