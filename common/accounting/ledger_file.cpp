// SPDX-License-Identifier: Apache-2.0
#include "common/accounting/ledger_file.hpp"

#include "common/base/text_file.hpp"
#include "common/energy/powercap.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>
#include <unordered_map>
#include <unordered_set>

namespace wattvisor {

namespace {

using Json = nlohmann::json;
constexpr int kFormat = 1;
// 10,000 VMs of four zones are 2 MB.
constexpr std::size_t kMaxLedgerFile = 64UL << 20U;

constexpr std::int64_t unix_ms(std::chrono::system_clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// Text of a consumer inside JSON: names may hold anything, valid UTF-8 or not.
std::string quoted(const std::string& text) {
    return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_zone(std::string& out, const ZoneTotals& totals) {
    fmt::format_to(std::back_inserter(out),
                   R"(  {{"id":{},"name":{},"socket":{},"total_uj":{},"folded_uj":{},)"
                   R"("other_uj":{},"idle_uj":{}}})",
                   quoted(totals.zone.id), quoted(totals.zone.name), totals.zone.socket,
                   totals.total_uj, totals.folded_uj, totals.other_uj, totals.idle_uj);
}

void append_account(std::string& out, const Account& account, const std::vector<ZoneTotals>& zones,
                    const std::optional<std::uint64_t>& power_uw) {
    fmt::format_to(std::back_inserter(out), R"(  {{"key":{},"name":{},"ended_unix_ms":{},)",
                   quoted(account.consumer->key), quoted(account.consumer->name),
                   account.listed ? "null" : std::to_string(unix_ms(account.ended)));
    fmt::format_to(std::back_inserter(out), R"("power_uw":{},"zones_uj":{{)",
                   power_uw ? std::to_string(*power_uw) : "null");
    for (std::size_t zone = 0; zone < zones.size(); ++zone) {
        fmt::format_to(std::back_inserter(out), "{}{}:{}", zone == 0 ? "" : ",",
                       quoted(zones[zone].zone.id), account.total_uj[zone]);
    }
    out += "}}";
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

ZoneTotals decode_totals(const Json& json) {
    ZoneTotals totals;
    totals.zone = decode_zone(json);
    totals.total_uj = decode_count(json.at("total_uj"));
    totals.folded_uj = decode_count(json.at("folded_uj"));
    totals.other_uj = decode_count(json.at("other_uj"));
    totals.idle_uj = decode_count(json.at("idle_uj"));
    return totals;
}

LedgerRecord::Row decode_row(const Json& json, const std::vector<ZoneTotals>& zones) {
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
    const Json& power = json.at("power_uw");
    if (!power.is_null()) {
        row.power_uw = decode_count(power);
    }
    for (const ZoneTotals& totals : zones) {
        row.account.total_uj.push_back(decode_count(json.at("zones_uj").at(totals.zone.id)));
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

LedgerRecord decode(std::string_view text) {
    const Json json = Json::parse(text);
    if (json.at("format").get<int>() != kFormat) {
        throw std::runtime_error("its format is not " + std::to_string(kFormat));
    }
    LedgerRecord record;
    record.epoch = json.at("epoch").get<std::string>();
    record.sequence = decode_count(json.at("sequence"));
    record.written_unix_ms = decode_unix_ms(json.at("written_unix_ms"));
    record.interval_ns = decode_count(json.at("interval_ns"));
    for (const Json& zone : json.at("zones")) {
        record.zones.push_back(decode_totals(zone));
    }
    for (const Json& account : json.at("accounts")) {
        record.rows.push_back(decode_row(account, record.zones));
    }
    check_unique(record);
    check_sums(record);
    return record;
}

Error write_failure(const std::filesystem::path& path) {
    return system_error(errno, path.string(),
                        "Totals will not survive a restart of the agent until this is mended");
}

} // namespace

std::string encode_ledger(const Ledger& ledger, const Snapshot& snapshot) {
    std::unordered_map<const Consumer*, std::optional<std::uint64_t>> power_uw;
    for (const ConsumerAccount& consumer : snapshot.consumers) {
        power_uw.emplace(consumer.consumer.get(), consumer.power_uw);
    }
    std::string out;
    out.reserve(1024 + ledger.accounts().size() * 256);
    fmt::format_to(std::back_inserter(out),
                   "{{\"format\":{},\"epoch\":{},\"sequence\":{},\"written_unix_ms\":{},"
                   "\"interval_ns\":{},\n \"zones\":[",
                   kFormat, quoted(snapshot.epoch), snapshot.sequence, unix_ms(snapshot.wall),
                   snapshot.interval.count());
    const char* separator = "\n";
    for (const ZoneTotals& totals : ledger.zones()) {
        out += separator;
        append_zone(out, totals);
        separator = ",\n";
    }
    out += "],\n \"accounts\":[";
    separator = "\n";
    for (const auto& [id, account] : ledger.accounts()) {
        out += separator;
        const auto power = power_uw.find(account.consumer.get());
        append_account(out, account, ledger.zones(),
                       power == power_uw.end() ? std::nullopt : power->second);
        separator = ",\n";
    }
    out += "]}\n";
    return out;
}

Result<LedgerRecord> decode_ledger(std::string_view text, const std::string& where) {
    try {
        return decode(text);
    } catch (const std::exception& problem) {
        return Error{Severity::fatal, std::string("is not a ledger: ") + problem.what(), where,
                     "Move it away to begin with new totals"};
    }
}

Result<LedgerRecord> read_ledger_file(const std::filesystem::path& path) {
    const auto text = read_text(path, kMaxLedgerFile);
    if (!text) {
        return text.error();
    }
    return decode_ledger(*text, path.string());
}

Result<bool> write_ledger_file(const std::filesystem::path& path, std::string_view text) {
    const std::filesystem::path fresh = path.string() + ".new";
    const FileDescriptor fd(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!fd) {
        return write_failure(fresh);
    }
    while (!text.empty()) {
        const ssize_t written = ::write(fd.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return write_failure(fresh);
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
        return write_failure(path);
    }
    return true;
}

void restore_ledger(Ledger& ledger, LedgerRecord record) {
    std::vector<Account> accounts;
    accounts.reserve(record.rows.size());
    const auto written =
        std::chrono::system_clock::time_point(std::chrono::milliseconds(record.written_unix_ms));
    for (auto& row : record.rows) {
        if (row.account.listed) {
            // It may run still: how long nobody measured it says nothing about when it ended.
            row.account.ended = std::max(written, std::chrono::system_clock::now());
        }
        accounts.push_back(std::move(row.account));
    }
    ledger.restore(std::move(record.zones), std::move(accounts));
}

} // namespace wattvisor
