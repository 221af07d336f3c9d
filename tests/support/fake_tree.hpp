// SPDX-License-Identifier: Apache-2.0
// A folder of files for one test, removed at its end: a fake /proc, /sys or share.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace wattvisor::test {

class FakeTree {
public:
    FakeTree();
    FakeTree(const FakeTree&) = delete;
    FakeTree& operator=(const FakeTree&) = delete;
    ~FakeTree();

    [[nodiscard]] const std::filesystem::path& root() const { return root_; }
    // Writes a file, with the folders above it, and returns its path.
    std::filesystem::path file(const std::string& relative, std::string_view content) const;
    std::filesystem::path folder(const std::string& relative) const;
    [[nodiscard]] std::string read(const std::string& relative) const;

private:
    std::filesystem::path root_;
};

} // namespace wattvisor::test
