// SPDX-License-Identifier: Apache-2.0
#include "common/usage/parts_of_total.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

namespace wattvisor {

namespace {

using std::chrono::nanoseconds;
__extension__ using Wide = __int128;

// Two clocks of the same kernel agree to a clock tick per thread; what is ahead for longer is not
// the total's at all.
constexpr nanoseconds kMostAhead = std::chrono::seconds(1);
// Four years in one step; products of more could overflow.
constexpr nanoseconds kMostSeen = nanoseconds::max() / 64;

Wide sum_of(std::span<const nanoseconds> times) {
    return std::accumulate(times.begin(), times.end(), Wide{0},
                           [](Wide sum, nanoseconds time) { return sum + time.count(); });
}

} // namespace

PartsOfTotal::PartsOfTotal(std::size_t parts) {
    resize(parts);
}

void PartsOfTotal::resize(std::size_t parts) {
    parts = std::max(parts, std::size_t{1});
    for (auto* times : {&parts_, &seen_}) {
        while (times->size() > parts) {
            const nanoseconds last = times->back();
            times->pop_back();
            times->back() += last;
        }
        times->resize(parts);
    }
    given_.resize(parts);
}

void PartsOfTotal::see(std::size_t part, nanoseconds used) {
    nanoseconds& seen = seen_.at(part);
    seen += std::clamp(used, nanoseconds(0), kMostSeen - std::min(seen, kMostSeen));
}

void PartsOfTotal::advance(nanoseconds total, std::size_t fallback) {
    if (total <= total_) {
        return;
    }
    const nanoseconds growth = total - std::exchange(total_, total);
    if (sum_of(seen_) > 0) {
        share(growth, seen_);
        keep_what_was_not_given(growth);
    } else if (sum_of(parts_) > 0) {
        share(growth, parts_);
    } else {
        parts_.at(fallback) += growth;
    }
}

// Part i gets what is between growth * (w0 + … + wi-1) / sum and growth * (w0 + … + wi) / sum, each
// rounded down: together all of it, and no part more than its weight where the growth is below the
// sum.
void PartsOfTotal::share(nanoseconds growth, std::span<const nanoseconds> weights) {
    const Wide sum = sum_of(weights);
    Wide before = 0;
    std::int64_t shared = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        before += weights[i].count();
        const auto until = static_cast<std::int64_t>(growth.count() * before / sum);
        given_[i] = nanoseconds(until - std::exchange(shared, until));
    }
    for (std::size_t i = 0; i < given_.size(); ++i) { // not above: the weights may be the parts
        parts_[i] += given_[i];
    }
}

void PartsOfTotal::keep_what_was_not_given(nanoseconds given) {
    const Wide ahead = sum_of(seen_) - given.count();
    const bool is_ahead = ahead > 0 && ahead <= kMostAhead.count();
    for (std::size_t i = 0; i < seen_.size(); ++i) {
        seen_[i] = is_ahead ? seen_[i] - given_[i] : nanoseconds(0);
    }
}

} // namespace wattvisor
