// SPDX-License-Identifier: Apache-2.0
#include "common/export/push/back_off.hpp"

#include <algorithm>

namespace wattvisor {

std::chrono::nanoseconds BackOff::pause(unsigned failures, double chance) const {
    std::chrono::nanoseconds whole = first;
    for (unsigned i = 1; i < failures && whole < longest; ++i) {
        whole *= 2;
    }
    whole = std::min(whole, longest);
    const double half = static_cast<double>(whole.count()) / 2;
    return std::chrono::nanoseconds(
        static_cast<std::chrono::nanoseconds::rep>(half + half * std::clamp(chance, 0.0, 1.0)));
}

} // namespace wattvisor
