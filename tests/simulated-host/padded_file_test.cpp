// SPDX-License-Identifier: Apache-2.0
#include "common/base/text_file.hpp"
#include "tests/simulated-host/padded_file.hpp"
#include "tests/support/fake_tree.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace wattvisor::simulated {
namespace {

TEST(PaddedFile, KeepsItsLength) {
    const test::FakeTree files;
    DescriptorBudget budget(1);
    auto file = PaddedFile::create(files.root() / "f", "9\n", budget);
    ASSERT_TRUE(file);
    const std::size_t size = files.read("f").size();
    for (const char* text : {"10\n", "1234567\n", "8\n"}) {
        ASSERT_TRUE(file->write(text));
        const std::string shown = files.read("f");
        EXPECT_EQ(shown.size(), size);
        EXPECT_EQ(shown, text + std::string(size - std::string_view(text).size(), '\n'));
    }
}

TEST(PaddedFile, GrowsWhereItMust) {
    const test::FakeTree files;
    DescriptorBudget budget(1);
    auto file = PaddedFile::create(files.root() / "f", "", budget);
    ASSERT_TRUE(file);
    const std::string text(500, 'x');
    ASSERT_TRUE(file->write(text));
    EXPECT_EQ(files.read("f"), text + "\n");
    ASSERT_TRUE(file->write("y"));
    EXPECT_EQ(files.read("f"), "y" + std::string(500, '\n'));
}

TEST(PaddedFile, NeedsNoDescriptorOfItsOwn) {
    const test::FakeTree files;
    DescriptorBudget budget(1);
    auto first = PaddedFile::create(files.root() / "a", "1", budget);
    auto second = PaddedFile::create(files.root() / "b", "1", budget);
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(budget.take());
    ASSERT_TRUE(second->write("2"));
    EXPECT_EQ(files.read("b").front(), '2');
    { const PaddedFile gone = std::move(*first); }
    EXPECT_TRUE(budget.take());
}

// Truncate, then write: the guest reads nothing and shows hundreds of kW (Scaphandre #442).
TEST(PaddedFile, NeverShowsAReaderLessThanItsText) {
    const test::FakeTree files;
    DescriptorBudget budget(1);
    constexpr std::uint64_t kFirst = 1'000'000;
    auto file = PaddedFile::create(files.root() / "f", fmt::format("a {} b\n", kFirst), budget);
    ASSERT_TRUE(file);
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> torn{0};
    std::thread reader([&] {
        std::uint64_t last = kFirst;
        while (!done) {
            const auto text = read_text(files.root() / "f");
            const std::string_view shown = text ? trim(*text) : std::string_view();
            const auto value =
                shown.size() > 4 ? parse_number(shown.substr(2, shown.size() - 4)) : std::nullopt;
            torn += !value || *value < last ? 1 : 0;
            last = value.value_or(last);
        }
    });
    for (std::uint64_t value = kFirst; value < kFirst + 100'000; value += 7) {
        ASSERT_TRUE(file->write(fmt::format("a {} b\n", value)));
    }
    done = true;
    reader.join();
    EXPECT_EQ(torn, 0U);
}

} // namespace
} // namespace wattvisor::simulated
