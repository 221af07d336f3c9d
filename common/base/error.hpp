// SPDX-License-Identifier: Apache-2.0
// How things fail here. While starting, a StartError is thrown: one sentence for a person, and an
// exit code. While running, functions return Result<T>: an Error says what happened, where, and
// whether trying again makes sense.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <system_error>

namespace wattvisor {

enum class Severity {
    gone,      // Normal: the thing measured ended, e.g. a process exited.
    transient, // Try again at the next tick.
    fatal,     // This source is over; trying again will not help.
};

struct Error {
    Severity severity = Severity::transient;
    std::string what;  // what happened, e.g. "permission denied"
    std::string where; // the file, domain or address it happened to
    std::string hint;  // what to do next; empty where there is nothing to say

    // "WHERE: WHAT. HINT", the form in which errors reach the log.
    [[nodiscard]] std::string message() const;
};

// The Error of a failed system call: ENOENT, ESRCH and ENODEV mean gone, everything else transient.
[[nodiscard]] Error system_error(int errno_value, std::string where, std::string hint = {});

template <typename T>
using Result = boost::system::result<T, Error>;

// Called by Result::value() on an error; our code asks has_value() first, so this is a bug guard.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
    throw std::runtime_error(error.message());
}

// Exit codes that service managers act on: systemd restarts after 1 and not after 78.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitConfiguration = 78; // EX_CONFIG of sysexits.h

// Thrown before the first tick only. The text is shown to the operator as it is.
class StartError : public std::runtime_error {
public:
    explicit StartError(const std::string& message, int exit_code = kExitFailure)
        : std::runtime_error(message), exit_code_(exit_code) {}
    [[nodiscard]] int exit_code() const { return exit_code_; }

private:
    int exit_code_;
};

} // namespace wattvisor
