// SPDX-License-Identifier: Apache-2.0
#include "common/base/error.hpp"

#include <cerrno>
#include <utility>

namespace wattvisor {

std::string Error::message() const {
    std::string text = where.empty() ? what : where + ": " + what;
    if (!hint.empty()) {
        text += ". " + hint;
    }
    return text;
}

Error system_error(int errno_value, std::string where, std::string hint) {
    const bool gone = errno_value == ENOENT || errno_value == ESRCH || errno_value == ENODEV;
    return Error{gone ? Severity::gone : Severity::transient,
                 std::generic_category().message(errno_value), std::move(where), std::move(hint)};
}

} // namespace wattvisor
