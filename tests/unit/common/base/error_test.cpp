// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace wattvisor {
namespace {

TEST(Error, SaysWhereWhatAndWhatToDo) {
    const Error error{Severity::transient, "permission denied", "/sys/x", "Run it as root"};
    EXPECT_EQ(error.message(), "/sys/x: permission denied. Run it as root");
}

TEST(Error, LeavesOutWhatItDoesNotKnow) {
    EXPECT_EQ((Error{Severity::fatal, "no memory", {}, {}}.message()), "no memory");
    EXPECT_EQ((Error{Severity::fatal, "no memory", "here", {}}.message()), "here: no memory");
}

TEST(SystemError, OfSomethingThatEndedIsGone) {
    for (const int ended : {ENOENT, ESRCH, ENODEV}) {
        EXPECT_EQ(system_error(ended, "x").severity, Severity::gone) << ended;
    }
}

TEST(SystemError, OfEverythingElseIsWorthAnotherTry) {
    for (const int trouble : {EACCES, EIO, EMFILE, ENOMEM, EISDIR, EAGAIN, ENODATA}) {
        EXPECT_EQ(system_error(trouble, "x").severity, Severity::transient) << trouble;
    }
    EXPECT_EQ(system_error(EACCES, "x", "y").message(), "x: Permission denied. y");
}

TEST(Result, HoldsAValueOrAnError) {
    const Result<int> good = 5;
    const Result<int> bad = Error{Severity::gone, "ended", "pid 7", {}};
    EXPECT_EQ(*good, 5);
    EXPECT_FALSE(bad);
    EXPECT_EQ(bad.error().severity, Severity::gone);
}

TEST(Result, ThrowsTheMessageWhenAMissingValueIsTakenAnyway) {
    const Result<int> bad = Error{Severity::gone, "ended", "pid 7", {}};
    try {
        (void)bad.value();
        FAIL() << "a value came from nowhere";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "pid 7: ended");
    }
}

TEST(StartError, CarriesTheExitCode) {
    EXPECT_EQ(StartError("no").exit_code(), 1);
    EXPECT_EQ(StartError("no", kExitConfiguration).exit_code(), 78);
}

} // namespace
} // namespace wattvisor
