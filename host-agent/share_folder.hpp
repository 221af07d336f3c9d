// SPDX-License-Identifier: Apache-2.0
// The tree of files in one VM's share (design: both of the kernel's views, on the same files).
// Every file has a constant size, is born with its content and is written in place, so no reader
// ever meets an empty or a torn value, and one that keeps a file open goes on reading after the
// agent was restarted. Works relative to an open folder and follows no link: in a share that was
// mounted by hand the guest can put anything in the way. Never reads a value from the share.
#pragma once

#include "common/base/error.hpp"
#include "common/base/file_descriptor.hpp"
#include "common/share/share_record.hpp"

#include <string>
#include <vector>

namespace wattvisor::host {

class ShareFolder {
public:
    // Makes or takes over the tree in `folder` with the record's zones and values, and removes
    // zones that are not in the record. `where` names the folder in errors.
    [[nodiscard]] static Result<ShareFolder> open(FileDescriptor folder, std::string where,
                                                  const ShareRecord& record);

    // Writes the values. The record's zones must be those that the folder was opened with, and
    // those of the text.
    [[nodiscard]] Result<bool> write(const ShareRecord& record, ShareRecordText& text);

private:
    struct Value {
        FileDescriptor file;
        std::uint64_t shown_uj = 0;
    };

    FileDescriptor folder_;
    std::string where_;
    std::vector<Value> values_;
    FileDescriptor snapshot_;
};

// The text of energy_uj: the number, padded behind with newlines to a constant length. Not in
// front: leading zeros are octal to strtoull(…, 0).
[[nodiscard]] std::string padded_value(std::uint64_t value);

} // namespace wattvisor::host
