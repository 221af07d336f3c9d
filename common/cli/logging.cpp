// SPDX-License-Identifier: Apache-2.0
#include "common/cli/logging.hpp"

#include "common/cli/safe_text.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace wattvisor {
namespace {

// "<N>" with N a level of syslog(3): what the journal takes as the priority of a line.
class JournalLevel final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        const std::string_view prefix = prefix_of(message.level);
        out.append(prefix.data(), prefix.data() + prefix.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<JournalLevel>();
    }

private:
    static std::string_view prefix_of(spdlog::level::level_enum level) {
        switch (level) {
        case spdlog::level::critical:
            return "<2>";
        case spdlog::level::err:
            return "<3>";
        case spdlog::level::warn:
            return "<4>";
        case spdlog::level::info:
            return "<6>";
        default:
            return "<7>";
        }
    }
};

// The message on one line: a newline in a VM's name must not begin a line of its own.
class PrintableMessage final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&,
                spdlog::memory_buf_t& out) override {
        const std::string text =
            printable(std::string_view(message.payload.data(), message.payload.size()));
        out.append(text.data(), text.data() + text.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<PrintableMessage>();
    }
};

} // namespace

LogFormat log_format(const char* journal_stream, int fd) {
    struct stat status {};
    if (journal_stream == nullptr || ::fstat(fd, &status) != 0) {
        return LogFormat::terminal;
    }
    const std::string own = std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
    return own == journal_stream ? LogFormat::journal : LogFormat::terminal;
}

spdlog::level::level_enum log_level(spdlog::level::level_enum base, unsigned verbosity) {
    // The levels of spdlog are numbers, trace being 0.
    const int level = static_cast<int>(base) - static_cast<int>(std::min(verbosity, 10U));
    return static_cast<spdlog::level::level_enum>(
        std::max(level, static_cast<int>(spdlog::level::trace)));
}

std::unique_ptr<spdlog::formatter> make_log_formatter(LogFormat format) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JournalLevel>('*').add_flag<PrintableMessage>('&');
    formatter->set_pattern(format == LogFormat::journal ? "%*%&" : "%Y-%m-%d %H:%M:%S %^%l%$: %&");
    return formatter;
}

void setup_logging(spdlog::level::level_enum base, unsigned verbosity) {
    // getenv() is safe here: main calls this before any other thread runs.
    const LogFormat format = log_format(std::getenv("JOURNAL_STREAM"), STDERR_FILENO); // NOLINT
    spdlog::sink_ptr sink;
    if (format == LogFormat::journal) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
        sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    }
    auto logger = std::make_shared<spdlog::logger>("wattvisor", std::move(sink));
    logger->set_formatter(make_log_formatter(format));
    logger->set_level(log_level(base, verbosity));
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
}

} // namespace wattvisor
