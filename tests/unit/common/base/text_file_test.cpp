// SPDX-License-Identifier: Apache-2.0
#include "common/base/text_file.hpp"
#include "tests/support/fake_tree.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <sys/stat.h>

namespace wattvisor {
namespace {

using test::FakeTree;

TEST(ParseNumber, TakesDigitsWithBlanksAround) {
    EXPECT_EQ(parse_number("0"), 0U);
    EXPECT_EQ(parse_number("42\n"), 42U);
    EXPECT_EQ(parse_number(" \t42 \r\n\n\n"), 42U);
    EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_number("007"), 7U);
}

TEST(ParseNumber, RefusesEverythingElse) {
    for (const std::string_view text :
         {"", "\n", " ", "-1", "+1", "1.5", "0x10", "1 2", "1e3", "abc", "12abc",
          "18446744073709551616", "99999999999999999999999999"}) {
        EXPECT_EQ(parse_number(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_number(std::string_view("1\0002", 3)), std::nullopt);
}

TEST(Trim, TakesBlanksOffBothEnds) {
    EXPECT_EQ(trim("  a b \n"), "a b");
    EXPECT_EQ(trim(" \n\t\r"), "");
    EXPECT_EQ(trim(""), "");
}

TEST(ReadText, ReadsAWholeFile) {
    const FakeTree tree;
    const std::string text(10'000, 'x');
    EXPECT_EQ(*read_text(tree.file("a", text)), text);
    EXPECT_EQ(*read_text(tree.file("empty", "")), "");
}

TEST(ReadText, RefusesAFileAboveTheLimit) {
    const FakeTree tree;
    const auto path = tree.file("a", std::string(4097, 'x'));
    EXPECT_TRUE(read_text(path, 4097));
    const auto text = read_text(path, 4096);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().severity, Severity::fatal);
    EXPECT_EQ(text.error().where, path.string());
}

TEST(ReadText, SaysThatAMissingFileIsGone) {
    const FakeTree tree;
    EXPECT_EQ(read_text(tree.root() / "no").error().severity, Severity::gone);
}

TEST(ReadText, SaysThatAFolderIsNoFile) {
    const FakeTree tree;
    EXPECT_EQ(read_text(tree.root()).error().severity, Severity::transient);
}

// Whoever can write where the agent reads must not be able to stop it with a pipe.
TEST(ReadText, DoesNotWaitForTheWriterOfAPipe) {
    const FakeTree tree;
    const auto pipe = tree.root() / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const auto text = read_text(pipe);
    EXPECT_TRUE(!text || text->empty());
    std::string buffer;
    const auto fd = open_for_reading(pipe);
    ASSERT_TRUE(fd);
    EXPECT_FALSE(reread(fd->get(), buffer, "pipe"));
}

TEST(Reread, SeesWhatIsWrittenInPlace) {
    const FakeTree tree;
    const auto path = tree.file("a", "1\n");
    const auto fd = open_for_reading(path);
    ASSERT_TRUE(fd);
    std::string buffer;
    EXPECT_EQ(*reread(fd->get(), buffer, "a"), "1\n");
    EXPECT_EQ(*reread(fd->get(), buffer, "a"), "1\n");
    tree.file("a", "12345\n");
    EXPECT_EQ(*reread(fd->get(), buffer, "a"), "12345\n");
    tree.file("a", "");
    EXPECT_EQ(*reread(fd->get(), buffer, "a"), "");
}

TEST(Reread, ReadsFilesThatFillTheBufferExactly) {
    const FakeTree tree;
    std::string buffer;
    for (const std::size_t size : {127U, 128U, 129U, 255U, 256U, 257U, 4096U}) {
        const std::string text(size, 'x');
        const auto fd = open_for_reading(tree.file("a", text));
        ASSERT_TRUE(fd);
        EXPECT_EQ(*reread(fd->get(), buffer, "a"), text) << size;
    }
}

TEST(Reread, GivesUpOnAFileThatIsTooLarge) {
    const FakeTree tree;
    const auto fd = open_for_reading(tree.file("a", std::string(2 * kMaxTextFile, 'x')));
    ASSERT_TRUE(fd);
    std::string buffer;
    const auto text = reread(fd->get(), buffer, "a");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().severity, Severity::fatal);
    EXPECT_LE(buffer.size(), 2 * kMaxTextFile);
}

TEST(Reread, ReportsADescriptorThatCannotBeRead) {
    std::string buffer;
    const auto text = reread(-1, buffer, "somewhere");
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().where, "somewhere");
}

TEST(FileDescriptor, ClosesWhatItOwnsWhenItIsReplaced) {
    const FakeTree tree;
    const auto path = tree.file("a", "1");
    auto first = open_for_reading(path);
    ASSERT_TRUE(first);
    const int number = first->get();
    {
        auto second = open_for_reading(path);
        ASSERT_TRUE(second);
        *first = std::move(*second);
    }
    EXPECT_TRUE(*first);
    std::string buffer;
    EXPECT_EQ(*reread(first->get(), buffer, "a"), "1");
    EXPECT_FALSE(reread(number, buffer, "the one before"));
}

} // namespace
} // namespace wattvisor
