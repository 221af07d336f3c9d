// SPDX-License-Identifier: Apache-2.0
// The energy of one VM by the ledgers that charged it, as it travels with the VM: a counter that
// only grows. A ledger raises nothing but its own entry. So of two copies the larger value of an
// entry is the newer one: merging takes it, and no joule is counted twice or taken back, whatever
// order copies arrive in. Pure values, any thread; copies come from outside and are not trusted.
#pragma once

#include "common/energy/zone.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace wattvisor {

// Made once at random for each ledger, and kept in its file. A ledger that begins anew, because its
// file was lost, is another ledger.
struct LedgerId {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend bool operator==(const LedgerId&, const LedgerId&) = default;
    friend bool operator<(const LedgerId& a, const LedgerId& b) {
        return std::tie(a.high, a.low) < std::tie(b.high, b.low);
    }
};

[[nodiscard]] LedgerId make_ledger_id();
// 32 hexadecimal digits in lower case; never all zero.
[[nodiscard]] std::string to_string(const LedgerId& id);
[[nodiscard]] std::optional<LedgerId> parse_ledger_id(std::string_view text);

// Hosts differ in their sockets, so energy travels by kind of zone: the sum over the sockets.
inline constexpr std::array kCarriedKinds{ZoneKind::package, ZoneKind::core, ZoneKind::uncore,
                                          ZoneKind::dram, ZoneKind::psys};

struct KindEnergy {
    std::array<std::uint64_t, kCarriedKinds.size()> uj{}; // in the order of ZoneKind

    [[nodiscard]] std::uint64_t& operator[](ZoneKind kind) {
        return uj.at(static_cast<std::size_t>(kind));
    }
    [[nodiscard]] std::uint64_t operator[](ZoneKind kind) const {
        return uj.at(static_cast<std::size_t>(kind));
    }
    friend bool operator==(const KindEnergy&, const KindEnergy&) = default;
};

// More than the hosts of a large cluster; as text this is 16 KiB.
inline constexpr std::size_t kMostLedgers = 64;
// A kilowatt for thirty thousand years. Such a sum can be added to any real counter of 64 bits.
inline constexpr std::uint64_t kMostCarriedUj = 1'000'000'000'000'000'000;

class CarriedEnergy {
public:
    struct Entry {
        LedgerId ledger;
        KindEnergy energy;

        friend bool operator==(const Entry&, const Entry&) = default;
    };

    // Takes the larger value of each kind.
    void raise(const LedgerId& ledger, const KindEnergy& energy);
    void merge(const CarriedEnergy& other);

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; } // by ledger
    [[nodiscard]] bool empty() const { return entries_.empty(); }
    // What the ledger charged; nothing if it has no entry.
    [[nodiscard]] KindEnergy charged_by(const LedgerId& ledger) const;
    // The sum over all ledgers, or the largest number where it would not fit.
    [[nodiscard]] KindEnergy total() const;
    // Within kMostLedgers and kMostCarriedUj: what is beyond is refused wherever it comes from.
    [[nodiscard]] bool is_plausible() const;

    friend bool operator==(const CarriedEnergy&, const CarriedEnergy&) = default;

private:
    std::vector<Entry> entries_;
};

enum class Learned { nothing, more, refused };

// What a host adds to its own ledger's account of a VM: what other ledgers charged, and what this
// one charged before the account began. The latter is only there after this ledger had forgotten
// the VM, or was put back from an older copy of its file.
class CarriedAccount {
public:
    CarriedAccount() = default;
    explicit CarriedAccount(CarriedEnergy kept) : kept_(std::move(kept)) {}

    // Takes in a copy that came with the VM. `charged` is what the account of ledger `own` holds
    // now; copies of a start of the VM must be taken in before that start is charged.
    Learned learn(const CarriedEnergy& copy, const LedgerId& own, const KindEnergy& charged);

    // To be added to what the account holds.
    [[nodiscard]] KindEnergy before() const { return kept_.total(); }
    // What goes with the VM. Empty if `own` would be one ledger too many.
    [[nodiscard]] std::optional<CarriedEnergy> to_carry(const LedgerId& own,
                                                        const KindEnergy& charged) const;
    // For the ledger's file.
    [[nodiscard]] const CarriedEnergy& kept() const { return kept_; }

private:
    CarriedEnergy kept_;
};

} // namespace wattvisor
