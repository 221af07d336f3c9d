// SPDX-License-Identifier: Apache-2.0
#include "common/base/file_descriptor.hpp"
#include "common/cli/logging.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <fcntl.h>
#include <sstream>
#include <string>
#include <sys/stat.h>

namespace wattvisor {
namespace {

std::string logged(LogFormat format, spdlog::level::level_enum level, const std::string& text) {
    std::ostringstream out;
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(out);
    spdlog::logger logger("test", sink);
    logger.set_formatter(make_log_formatter(format));
    logger.set_level(spdlog::level::trace);
    logger.log(level, "{}", text);
    logger.flush();
    return out.str();
}

TEST(LogFormatter, TellsTheJournalTheLevel) {
    EXPECT_EQ(logged(LogFormat::journal, spdlog::level::critical, "a"), "<2>a\n");
    EXPECT_EQ(logged(LogFormat::journal, spdlog::level::err, "a"), "<3>a\n");
    EXPECT_EQ(logged(LogFormat::journal, spdlog::level::warn, "a"), "<4>a\n");
    EXPECT_EQ(logged(LogFormat::journal, spdlog::level::info, "a"), "<6>a\n");
    EXPECT_EQ(logged(LogFormat::journal, spdlog::level::debug, "a"), "<7>a\n");
}

TEST(LogFormatter, WritesTimeAndWordElsewhere) {
    EXPECT_THAT(
        logged(LogFormat::terminal, spdlog::level::warn, "disk ü"),
        testing::MatchesRegex("[0-9]+-[0-9]+-[0-9]+ [0-9]+:[0-9]+:[0-9]+ warning: disk ü\n"));
}

// A VM named "x\n<0>kernel: on fire" must not write a line of its own into the journal.
TEST(LogFormatter, KeepsAHostileNameOnItsLine) {
    EXPECT_EQ(logged(LogFormat::journal, spdlog::level::info, "VM x\n<0>fire\x1b[2J"),
              "<6>VM x\\x0a<0>fire\\x1b[2J\n");
}

TEST(LogFormat, IsOfTheJournalOnlyIfTheStreamIsTheOneAnnounced) {
    const FileDescriptor stream(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    struct stat status {};
    ASSERT_EQ(::fstat(stream.get(), &status), 0);
    const std::string announced =
        std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    EXPECT_EQ(log_format(announced.c_str(), stream.get()), LogFormat::journal);
    EXPECT_EQ(log_format("1:2", stream.get()), LogFormat::terminal);
    EXPECT_EQ(log_format("", stream.get()), LogFormat::terminal);
    EXPECT_EQ(log_format(nullptr, stream.get()), LogFormat::terminal);
    EXPECT_EQ(log_format(announced.c_str(), -1), LogFormat::terminal);
}

TEST(LogLevel, GoesDownOneStepPerV) {
    EXPECT_EQ(log_level(spdlog::level::info, 0), spdlog::level::info);
    EXPECT_EQ(log_level(spdlog::level::warn, 1), spdlog::level::info);
    EXPECT_EQ(log_level(spdlog::level::warn, 3), spdlog::level::trace);
    EXPECT_EQ(log_level(spdlog::level::warn, 4'000'000'000), spdlog::level::trace);
}

} // namespace
} // namespace wattvisor
