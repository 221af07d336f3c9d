// SPDX-License-Identifier: Apache-2.0
// What is logged while this object lives, as text: a line "level: message" each. The logger before
// comes back at its end. One thread.
#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace wattvisor::test {

class LogCapture {
public:
    LogCapture() : before_(spdlog::default_logger()) {
        auto logger = std::make_shared<spdlog::logger>(
            "test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_));
        logger->set_pattern("%l: %v");
        spdlog::set_default_logger(std::move(logger));
    }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    ~LogCapture() { spdlog::set_default_logger(before_); }

    [[nodiscard]] std::string text() const { return text_.str(); }
    // What came since the last call.
    std::string take() {
        std::string text = text_.str();
        text_.str({});
        return text;
    }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

} // namespace wattvisor::test
