// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger_text.hpp"

#include "common/energy/powercap.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace wattvisor {

namespace {

using Json = nlohmann::json;
constexpr int kFormat = 2;
// Written by 0.1.0 before totals survived a reboot; it has no identity, no carries and no counters.
constexpr int kOldFormat = 1;

constexpr std::int64_t unix_ms(std::chrono::system_clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

bool is_plain(const std::string& text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

// Text of a consumer inside JSON: names may hold anything, valid UTF-8 or not. Nearly all are
// plain, and the library takes a microsecond for each.
std::string quoted(const std::string& text) {
    if (is_plain(text)) {
        return '"' + text + '"';
    }
    return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string number_or_null(const std::optional<std::uint64_t>& value) {
    return value ? std::to_string(*value) : "null";
}

void append_zone(std::string& out, const ZoneTotals& totals) {
    fmt::format_to(std::back_inserter(out),
                   R"(  {{"id":{},"name":{},"socket":{},"total_uj":{},"folded_uj":{},)"
                   R"("other_uj":{},"idle_uj":{},"unmetered_uj":{},)",
                   quoted(totals.zone.id), quoted(totals.zone.name), totals.zone.socket,
                   totals.total_uj, totals.folded_uj, totals.other_uj, totals.idle_uj,
                   totals.unmetered_uj);
    fmt::format_to(std::back_inserter(out),
                   R"("other_carry":{},"idle_carry":{},"counter_uj":{},"range_uj":{},"wraps":{},)"
                   R"("resets":{},"jumps":{},"floor_uw":{}}})",
                   totals.other_carry, totals.idle_carry, number_or_null(totals.counter_uj),
                   totals.zone.max_energy_range_uj, totals.wraps, totals.resets, totals.jumps,
                   number_or_null(totals.floor_uw));
}

// The zones' ids are the same for all accounts: `"ID":`, quoted once, with a comma before all but
// the first.
using ZoneNames = std::vector<std::string>;

// Appends pieces to a text that has room for them: thousands of short ones, at each tick.
class Pieces {
public:
    // At most so many bytes.
    Pieces(std::string& text, std::size_t most) : text_(text), size_(text.size()) {
        text_.resize(size_ + most);
    }
    Pieces(const Pieces&) = delete;
    Pieces& operator=(const Pieces&) = delete;
    ~Pieces() { text_.resize(size_); }

    void add(std::string_view piece) {
        std::copy(piece.begin(), piece.end(), text_.data() + size_);
        size_ += piece.size();
    }
    template <typename Number>
    void add_number(Number number) {
        const fmt::format_int digits(number);
        add({digits.data(), digits.size()});
    }
    void add_number_or_null(const std::optional<std::uint64_t>& value) {
        if (value) {
            add_number(*value);
        } else {
            add("null");
        }
    }
    void add_quoted(const std::string& text) {
        if (is_plain(text)) {
            add("\"");
            add(text);
            add("\"");
        } else {
            add(quoted(text));
        }
    }
    template <typename Number>
    void add_per_zone(const std::vector<Number>& values, const ZoneNames& names) {
        for (std::size_t zone = 0; zone < names.size(); ++zone) {
            add(names[zone]);
            add_number(values[zone]);
        }
    }

private:
    std::string& text_;
    std::size_t size_; // of what was written
};

// No account's text is longer, but for what it carries.
std::size_t most_bytes(const Account& account, const ZoneNames& names) {
    constexpr std::size_t kFixed = 256;     // names of fields, three numbers
    constexpr std::size_t kMostPerByte = 6; // \u001f
    constexpr std::size_t kNumber = 20;     // of 64 bits, or a sign and 63
    std::size_t most =
        kFixed + kMostPerByte * (account.consumer->key.size() + account.consumer->name.size());
    for (const std::string& name : names) {
        most += 2 * (name.size() + kNumber);
    }
    return most;
}

// By ledger, microjoules per kind of zone in the order of kCarriedKinds.
void append_carried(std::string& out, const CarriedEnergy& carried) {
    out += R"(,"carried_uj":{)";
    const char* separator = "";
    for (const CarriedEnergy::Entry& entry : carried.entries()) {
        fmt::format_to(std::back_inserter(out), "{}{}:[{}]", separator,
                       quoted(to_string(entry.ledger)), fmt::join(entry.energy.uj, ","));
        separator = ",";
    }
    out += '}';
}

void append_account(std::string& out, const Account& account, const ZoneNames& names,
                    const std::optional<std::uint64_t>& power_uw) {
    {
        Pieces text(out, most_bytes(account, names));
        text.add(R"(  {"key":)");
        text.add_quoted(account.consumer->key);
        text.add(R"(,"name":)");
        text.add_quoted(account.consumer->name);
        text.add(R"(,"ended_unix_ms":)");
        if (account.listed) {
            text.add("null");
        } else {
            text.add_number(unix_ms(account.ended));
        }
        text.add(R"(,"power_uw":)");
        text.add_number_or_null(power_uw);
        text.add(R"(,"zones_uj":{)");
        text.add_per_zone(account.total_uj, names);
        text.add(R"(},"carry":{)");
        text.add_per_zone(account.carry, names);
        text.add("}");
    }
    if (!account.carried.kept().empty()) {
        append_carried(out, account.carried.kept());
    }
    out += '}';
}

// get<>() turns -5 and 1e30 into some whole number without a word.
std::uint64_t decode_count(const Json& json) {
    if (!json.is_number_unsigned()) {
        throw std::runtime_error(json.dump() + " is not a whole number from 0 to 2^64 - 1");
    }
    return json.get<std::uint64_t>();
}

// Within the range of system_clock, or turning it into a time point would overflow.
std::int64_t decode_unix_ms(const Json& json) {
    constexpr std::int64_t kMax = unix_ms(std::chrono::system_clock::time_point::max());
    const std::uint64_t time = decode_count(json);
    if (time > static_cast<std::uint64_t>(kMax)) {
        throw std::runtime_error(json.dump() + " is not a time");
    }
    return static_cast<std::int64_t>(time);
}

// Fractions of a microjoule, in 2^-32: a ledger never holds more than the sum of some.
std::int64_t decode_carry(const Json& json) {
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    // A number from 2^63 on is negative to get<std::int64_t>().
    const bool is_too_large =
        json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(kMost);
    if (!json.is_number_integer() || is_too_large || json.get<std::int64_t>() < -kMost) {
        throw std::runtime_error(json.dump() + " is not a carried fraction");
    }
    return json.get<std::int64_t>();
}

std::optional<std::uint64_t> decode_optional_count(const Json& json) {
    return json.is_null() ? std::nullopt : std::optional(decode_count(json));
}

Zone decode_zone(const Json& json) {
    Zone zone;
    zone.id = json.at("id").get<std::string>();
    zone.name = json.at("name").get<std::string>();
    zone.socket = static_cast<unsigned>(decode_count(json.at("socket")));
    const auto kind = parse_zone_kind(zone.name);
    if (!kind) {
        throw std::runtime_error("'" + zone.name + "' is not the name of a zone");
    }
    zone.kind = *kind;
    return zone;
}

ZoneTotals decode_totals(const Json& json, int format) {
    ZoneTotals totals;
    totals.zone = decode_zone(json);
    totals.total_uj = decode_count(json.at("total_uj"));
    totals.folded_uj = decode_count(json.at("folded_uj"));
    totals.other_uj = decode_count(json.at("other_uj"));
    totals.idle_uj = decode_count(json.at("idle_uj"));
    if (format == kOldFormat) {
        return totals;
    }
    totals.unmetered_uj = decode_count(json.at("unmetered_uj"));
    totals.other_carry = decode_carry(json.at("other_carry"));
    totals.idle_carry = decode_carry(json.at("idle_carry"));
    totals.counter_uj = decode_optional_count(json.at("counter_uj"));
    totals.zone.max_energy_range_uj = decode_count(json.at("range_uj"));
    totals.wraps = decode_count(json.at("wraps"));
    totals.resets = decode_count(json.at("resets"));
    totals.jumps = decode_count(json.at("jumps"));
    totals.floor_uw = decode_optional_count(json.at("floor_uw"));
    return totals;
}

LedgerId decode_ledger_id(const std::string& text) {
    const auto id = parse_ledger_id(text);
    if (!id) {
        throw std::runtime_error("'" + text + "' is not the id of a ledger");
    }
    return *id;
}

CarriedAccount decode_carried(const Json& json) {
    CarriedEnergy carried;
    for (const auto& [ledger, values] : json.items()) {
        KindEnergy energy;
        for (std::size_t kind = 0; kind < energy.uj.size(); ++kind) {
            energy.uj[kind] = decode_count(values.at(kind));
        }
        carried.raise(decode_ledger_id(ledger), energy);
    }
    if (!carried.is_plausible()) {
        throw std::runtime_error("carried energy is more than any host can have charged");
    }
    return CarriedAccount(std::move(carried));
}

LedgerRecord::Row decode_row(const Json& json, const std::vector<ZoneTotals>& zones, int format) {
    LedgerRecord::Row row;
    auto consumer = std::make_shared<Consumer>();
    consumer->kind = ConsumerKind::vm;
    consumer->key = json.at("key").get<std::string>();
    consumer->name = json.at("name").get<std::string>();
    row.account.consumer = std::move(consumer);
    const Json& ended = json.at("ended_unix_ms");
    row.account.listed = ended.is_null();
    if (!ended.is_null()) {
        row.account.ended =
            std::chrono::system_clock::time_point(std::chrono::milliseconds(decode_unix_ms(ended)));
    }
    row.power_uw = decode_optional_count(json.at("power_uw"));
    if (json.contains("carried_uj")) {
        row.account.carried = decode_carried(json.at("carried_uj"));
    }
    for (const ZoneTotals& totals : zones) {
        row.account.total_uj.push_back(decode_count(json.at("zones_uj").at(totals.zone.id)));
        row.account.carry.push_back(
            format == kOldFormat ? 0 : decode_carry(json.at("carry").at(totals.zone.id)));
    }
    return row;
}

void check_sums(const LedgerRecord& record) {
    for (std::size_t zone = 0; zone < record.zones.size(); ++zone) {
        const ZoneTotals& totals = record.zones[zone];
        std::uint64_t parts = totals.folded_uj + totals.other_uj + totals.idle_uj;
        for (const auto& row : record.rows) {
            parts += row.account.total_uj[zone];
        }
        if (parts != totals.total_uj) {
            throw std::runtime_error("the parts of zone " + totals.zone.id +
                                     " do not add up to its total");
        }
    }
}

// Of two accounts of one key, one would never be found again.
void check_unique(const LedgerRecord& record) {
    std::unordered_set<std::string_view> seen;
    for (const ZoneTotals& totals : record.zones) {
        if (!seen.insert(totals.zone.id).second) {
            throw std::runtime_error("zone " + totals.zone.id + " is there twice");
        }
    }
    seen.clear();
    for (const auto& row : record.rows) {
        if (!seen.insert(row.account.consumer->key).second) {
            throw std::runtime_error("account " + row.account.consumer->key + " is there twice");
        }
    }
}

int decode_format(const Json& json) {
    const int format = json.at("format").get<int>();
    if (format != kFormat && format != kOldFormat) {
        throw std::runtime_error("its format is not " + std::to_string(kFormat));
    }
    return format;
}

LedgerRecord decode(std::string_view text) {
    const Json json = Json::parse(text);
    const int format = decode_format(json);
    LedgerRecord record;
    if (format == kFormat) {
        record.id = decode_ledger_id(json.at("ledger_id").get<std::string>());
        record.boot_id = json.at("boot_id").get<std::string>();
        record.ended_in_order = json.at("ended_in_order").get<bool>();
        record.ended_accounts_in = json.at("ended_accounts_in").get<std::string>();
    }
    record.epoch = json.at("epoch").get<std::string>();
    record.sequence = decode_count(json.at("sequence"));
    record.written_unix_ms = decode_unix_ms(json.at("written_unix_ms"));
    record.interval_ns = decode_count(json.at("interval_ns"));
    for (const Json& zone : json.at("zones")) {
        record.zones.push_back(decode_totals(zone, format));
    }
    for (const Json& account : json.at("accounts")) {
        record.rows.push_back(decode_row(account, record.zones, format));
    }
    check_unique(record);
    return record;
}

Error no_ledger(const std::exception& problem, const std::string& where) {
    return Error{Severity::fatal, std::string("is not a ledger: ") + problem.what(), where,
                 "Move it away to begin with new totals"};
}

ZoneNames quoted_names(const std::vector<ZoneTotals>& zones) {
    ZoneNames names;
    for (const ZoneTotals& totals : zones) {
        names.push_back((names.empty() ? "" : ",") + quoted(totals.zone.id) + ":");
    }
    return names;
}

// The processes of a host are not written down: after a restart of the agent they begin anew, and
// what they were charged is what ended consumers were.
std::vector<ZoneTotals> with_processes_folded(const Ledger& ledger) {
    std::vector<ZoneTotals> zones = ledger.zones();
    for (const Account* account : ledger.awake()) {
        if (account->consumer->kind != ConsumerKind::process) {
            continue;
        }
        for (std::size_t zone = 0; zone < zones.size(); ++zone) {
            zones[zone].folded_uj += account->total_uj[zone];
            zones[zone].other_carry += account->carry[zone];
        }
    }
    return zones;
}

// By consumer, as the snapshot has them in another order than the ledger.
class PowerOfConsumers {
public:
    explicit PowerOfConsumers(const Snapshot& snapshot) {
        known_.reserve(snapshot.consumers.size());
        for (const ConsumerAccount& account : snapshot.consumers) {
            known_.emplace_back(account.consumer.get(), &account);
        }
        std::sort(known_.begin(), known_.end());
    }
    [[nodiscard]] std::optional<std::uint64_t> of(const Consumer& consumer) const {
        const auto found =
            std::lower_bound(known_.begin(), known_.end(), Entry(&consumer, nullptr));
        return found != known_.end() && found->first == &consumer ? found->second->power_uw
                                                                  : std::nullopt;
    }

private:
    using Entry = std::pair<const Consumer*, const ConsumerAccount*>;
    std::vector<Entry> known_;
};

} // namespace

std::string encode_ledger(const Ledger& ledger, const Snapshot& snapshot,
                          const LedgerTextOptions& options) {
    const PowerOfConsumers power(snapshot);
    std::string out;
    out.reserve(2048 + ledger.awake().size() * 384);
    fmt::format_to(std::back_inserter(out),
                   R"({{"format":{},"ledger_id":{},"boot_id":{},"epoch":{},"sequence":{},)"
                   R"("written_unix_ms":{},"interval_ns":{},"ended_in_order":{},)"
                   R"("ended_accounts_in":{},)",
                   kFormat, quoted(to_string(ledger.id())), quoted(options.boot_id),
                   quoted(snapshot.epoch), snapshot.sequence, unix_ms(snapshot.wall),
                   snapshot.interval.count(), options.ended_in_order,
                   quoted(options.ended_accounts_in));
    out += "\n \"zones\":[";
    const char* separator = "\n";
    for (const ZoneTotals& totals : with_processes_folded(ledger)) {
        out += separator;
        append_zone(out, totals);
        separator = ",\n";
    }
    out += "],\n \"accounts\":[";
    separator = "\n";
    const ZoneNames names = quoted_names(ledger.zones());
    const auto append = [&](const Account& account) {
        if (account.consumer->kind == ConsumerKind::process) {
            return;
        }
        out += separator;
        append_account(out, account, names, power.of(*account.consumer));
        separator = ",\n";
    };
    if (options.ended_accounts_in.empty()) {
        for (const auto& [id, account] : ledger.accounts()) {
            append(account);
        }
    } else {
        for (const Account* account : ledger.awake()) {
            append(*account);
        }
    }
    out += "]}\n";
    return out;
}

std::string encode_ended_accounts(const Ledger& ledger) {
    std::string out = fmt::format("{{\"format\":{},\n \"accounts\":[", kFormat);
    const char* separator = "\n";
    const ZoneNames names = quoted_names(ledger.zones());
    for (const auto& [id, account] : ledger.accounts()) {
        if (!account.listed) {
            out += separator;
            append_account(out, account, names, std::nullopt);
            separator = ",\n";
        }
    }
    out += "]}\n";
    return out;
}

Result<LedgerRecord> decode_ledger(std::string_view text, const std::string& where) {
    try {
        return decode(text);
    } catch (const std::exception& problem) {
        return no_ledger(problem, where);
    }
}

Result<bool> decode_ended_accounts(std::string_view text, const std::string& where,
                                   LedgerRecord& record) {
    try {
        const Json json = Json::parse(text);
        const int format = decode_format(json);
        for (const Json& account : json.at("accounts")) {
            record.rows.push_back(decode_row(account, record.zones, format));
        }
        check_unique(record);
        return true;
    } catch (const std::exception& problem) {
        return no_ledger(problem, where);
    }
}

Result<bool> check_ledger(const LedgerRecord& record, const std::string& where) {
    try {
        check_sums(record);
        return true;
    } catch (const std::exception& problem) {
        return no_ledger(problem, where);
    }
}

} // namespace wattvisor
