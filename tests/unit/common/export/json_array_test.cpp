// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"
#include "common/base/text_file.hpp"
#include "common/export/json_array.hpp"
#include "common/export/json_sink.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/resource.h>
#include <unistd.h>

namespace wattvisor {
namespace {

using nlohmann::json;

class JsonArrayTest : public testing::Test {
protected:
    void TearDown() override { std::filesystem::remove(path_); }

    [[nodiscard]] FileDescriptor open() const {
        return FileDescriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    }
    [[nodiscard]] std::string text() const { return read_text(path_).value(); }

    std::filesystem::path path_ =
        std::filesystem::temp_directory_path() / ("wattvisor-json-" + std::to_string(::getpid()));
    boost::asio::io_context io_;
};

// SIGKILL may come at any time.
TEST_F(JsonArrayTest, FileIsValidAfterEachReport) {
    JsonFile array(open(), "x");
    EXPECT_EQ(json::parse(text()), json::array());
    for (int i = 1; i <= 3; ++i) {
        EXPECT_EQ(array.append("{\"n\":" + std::to_string(i) + "}"), 0);
        EXPECT_EQ(json::parse(text()).size(), static_cast<std::size_t>(i));
    }
    EXPECT_EQ(text(), "[\n{\"n\":1},\n{\"n\":2},\n{\"n\":3}\n]\n");
}

// A limit of the file's size stands for a full disk: the kernel writes what fits, then refuses.
TEST_F(JsonArrayTest, AReportThatDoesNotFitLeavesNoTrace) {
    JsonFile array(open(), "x");
    ASSERT_EQ(array.append("{\"n\":1}"), 0);
    const std::string before = text();
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlimit tight{before.size() + 10, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    const int error = array.append("{\"text\":\"" + std::string(100, 'x') + "\"}");
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    static_cast<void>(std::signal(SIGXFSZ, handler));
    EXPECT_EQ(error, EFBIG);
    EXPECT_EQ(text(), before);
    EXPECT_EQ(array.append("{\"n\":2}"), 0) << "there is room again";
    EXPECT_EQ(json::parse(text()).size(), 2U);
}

TEST_F(JsonArrayTest, PipeGetsTheEndAtTheEnd) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    {
        JsonStream array(io_, ends[1]);
        EXPECT_EQ(array.append("{\"n\":1}"), 0);
        EXPECT_EQ(array.append("{\"n\":2}"), 0);
    }
    ::close(ends[1]);
    char buffer[100];
    const ssize_t length = ::read(ends[0], buffer, sizeof buffer);
    ::close(ends[0]);
    ASSERT_GT(length, 0);
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(length)),
              "[\n{\"n\":1},\n{\"n\":2}\n]\n");
}

// A reader that does not read may not hold up the agent: reports are left out, whole.
TEST_F(JsonArrayTest, LeavesOutReportsForAReaderThatIsTooSlow) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const std::string report = "\"" + std::string(1 << 20, 'x') + "\"";
    std::string received;
    std::size_t taken = 0;
    {
        JsonStream array(io_, ends[1]);
        while (array.append(report) == 0) {
            ASSERT_LT(++taken, 100U);
        }
        EXPECT_EQ(array.append(report), EAGAIN);
        ASSERT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        std::string buffer(1 << 16, '\0');
        for (int i = 0; i < 10'000 && received.size() < taken * report.size(); ++i) {
            io_.restart();
            io_.run_one_for(std::chrono::milliseconds(20));
            const ssize_t length = ::read(ends[0], buffer.data(), buffer.size());
            received.append(buffer, 0, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
        }
    }
    ::close(ends[1]);
    char rest[100];
    for (ssize_t length = 1; length > 0;) {
        length = ::read(ends[0], rest, sizeof rest);
        received.append(rest, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    }
    ::close(ends[0]);
    EXPECT_EQ(json::parse(received).size(), taken);
}

TEST_F(JsonArrayTest, SaysWhatToDoWhereAFileCannotBeWritten) {
    const auto message = [this](const std::filesystem::path& file) -> std::string {
        try {
            static_cast<void>(open_json_array(io_, file));
        } catch (const StartError& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_THAT(message("/no/such/report.json"), testing::HasSubstr("mkdir -p '/no/such'"));
    EXPECT_THAT(message("/tmp"), testing::HasSubstr("name a file in it"));
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    EXPECT_THAT(message(path_), testing::HasSubstr("start the reader first"));
}

} // namespace
} // namespace wattvisor
