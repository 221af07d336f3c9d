// SPDX-License-Identifier: Apache-2.0
#include "common/share/share_record.hpp"

#include "common/base/text_file.hpp"
#include "common/energy/powercap.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <zlib.h>

namespace wattvisor {

namespace {

constexpr std::string_view kMagic = "wattvisor-snapshot 1";
constexpr std::string_view kChecksum = "crc32 ";

// Goes on from the sum of what stands before the text; 0 where nothing does.
std::uint32_t crc32_of(std::string_view text, std::uint32_t before) {
    return static_cast<std::uint32_t>(
        ::crc32_z(before, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

// Over the lines without the padding behind them, which is most of the page.
std::uint32_t checksum(std::string_view text) {
    text = text.substr(0, text.find_last_not_of('\n') + 1);
    return crc32_of(text, 0);
}

// The last two lines have a fixed width, so their place is known before anything is parsed.
std::string trailer(std::uint32_t crc, std::uint64_t sequence) {
    return fmt::format("{}{:08x}\nsequence {:>20}\n", kChecksum, crc, sequence);
}

constexpr std::size_t kMostDigits = 20; // of 64 bits

constexpr std::size_t kTrailerSize = 6 + 8 + 1 + 9 + 20 + 1;

// Takes "KEY VALUE\n" off the front.
std::string_view take_line(std::string_view& text, std::string_view key) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (end == std::string_view::npos || !line.starts_with(key) || line.size() <= key.size() ||
        line[key.size()] != ' ') {
        throw std::runtime_error(fmt::format("line '{}' is missing", key));
    }
    text.remove_prefix(end + 1);
    return trim(line.substr(key.size()));
}

std::uint64_t take_number(std::string_view& text, std::string_view key) {
    const auto number = parse_number(take_line(text, key));
    if (!number) {
        throw std::runtime_error(fmt::format("line '{}' holds no number", key));
    }
    return *number;
}

std::chrono::nanoseconds take_time(std::string_view& text, std::string_view key) {
    const std::uint64_t time = take_number(text, key);
    if (time > static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count())) {
        throw std::runtime_error(fmt::format("line '{}' is out of range", key));
    }
    return std::chrono::nanoseconds(static_cast<std::int64_t>(time));
}

std::string_view take_word(std::string_view& line) {
    line = trim(line);
    const auto end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

// "zone ID NAME RANGE TOTAL"
ShareRecord::Entry take_zone(std::string_view& text) {
    std::string_view line = take_line(text, "zone");
    ShareRecord::Entry entry;
    entry.zone.id = take_word(line);
    entry.zone.name = take_word(line);
    const auto place = parse_zone_folder(entry.zone.id);
    const auto kind = parse_zone_kind(entry.zone.name);
    const auto range = parse_number(take_word(line));
    const auto total = parse_number(take_word(line));
    if (!place || !kind || !range || !total) {
        throw std::runtime_error("a zone's line cannot be understood");
    }
    entry.zone.kind = *kind;
    entry.zone.socket = parse_package_number(entry.zone.name).value_or(place->parent);
    entry.zone.max_energy_range_uj = *range;
    entry.total_uj = *total;
    return entry;
}

ShareRecord decode(std::string_view text) {
    ShareRecord record;
    if (!text.starts_with(kMagic) || text[kMagic.size()] != '\n') {
        throw std::runtime_error("it does not begin with '" + std::string(kMagic) + "'");
    }
    text.remove_prefix(kMagic.size() + 1);
    record.sequence = take_number(text, "sequence");
    record.epoch = take_line(text, "epoch");
    record.interval = take_time(text, "interval_ns");
    record.time = take_time(text, "time_ns");
    const std::string_view source = take_line(text, "source");
    if (source != "measured" && source != "estimated") {
        throw std::runtime_error("its source is neither measured nor estimated");
    }
    record.estimated = source == "estimated";
    const std::uint64_t count = take_number(text, "zones");
    if (count > kMaxShareZones) {
        throw std::runtime_error("it claims too many zones");
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        record.zones.push_back(take_zone(text));
    }
    return record;
}

} // namespace

ShareRecordText::ShareRecordText(const ShareRecord& record)
    : text_(fmt::format(
          "{}\nsequence {}\nepoch {}\ninterval_ns {}\ntime_ns {}\nsource {}\nzones {}\n", kMagic,
          record.sequence, record.epoch, record.interval.count(), record.time.count(),
          record.estimated ? "estimated" : "measured", record.zones.size())) {
    std::size_t most = text_.size();
    for (const ShareRecord::Entry& entry : record.zones) {
        std::string line = fmt::format("zone {} {} {} ", entry.zone.id, entry.zone.name,
                                       entry.zone.max_energy_range_uj);
        most += line.size() + kMostDigits + 1;
        if (most > kShareRecordSize - kTrailerSize) {
            break; // nobody can read it, but nothing is written beyond the page
        }
        zones_.push_back(std::move(line));
    }
    // The last newline before the padding is not summed up, so each goes before what follows it.
    text_.pop_back();
    head_crc_ = crc32_of(text_, 0);
    head_size_ = text_.size();
    text_.resize(kShareRecordSize - kTrailerSize, '\n');
    text_ += trailer(0, record.sequence);
    used_ = head_size_;
}

std::string_view ShareRecordText::with_totals_of(const ShareRecord& record) {
    char* const page = text_.data();
    char* end = page + head_size_;
    for (std::size_t i = 0; i < zones_.size(); ++i) {
        *end++ = '\n';
        end = std::copy(zones_[i].begin(), zones_[i].end(), end);
        const fmt::format_int total(record.zones[i].total_uj);
        end = std::copy(total.data(), total.data() + total.size(), end);
    }
    const auto used = static_cast<std::size_t>(end - page);
    std::fill(end, page + std::max(used, used_), '\n'); // of a longer one before
    used_ = used;
    const std::uint32_t crc = crc32_of({page + head_size_, used - head_size_}, head_crc_);
    fmt::format_to(page + kShareRecordSize - kTrailerSize + kChecksum.size(), FMT_COMPILE("{:08x}"),
                   crc);
    return text_;
}

std::string encode_share_record(const ShareRecord& record) {
    return std::string(ShareRecordText(record).with_totals_of(record));
}

Result<ShareRecord> decode_share_record(std::string_view text, const std::string& where) {
    const auto broken = [&where](const std::string& why) {
        return Error{Severity::transient, "is not a whole snapshot: " + why, where, {}};
    };
    if (text.size() != kShareRecordSize) {
        return broken(fmt::format("it has {} bytes instead of {}", text.size(), kShareRecordSize));
    }
    const std::string_view body = text.substr(0, kShareRecordSize - kTrailerSize);
    try {
        ShareRecord record = decode(body);
        if (text.substr(body.size()) != trailer(checksum(body), record.sequence)) {
            return broken("it was read while it was written");
        }
        return record;
    } catch (const std::runtime_error& problem) {
        return broken(problem.what());
    }
}

} // namespace wattvisor
