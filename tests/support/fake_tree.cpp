// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_tree.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace wattvisor::test {

namespace fs = std::filesystem;

FakeTree::FakeTree() {
    std::string pattern = (fs::temp_directory_path() / "wattvisor-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("cannot make a folder like " + pattern);
    }
    root_ = pattern;
}

FakeTree::~FakeTree() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
}

fs::path FakeTree::file(const std::string& relative, std::string_view content) const {
    const fs::path path = root_ / relative;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    return path;
}

fs::path FakeTree::folder(const std::string& relative) const {
    const fs::path path = root_ / relative;
    fs::create_directories(path);
    return path;
}

std::string FakeTree::read(const std::string& relative) const {
    std::ifstream in(root_ / relative, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

} // namespace wattvisor::test
