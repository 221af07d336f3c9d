// SPDX-License-Identifier: Apache-2.0
#include "common/base/file_descriptor.hpp"
#include "libvirt-hooks/hook_input.hpp"

#include <gmock/gmock.h>

#include <array>
#include <stdexcept>
#include <unistd.h>

namespace wattvisor::hook {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) {
            throw std::runtime_error("no pipe");
        }
        out = FileDescriptor(ends[0]);
        in = FileDescriptor(ends[1]);
    }
    void write(const std::string& text) const {
        ASSERT_EQ(::write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    FileDescriptor out;
    FileDescriptor in;
};

TEST(ReadInput, ReadsToTheEnd) {
    Pipe pipe;
    pipe.write("<domain/>");
    pipe.in.reset();
    EXPECT_EQ(*read_input(pipe.out.get(), 100, 1s), "<domain/>");
}

TEST(ReadInput, GivesUpOnAnInputThatNeverEnds) {
    Pipe pipe;
    pipe.write("<domain>");
    const auto start = std::chrono::steady_clock::now();
    const auto text = read_input(pipe.out.get(), 100, 50ms);
    ASSERT_FALSE(text);
    EXPECT_THAT(text.error().message(), HasSubstr("in time"));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

TEST(ReadInput, BoundsTheSize) {
    Pipe pipe;
    pipe.write(std::string(101, 'x'));
    EXPECT_THAT(read_input(pipe.out.get(), 100, 1s).error().message(), HasSubstr("too large"));
}

TEST(ReadInput, SaysWhenThereIsNone) {
    EXPECT_FALSE(read_input(-1, 100, 50ms));
}

} // namespace
} // namespace wattvisor::hook
