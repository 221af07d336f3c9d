// SPDX-License-Identifier: Apache-2.0
#include "guest-agent/share_source.hpp"

#include "common/base/text_file.hpp"

#include <fmt/format.h>

#include <utility>

namespace wattvisor::guest {

namespace fs = std::filesystem;

namespace {

// A record that was met half written is whole a moment later.
constexpr int kReadAttempts = 4;
// So many reads of the same record, and the file may be one that nobody writes any more.
constexpr unsigned kStillReads = 5;

Error absent(const fs::path& share) {
    return Error{Severity::transient, "there is no share yet", share.string(),
                 fmt::format("Waiting for it. If the host offers one, type: mkdir -p {0} && mount "
                             "-t virtiofs scaphandre {0}",
                             share.string())};
}

} // namespace

ShareSource::ShareSource(fs::path share)
    : share_(std::move(share)), snapshot_path_(share_ / "wattvisor" / "snapshot"), plain_(share_) {}

Result<EnergySample> ShareSource::read(std::chrono::nanoseconds now) {
    const auto record = read_record();
    if (record) {
        reopen_when_still(record->sequence);
        return to_sample(*record);
    }
    if (record.error().severity != Severity::gone) {
        return record.error();
    }
    return read_plain(now);
}

Result<ShareRecord> ShareSource::read_record() {
    if (!snapshot_) {
        auto opened = open_for_reading(snapshot_path_);
        if (!opened) {
            return opened.error();
        }
        snapshot_ = std::move(*opened);
    }
    // One byte more than a record, so that it comes in one read and a longer file shows.
    buffer_.resize(kShareRecordSize + 1);
    Error last;
    for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
        const auto text = reread(snapshot_.get(), buffer_, snapshot_path_.string());
        if (!text) {
            last = text.error();
            break;
        }
        auto record = decode_share_record(*text, snapshot_path_.string());
        if (record) {
            return record;
        }
        last = record.error();
    }
    snapshot_.reset();
    last.severity = Severity::transient; // it was there: the plain files are not better
    return last;
}

void ShareSource::reopen_when_still(std::uint64_t sequence) {
    still_reads_ = sequence == last_sequence_ ? still_reads_ + 1 : 0;
    last_sequence_ = sequence;
    if (still_reads_ >= kStillReads) {
        snapshot_.reset();
        still_reads_ = 0;
    }
}

EnergySample ShareSource::to_sample(const ShareRecord& record) {
    ZoneList zones;
    EnergySample sample;
    zones.reserve(record.zones.size());
    for (const ShareRecord::Entry& entry : record.zones) {
        zones.push_back(entry.zone);
        sample.counters_uj.emplace_back(entry.total_uj);
    }
    if (!zones_ || *zones_ != zones) {
        zones_ = std::make_shared<const ZoneList>(std::move(zones));
    }
    sample.zones = zones_;
    sample.epoch = record.epoch;
    sample.time = record.time;
    sample.sequence = record.sequence;
    sample.source_interval = record.interval;
    sample.estimated = record.estimated;
    return sample;
}

// Whether anything of a share is mounted; an empty mount point is not one.
bool ShareSource::is_there() const {
    std::error_code error;
    return fs::is_directory(share_, error) && !fs::is_empty(share_, error) && !error;
}

Result<EnergySample> ShareSource::read_plain(std::chrono::nanoseconds now) {
    if (!is_there()) {
        return absent(share_);
    }
    auto sample = plain_.read(now);
    if (!sample) {
        return sample;
    }
    // The host renews the files at its own pace. Between two renewals nothing was measured, and the
    // time that counts is from one to the next. A file that is empty just now has not moved.
    plain_counters_.resize(sample->counters_uj.size());
    bool has_moved = false;
    for (std::size_t i = 0; i < plain_counters_.size(); ++i) {
        const auto& counter = sample->counters_uj[i];
        if (counter.has_value() && plain_counters_[i] != *counter) {
            plain_counters_[i] = *counter;
            has_moved = true;
        }
    }
    plain_sequence_ += has_moved ? 1 : 0;
    sample->moves_always = false; // a VM that did nothing used nothing
    sample->sequence = plain_sequence_;
    sample->epoch = "plain";
    // Scaphandre renews every 5 s and does not say so.
    sample->source_interval = std::chrono::seconds(5);
    return sample;
}

} // namespace wattvisor::guest
