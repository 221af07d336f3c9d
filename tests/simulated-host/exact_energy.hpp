// SPDX-License-Identifier: Apache-2.0
// Energy without rounding: microwatts times nanoseconds are femtojoules, whole numbers. And the
// split of an ideal meter, which has a share for everybody down to the femtojoule and never gains
// or loses one. Pure values; any thread.
#pragma once

#include <compare>
#include <cstdint>

namespace wattvisor::simulated {

__extension__ using Wide = unsigned __int128;

inline constexpr std::uint64_t kFemtosPerMicro = 1'000'000'000;

// Whole microjoules and the rest in femtojoules: 64 bits of femtojoules are only 18 kJ.
class Energy {
public:
    Energy() = default;
    explicit Energy(Wide femtojoules)
        : uj_(static_cast<std::uint64_t>(femtojoules / kFemtosPerMicro)),
          rest_fj_(static_cast<std::uint64_t>(femtojoules % kFemtosPerMicro)) {}

    [[nodiscard]] std::uint64_t uj() const { return uj_; } // cut
    [[nodiscard]] std::uint64_t rest_fj() const { return rest_fj_; }
    [[nodiscard]] Wide fj() const { return static_cast<Wide>(uj_) * kFemtosPerMicro + rest_fj_; }
    [[nodiscard]] double joules() const {
        return static_cast<double>(uj_) / 1e6 + static_cast<double>(rest_fj_) / 1e15;
    }

    Energy& operator+=(const Energy& other) {
        rest_fj_ += other.rest_fj_;
        uj_ += other.uj_ + rest_fj_ / kFemtosPerMicro;
        rest_fj_ %= kFemtosPerMicro;
        return *this;
    }
    friend Energy operator+(Energy a, const Energy& b) { return a += b; }
    // `b` must not be more than `a`.
    friend Energy operator-(const Energy& a, const Energy& b) { return Energy(a.fj() - b.fj()); }
    friend auto operator<=>(const Energy&, const Energy&) = default;

private:
    std::uint64_t uj_ = 0;
    std::uint64_t rest_fj_ = 0;
};

// Deals `total` out in proportion to weights that add up to `weights`: call take() for each of
// them. Each gets its share to less than a femtojoule, and all together get exactly `total`.
class ExactSplit {
public:
    ExactSplit(const Energy& total, std::uint64_t weights)
        : total_fj_(total.fj()), weights_(weights) {}

    [[nodiscard]] Energy take(std::uint64_t weight) {
        reached_ += weight;
        const Wide upto = share_of(reached_);
        const Wide part = upto - given_fj_;
        given_fj_ = upto;
        return Energy(part);
    }

private:
    // total * reached / weights; whole and rest apart, since the product may be above 128 bits.
    [[nodiscard]] Wide share_of(std::uint64_t reached) const {
        return total_fj_ / weights_ * reached + total_fj_ % weights_ * reached / weights_;
    }

    Wide total_fj_;
    Wide weights_;
    std::uint64_t reached_ = 0;
    Wide given_fj_ = 0;
};

} // namespace wattvisor::simulated
