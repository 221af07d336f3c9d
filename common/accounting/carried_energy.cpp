// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/carried_energy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>

namespace wattvisor {

namespace {

static_assert(static_cast<std::size_t>(kCarriedKinds.front()) == 0 &&
                  static_cast<std::size_t>(kCarriedKinds.back()) == kCarriedKinds.size() - 1,
              "KindEnergy is indexed by ZoneKind");

constexpr std::size_t kHalf = 16; // hexadecimal digits of 64 bits

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    return a > kMax - b ? kMax : a + b;
}

// Digits in lower case only: one id has one text.
std::optional<std::uint64_t> parse_hex(std::string_view digits) {
    std::uint64_t value = 0;
    for (const char c : digits) {
        const bool is_letter = c >= 'a' && c <= 'f';
        if (!is_letter && !(c >= '0' && c <= '9')) {
            return std::nullopt;
        }
        value = value << 4U | static_cast<std::uint64_t>(is_letter ? c - 'a' + 10 : c - '0');
    }
    return value;
}

std::uint64_t random_word() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

} // namespace

LedgerId make_ledger_id() {
    LedgerId id;
    while (id == LedgerId{}) {
        id = {random_word(), random_word()};
    }
    return id;
}

std::string to_string(const LedgerId& id) {
    return fmt::format("{:016x}{:016x}", id.high, id.low);
}

std::optional<LedgerId> parse_ledger_id(std::string_view text) {
    if (text.size() != 2 * kHalf) {
        return std::nullopt;
    }
    const auto high = parse_hex(text.substr(0, kHalf));
    const auto low = parse_hex(text.substr(kHalf));
    if (!high || !low || (*high == 0 && *low == 0)) {
        return std::nullopt;
    }
    return LedgerId{*high, *low};
}

void CarriedEnergy::raise(const LedgerId& ledger, const KindEnergy& energy) {
    auto entry = std::ranges::lower_bound(entries_, ledger, std::less<>{}, &Entry::ledger);
    if (entry == entries_.end() || entry->ledger != ledger) {
        entry = entries_.insert(entry, Entry{ledger, {}});
    }
    for (const ZoneKind kind : kCarriedKinds) {
        entry->energy[kind] = std::max(entry->energy[kind], energy[kind]);
    }
}

void CarriedEnergy::merge(const CarriedEnergy& other) {
    for (const Entry& entry : other.entries_) {
        raise(entry.ledger, entry.energy);
    }
}

KindEnergy CarriedEnergy::charged_by(const LedgerId& ledger) const {
    const auto entry = std::ranges::lower_bound(entries_, ledger, std::less<>{}, &Entry::ledger);
    return entry != entries_.end() && entry->ledger == ledger ? entry->energy : KindEnergy{};
}

KindEnergy CarriedEnergy::total() const {
    KindEnergy sum;
    for (const Entry& entry : entries_) {
        for (const ZoneKind kind : kCarriedKinds) {
            sum[kind] = saturating_sum(sum[kind], entry.energy[kind]);
        }
    }
    return sum;
}

bool CarriedEnergy::is_plausible() const {
    const KindEnergy sum = total();
    return entries_.size() <= kMostLedgers &&
           std::ranges::all_of(sum.uj, [](std::uint64_t uj) { return uj <= kMostCarriedUj; });
}

Learned CarriedAccount::learn(const CarriedEnergy& copy, const LedgerId& own,
                              const KindEnergy& charged) {
    CarriedEnergy merged = kept_;
    for (const CarriedEnergy::Entry& entry : copy.entries()) {
        KindEnergy elsewhere = entry.energy;
        if (entry.ledger == own) {
            for (const ZoneKind kind : kCarriedKinds) {
                elsewhere[kind] -= std::min(elsewhere[kind], charged[kind]);
            }
            if (elsewhere == KindEnergy{}) {
                continue; // as always: this ledger knows all that it ever charged
            }
        }
        merged.raise(entry.ledger, elsewhere);
    }
    if (merged == kept_) {
        return Learned::nothing;
    }
    if (!merged.is_plausible()) {
        return Learned::refused;
    }
    kept_ = std::move(merged);
    return Learned::more;
}

std::optional<CarriedEnergy> CarriedAccount::to_carry(const LedgerId& own,
                                                      const KindEnergy& charged) const {
    CarriedEnergy carried = kept_;
    KindEnergy all_of_own = kept_.charged_by(own);
    for (const ZoneKind kind : kCarriedKinds) {
        all_of_own[kind] = saturating_sum(all_of_own[kind], charged[kind]);
    }
    carried.raise(own, all_of_own);
    if (!carried.is_plausible()) {
        return std::nullopt;
    }
    return carried;
}

} // namespace wattvisor
