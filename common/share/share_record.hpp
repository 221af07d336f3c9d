// SPDX-License-Identifier: Apache-2.0
// The file wattvisor/snapshot of a share: one consistent, timestamped record of a VM's energy for
// our own guest agent. Text of a fixed size, so that it is written in place by one call; `grep .`
// shows it. The sequence number stands at both ends and a CRC-32 before the last one, so a reader
// that met the writer half way knows it. Format: docs/reference/share-snapshot.md.
#pragma once

#include "common/base/error.hpp"
#include "common/energy/zone.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wattvisor {

inline constexpr std::size_t kShareRecordSize = 4096; // one page
inline constexpr std::size_t kMaxShareZones = 40;     // what surely fits in it

struct ShareRecord {
    std::string epoch;          // of the host agent's run, hexadecimal
    std::uint64_t sequence = 0; // of the host's ticks
    std::chrono::nanoseconds interval{0};
    std::chrono::nanoseconds time{0}; // of the sample, since the epoch began
    bool estimated = false;
    struct Entry {
        Zone zone;
        std::uint64_t total_uj = 0;
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    std::vector<Entry> zones;

    friend bool operator==(const ShareRecord&, const ShareRecord&) = default;
};

// Exactly kShareRecordSize bytes. At most kMaxShareZones zones with names of the kernel's kind.
[[nodiscard]] std::string encode_share_record(const ShareRecord& record);

// The same for records that differ in their totals alone, as those of all VMs in one tick: what
// they have in common is written and summed up once.
class ShareRecordText {
public:
    explicit ShareRecordText(const ShareRecord& record);

    // The text of such a record. Stands until the next call.
    [[nodiscard]] std::string_view with_totals_of(const ShareRecord& record);

private:
    std::string text_;               // the whole page
    std::vector<std::string> zones_; // their lines up to the total
    std::uint32_t head_crc_ = 0;     // of the lines before them
    std::size_t head_size_ = 0;
    std::size_t used_ = 0; // without padding
};

// Anything that is not a whole and unbroken record is an error; torn ones are transient.
[[nodiscard]] Result<ShareRecord> decode_share_record(std::string_view text,
                                                      const std::string& where);

} // namespace wattvisor
